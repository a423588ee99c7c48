"""Stray fills: fills of orders that are recorded as ended, so that no slot has them. They are real and are booked (P3).

The cause is a wrong end on record, from an operator statement or from the venue. The client order id encodes the slot,
which may have been dropped since.
"""

from collections.abc import Iterable, Mapping

from gridcore.grid.ladder import Ladder
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.errors import LogMismatchError
from gridcore.model.ids import parse_client_order_id
from gridcore.model.orders import Role, Side
from gridcore.model.slots import InventorySlot
from gridcore.model.state import State


def slot_of(slots: Iterable[InventorySlot], seq: int, update: OrderUpdate) -> tuple[str, Role]:
    """Returns the key of the slot that the update's order was placed for, and the order's role.

    Raises LogMismatchError if there is no such slot, or if a step after `seq` placed the order: this state has never
    sent it.
    """
    ended_order = _slot_of_order(update, seq)
    if ended_order is not None:
        level, side, role = ended_order
        for slot in slots:
            if (slot.level, slot.opening_side) == (level, side):
                return slot.key, role
    raise LogMismatchError(
        f"order update {update.offset} of {update.symbol} is a fill of {update.client_order_id}, "
        "which the state does not know, and none of its slots can have placed"
    )


def slots_to_restore(state: State, updates: Iterable[OrderUpdate], grid_levels: Ladder) -> tuple[InventorySlot, ...]:
    """Returns the empty slots that stray fills among the updates belong to and that the state no longer has."""
    held = {slot.order.client_order_id for slot in state.slots.values() if slot.order is not None}
    revived: dict[str, InventorySlot] = {}
    for update in updates:
        if not isinstance(update.news, Fill) or update.client_order_id in held:
            continue
        ended_order = _slot_of_order(update, state.seq)
        if ended_order is not None and not _has(state.slots, *ended_order[:2]):
            slot = grid_levels.slot_of_side(*ended_order[:2])
            if slot.key not in state.slots:
                revived[slot.key] = slot
    return tuple(revived.values())


def _has(slots: Mapping[str, InventorySlot], level: int, side: Side) -> bool:
    return any((slot.level, slot.opening_side) == (level, side) for slot in slots.values())


def _slot_of_order(update: OrderUpdate, seq: int) -> tuple[int, Side, Role] | None:
    """Returns level and opening side of the slot in the client order id, and the role; None if `seq` is exceeded."""
    name = parse_client_order_id(update.client_order_id)
    if name is None or name.seq > seq:
        return None
    return name.level, update.side if name.role is Role.OPENING else update.side.opposite, name.role
