"""reconcile: the state held against the venue's book. Finds what does not match; fills are never taken from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from gridcore.model.orders import OrderStatus, Role
from gridcore.model.state import State


@dataclass(frozen=True, slots=True)
class VenueSnapshot:
    """What the venue and the ledger show: client ids of our resting orders, of foreign ones, and of those in flight."""

    ours: frozenset[str]
    foreign: frozenset[str] = frozenset()
    in_flight: frozenset[str] = frozenset()  # intents, being sent, or UNKNOWN


@dataclass(frozen=True, slots=True)
class Discrepancies:
    """What does not match. `orphans` rest on the venue without a slot, `missing` have a slot and no order there."""

    orphans: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def none(self) -> bool:
        """Whether state and venue agree."""
        return not (self.orphans or self.missing)


def reconcile(state: State, snapshot: VenueSnapshot) -> Discrepancies:
    """Compares the slots' orders with the book.

    A missing order has ended, or the list lags: its end is for the update log to tell. An orphan is an order of ours
    that this state never sent: a second bot, or a state from a backup. Orders whose fate is open are in neither list.
    """
    known = {slot.order.client_order_id: slot.order for slot in state.slots.values() if slot.order is not None}
    resting = {name for name, order in known.items() if order.status is OrderStatus.OPEN}
    return Discrepancies(
        orphans=tuple(sorted(snapshot.ours - known.keys() - snapshot.in_flight)),
        missing=tuple(sorted(resting - snapshot.ours - snapshot.in_flight)),
    )


def live_openings(state: State) -> Sequence[str]:
    """Client ids of the opening orders that have not ended: safe mode is reached when there are none."""
    return [
        slot.order.client_order_id
        for slot in state.slots.values()
        if slot.order is not None and slot.order.role is Role.OPENING
    ]
