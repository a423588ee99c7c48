"""Compares the state with the venue's open orders and reports differences. Fills never come from this comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

from gridcore.model.orders import OrderStatus, Role
from gridcore.model.state import State


@dataclass(frozen=True, slots=True)
class VenueSnapshot:
    """Client order ids that the venue and the ledger show: our resting orders, foreign orders, and orders in flight."""

    ours: frozenset[str]
    foreign: frozenset[str] = frozenset()
    in_flight: frozenset[str] = frozenset()  # INTENT, SENDING, or UNKNOWN in the ledger


@dataclass(frozen=True, slots=True)
class Discrepancies:
    """Client order ids that do not match: `orphans` rest on the venue without a slot, `missing` are only in a slot."""

    orphans: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Reports whether state and venue agree."""
        return not (self.orphans or self.missing)


def reconcile(state: State, snapshot: VenueSnapshot) -> Discrepancies:
    """Compares the slots' orders with the venue's open orders.

    A missing order has ended, or the venue's list lags; the update log reports its end. An orphan has one of our ids
    but was never sent by this state: there is a second bot, or the state was restored from a backup. Orders that are
    UNKNOWN, CANCELING or in flight are in neither list of discrepancies.
    """
    known = {slot.order.client_order_id: slot.order for slot in state.slots.values() if slot.order is not None}
    resting = {name for name, order in known.items() if order.status is OrderStatus.OPEN}
    return Discrepancies(
        orphans=tuple(sorted(snapshot.ours - known.keys() - snapshot.in_flight)),
        missing=tuple(sorted(resting - snapshot.ours - snapshot.in_flight)),
    )


def live_openings(state: State) -> Sequence[str]:
    """Returns the client order ids of opening orders that have not ended. Safe mode is reached when there are none."""
    return [
        slot.order.client_order_id
        for slot in state.slots.values()
        if slot.order is not None and slot.order.role is Role.OPENING
    ]
