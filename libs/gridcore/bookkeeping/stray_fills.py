"""Stray fills: of orders that counted as ended, so that no slot has them any more. The fill is real and is booked (P3).

That takes a wrong word on record, an operator's or the venue's. The order's name tells the slot, which may have gone.
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
    """Key of the slot that an order of a step up to `seq` was for, and what it did there.

    Raises LogMismatchError where there is no such slot, or the step lies ahead: the state never sent such an order.
    """
    seat = _slot_of_order(update, seq)
    if seat is not None:
        level, side, role = seat
        for slot in slots:
            if (slot.level, slot.opening_side) == (level, side):
                return slot.key, role
    raise LogMismatchError(
        f"order update {update.offset} of {update.symbol} is a fill of {update.client_order_id}, "
        "which the state does not know, and none of its slots can have placed"
    )


def slots_to_restore(state: State, updates: Iterable[OrderUpdate], rungs: Ladder) -> tuple[InventorySlot, ...]:
    """The slots that stray fills among the updates belong to and the state no longer has."""
    held = {slot.order.client_order_id for slot in state.slots.values() if slot.order is not None}
    revived: dict[str, InventorySlot] = {}
    for update in updates:
        if not isinstance(update.news, Fill) or update.client_order_id in held:
            continue
        seat = _slot_of_order(update, state.seq)
        if seat is not None and not _has(state.slots, *seat[:2]):
            slot = rungs.rung(*seat[:2])
            if slot.key not in state.slots:
                revived[slot.key] = slot
    return tuple(revived.values())


def _has(slots: Mapping[str, InventorySlot], level: int, side: Side) -> bool:
    return any((slot.level, slot.opening_side) == (level, side) for slot in slots.values())


def _slot_of_order(update: OrderUpdate, seq: int) -> tuple[int, Side, Role] | None:
    """Level and opening side of the slot that the order's name tells, and the order's role."""
    name = parse_client_order_id(update.client_order_id)
    if name is None or name.seq > seq:
        return None
    return name.level, update.side if name.role is Role.OPENING else update.side.opposite, name.role
