"""Refusals: which class each reason has, and how the pause before the next try grows with it, per slot and reason.

A slot waits for `retry_after_ms` after the first refusal and twice as long after each further one for the same reason,
up to the cap that its reason has for its role. Closings and cancels have the shorter cap: they take risk off. What ends
a wait early: a clock that is set back, a change of conditions (`conditions`), an order update that frees what lacked,
and, for what the venue refuses the whole account or symbol, a place of any slot that was taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gridcore.model.enums import FastEnum
from gridcore.model.orders import Role
from gridcore.model.slots import InventorySlot, SlotRefusal


class RefusalClass(FastEnum):
    """How long a refusal lasts by its nature, and how far it reaches."""

    PASSING = "PASSING"  # tried again, after pauses that grow
    LASTING = "LASTING"  # until something changes: funds, a filter, a limit
    SYMBOL = "SYMBOL"  # nothing can be traded in this symbol
    ACCOUNT = "ACCOUNT"  # nothing can be traded with this account


@dataclass(frozen=True, slots=True)
class Pace:
    """The class of a reason, and the longest pause before an order of each kind is tried again."""

    refusal_class: RefusalClass
    opening_cap_ms: int
    closing_cap_ms: int  # of cancels too


WOULD_MATCH = "WOULD_MATCH"  # the reason of a refused order that would have traded at once
INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
INVALID_ORDER = "INVALID_ORDER"
ORDER_PLACES = "ORDER_PLACES"  # the account's open orders in the market are at their maximum
MARKET_CLOSED = "MARKET_CLOSED"
FENCED = "FENCED"  # never sent: another orchestrator acts. No refusal of the venue's, and not counted as one

_PASSING = Pace(RefusalClass.PASSING, 60_000, 10_000)
_CANCEL = Pace(RefusalClass.PASSING, 60_000, 60_000)

PACES: dict[str, Pace] = {
    WOULD_MATCH: Pace(RefusalClass.PASSING, 10_000, 5_000),  # the market's doing: at the next price it may rest
    "RATE_LIMITED": _PASSING,
    "BANNED": _PASSING,
    "CLOCK_SKEW": _PASSING,
    "VENUE_UNREACHABLE": _PASSING,
    "EXPIRED": _PASSING,
    "NOT_PLACED": _PASSING,
    "ORDER_LIMIT": Pace(RefusalClass.PASSING, 300_000, 30_000),  # of the ten seconds, or of the day
    INSUFFICIENT_FUNDS: Pace(RefusalClass.LASTING, 600_000, 60_000),
    ORDER_PLACES: Pace(RefusalClass.LASTING, 600_000, 60_000),
    INVALID_ORDER: Pace(RefusalClass.LASTING, 300_000, 60_000),
    MARKET_CLOSED: Pace(RefusalClass.SYMBOL, 60_000, 30_000),
    "SYMBOL_REFUSED": Pace(RefusalClass.SYMBOL, 300_000, 60_000),
    "KEY_REFUSED": Pace(RefusalClass.ACCOUNT, 60_000, 10_000),
    "IN_DOUBT": _CANCEL,
    "PLACE_IN_DOUBT": _CANCEL,
    "CANCEL_REFUSED": _CANCEL,
    "ORDER_NOT_SHOWN": _CANCEL,
}
"""What is not in it is taken as lasting."""

_OTHER = Pace(RefusalClass.LASTING, 300_000, 60_000)
_LONGEST_MESSAGE = 200  # it is kept with each slot

FREED_BY_UPDATES = frozenset({INSUFFICIENT_FUNDS, ORDER_PLACES})
"""Reasons that a fill or the end of one of our orders may remove."""

SHARED = frozenset({"VENUE_UNREACHABLE", "CLOCK_SKEW", "KEY_REFUSED", "BANNED", MARKET_CLOSED})
"""Reasons that no slot has alone: an order that is taken proves them gone for all."""


def pace(reason: str) -> Pace:
    """The pace of a reason."""
    return PACES.get(reason, _OTHER)


def pause_ms(reason: str, role: Role, count: int, base_ms: int) -> int:
    """How long a slot waits after `count` refusals in a row for this reason. `base_ms`: after the first."""
    if count == 1:
        return base_ms
    return min(max(base_ms, 1) << min(count - 1, 32), _longest_ms(reason, role, base_ms))


def waits(slot: InventorySlot, role: Role, at_ms: int, base_ms: int) -> bool:
    """Whether it is too early to try an order of this role in the slot, or a cancel (role CLOSING).

    A wait that would last longer than the longest of its reason was begun before the clock was set back: it is over.
    """
    if slot.retry_after_ms <= at_ms:
        return False
    reason = "" if slot.refusal is None else slot.refusal.reason
    return slot.retry_after_ms - at_ms <= _longest_ms(reason, role, base_ms)


def _longest_ms(reason: str, role: Role, base_ms: int) -> int:
    paced = pace(reason)
    return max(base_ms, paced.opening_cap_ms if role is Role.OPENING else paced.closing_cap_ms)


def refused(slot: InventorySlot, reason: str, message: str, *, role: Role, at_ms: int, base_ms: int) -> InventorySlot:
    """The slot after an order of it, or a cancel (role CLOSING), was refused at `at_ms`."""
    before = slot.refusal
    if before is None or before.reason != reason:
        before = SlotRefusal(reason, 0, at_ms, "", at_ms)
    refusal = replace(before, count=before.count + 1, message=message[:_LONGEST_MESSAGE], last_ms=at_ms)
    wait_ms = pause_ms(reason, role, refusal.count, base_ms)
    return replace(slot, refusal=refusal, retry_after_ms=at_ms + wait_ms)


def at_once(slots: Mapping[str, InventorySlot], reasons: frozenset[str], pause_ms: int) -> dict[str, InventorySlot]:
    """The slots that wait for one of these reasons, tried `pause_ms` after their last refusal: at once, as a rule.

    How often they were refused stays counted. Without the pause, whatever frees something would hammer the venue.
    """
    return {
        key: replace(slot, retry_after_ms=slot.refusal.last_ms + pause_ms)
        for key, slot in slots.items()
        if slot.refusal is not None
        and slot.refusal.reason in reasons
        and slot.retry_after_ms > slot.refusal.last_ms + pause_ms
    }


def forgiven(
    slots: Mapping[str, InventorySlot], reasons: frozenset[str] | None = None, pause_ms: int = 0
) -> dict[str, InventorySlot]:
    """The slots that were refused for one of these reasons (None: for any), as if they had not been.

    Each is tried `pause_ms` after its last refusal at the earliest.
    """
    return {
        key: replace(slot, retry_after_ms=slot.refusal.last_ms + pause_ms if pause_ms else 0, refusal=None)
        for key, slot in slots.items()
        if slot.refusal is not None and (reasons is None or slot.refusal.reason in reasons)
    }


def most_refusals(slots: Mapping[str, InventorySlot]) -> int:
    """The most that one slot has been refused in a row for a reason that stays until something changes."""
    return max(
        (
            slot.refusal.count
            for slot in slots.values()
            if slot.refusal is not None and pace(slot.refusal.reason).refusal_class is RefusalClass.LASTING
        ),
        default=0,
    )
