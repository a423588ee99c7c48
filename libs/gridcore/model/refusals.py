"""Refusals: the class of each reason, and the exponential backoff per slot and reason.

A slot waits for `retry_after_ms` after the first refusal and twice as long after each further one for the same reason,
up to the reason's cap for the order's role. Closing orders and cancels have a shorter cap, because they reduce risk. A
wait ends early if:

- the clock is set back;
- conditions change (`conditions`);
- an order update frees the funds or order places that were short;
- the reason concerns the whole account or symbol, and the venue accepts an order of any slot.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gridcore.model.enums import FastEnum
from gridcore.model.orders import Role
from gridcore.model.slots import InventorySlot, SlotRefusal


class RefusalClass(FastEnum):
    """The expected duration and scope of a refusal."""

    PASSING = "PASSING"  # temporary: retried with growing pauses
    LASTING = "LASTING"  # until something changes: funds, a filter, a limit
    SYMBOL = "SYMBOL"  # nothing can be traded in this symbol
    ACCOUNT = "ACCOUNT"  # nothing can be traded with this account


@dataclass(frozen=True, slots=True)
class Pace:
    """The class of a reason, and the longest pause before a retry, by kind of order."""

    refusal_class: RefusalClass
    opening_cap_ms: int
    closing_cap_ms: int  # of cancels too


WOULD_MATCH = "WOULD_MATCH"  # the reason of a refused order that would have traded at once
INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
INVALID_ORDER = "INVALID_ORDER"
ORDER_PLACES = "ORDER_PLACES"  # the account's open orders in the market are at their maximum
MARKET_CLOSED = "MARKET_CLOSED"
FENCED = "FENCED"  # never sent, because another orchestrator is active; not counted as a refusal by the venue

_PASSING = Pace(RefusalClass.PASSING, 60_000, 10_000)
_CANCEL = Pace(RefusalClass.PASSING, 60_000, 60_000)

PACES: dict[str, Pace] = {
    WOULD_MATCH: Pace(RefusalClass.PASSING, 10_000, 5_000),  # caused by market movement: at the next price it may rest
    "RATE_LIMITED": _PASSING,
    "BANNED": _PASSING,
    "CLOCK_SKEW": _PASSING,
    "VENUE_UNREACHABLE": _PASSING,
    "EXPIRED": _PASSING,
    "NOT_PLACED": _PASSING,
    "ORDER_LIMIT": Pace(RefusalClass.PASSING, 300_000, 30_000),  # order count per ten seconds or per day
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
"""The backoff per reason. A reason that is not listed is treated as LASTING."""

_OTHER = Pace(RefusalClass.LASTING, 300_000, 60_000)
_LONGEST_MESSAGE = 200  # in characters; the message is stored with each slot

FREED_BY_UPDATES = frozenset({INSUFFICIENT_FUNDS, ORDER_PLACES})
"""Reasons that a fill or the end of one of our orders may remove."""

SHARED = frozenset({"VENUE_UNREACHABLE", "CLOCK_SKEW", "KEY_REFUSED", "BANNED", MARKET_CLOSED})
"""Reasons that concern all slots: one accepted order proves that they no longer apply to any."""


def pace(reason: str) -> Pace:
    """Returns the class and caps of a reason."""
    return PACES.get(reason, _OTHER)


def pause_ms(reason: str, role: Role, count: int, base_ms: int) -> int:
    """Returns the wait in ms after `count` consecutive refusals for this reason. `base_ms`: wait after the first."""
    if count == 1:
        return base_ms
    return min(max(base_ms, 1) << min(count - 1, 32), _longest_ms(reason, role, base_ms))


def waits(slot: InventorySlot, role: Role, at_ms: int, base_ms: int) -> bool:
    """Reports whether it is too early to try an order of this role in the slot, or a cancel (role CLOSING).

    If the remaining wait is longer than the reason's cap, the clock was set back since the refusal: the wait is over.
    """
    if slot.retry_after_ms <= at_ms:
        return False
    reason = "" if slot.refusal is None else slot.refusal.reason
    return slot.retry_after_ms - at_ms <= _longest_ms(reason, role, base_ms)


def _longest_ms(reason: str, role: Role, base_ms: int) -> int:
    paced = pace(reason)
    return max(base_ms, paced.opening_cap_ms if role is Role.OPENING else paced.closing_cap_ms)


def refused(slot: InventorySlot, reason: str, message: str, *, role: Role, at_ms: int, base_ms: int) -> InventorySlot:
    """Returns the slot after its order, or its cancel (role CLOSING), was refused at `at_ms`."""
    before = slot.refusal
    if before is None or before.reason != reason:
        before = SlotRefusal(reason, 0, at_ms, "", at_ms)
    refusal = replace(before, count=before.count + 1, message=message[:_LONGEST_MESSAGE], last_ms=at_ms)
    wait_ms = pause_ms(reason, role, refusal.count, base_ms)
    return replace(slot, refusal=refusal, retry_after_ms=at_ms + wait_ms)


def at_once(slots: Mapping[str, InventorySlot], reasons: frozenset[str], pause_ms: int) -> dict[str, InventorySlot]:
    """Returns the slots waiting for one of these reasons, with the wait cut to `pause_ms` after their last refusal.

    Most have waited that long, and so are retried at once. Their refusal count is kept. The pause limits the rate of
    retries when updates arrive in quick succession.
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
    """Returns the slots refused for one of these reasons (None: for any), with the refusal removed.

    Each is retried no earlier than `pause_ms` after its last refusal.
    """
    return {
        key: replace(slot, retry_after_ms=slot.refusal.last_ms + pause_ms if pause_ms else 0, refusal=None)
        for key, slot in slots.items()
        if slot.refusal is not None and (reasons is None or slot.refusal.reason in reasons)
    }


def most_refusals(slots: Mapping[str, InventorySlot]) -> int:
    """Returns the highest count of consecutive refusals of one slot for a LASTING reason."""
    return max(
        (
            slot.refusal.count
            for slot in slots.values()
            if slot.refusal is not None and pace(slot.refusal.reason).refusal_class is RefusalClass.LASTING
        ),
        default=0,
    )
