"""Preemption: selects opening orders to cancel, so that more important orders get the resources that they bind.

A closing that is short of an order place, base or quote preempts the farthest opening. An opening that is short
preempts a farther one of its own side. So the few orders that a small account or a full market allows follow the price.
"""

from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal

from gridcore.grid.allocation import Allocation, Shortage, cost_of
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.refusals import INSUFFICIENT_FUNDS, ORDER_PLACES, waits
from gridcore.model.slots import InventorySlot


def preempted(
    slots: Sequence[InventorySlot],
    allocation: Allocation,
    price: Decimal,
    gone: Collection[str],
    at_ms: int,
    base_ms: int,
) -> list[InventorySlot]:
    """Returns the slots whose opening orders are preempted.

    `gone`: keys of slots whose orders are cancelled anyway. `base_ms`: the wait after a first refusal, as in `waits`.
    """
    openings = [slot for slot in slots if slot.order is not None and slot.order.role is Role.OPENING]
    leaving = [slot for slot in openings if slot.key in gone or _leaves(slot)]
    standing = [slot for slot in openings if slot.key not in gone and _can_leave(slot, at_ms, base_ms)]
    standing.sort(key=lambda slot: ((price - slot.price) * slot.opening_side.sign, slot.price), reverse=True)
    lacks = allocation.lacks
    closings = [lack for lack in lacks if lack.role is Role.CLOSING]
    places = sum(lack.reason == ORDER_PLACES for lack in closings) - len(leaving)
    chosen = {slot.key: slot for slot in standing[: max(0, places)]}
    for side in Side:
        poor = [lack for lack in closings if lack.reason == INSUFFICIENT_FUNDS and lack.side is side]
        lacking = sum((lack.cost for lack in poor), ZERO) - allocation.spare[side]
        chosen |= {slot.key: slot for slot in _binding(side, lacking, standing, leaving)}
        waiting = [lack for lack in lacks if lack.role is Role.OPENING and lack.side is side]
        chosen |= {slot.key: slot for slot in _farther(side, waiting, standing, leaving)}
    return list(chosen.values())


def _leaves(slot: InventorySlot) -> bool:
    return slot.order is not None and slot.order.status is OrderStatus.CANCELING


def _can_leave(slot: InventorySlot, at_ms: int, base_ms: int) -> bool:
    is_open = slot.order is not None and slot.order.status is OrderStatus.OPEN
    return is_open and not waits(slot, Role.CLOSING, at_ms, base_ms)


def _binding(
    side: Side, lacking: Decimal, standing: Sequence[InventorySlot], leaving: Sequence[InventorySlot]
) -> Iterator[InventorySlot]:
    """Yields the farthest slots whose orders bind the `lacking` funds of a side, beyond what leaving orders free."""
    lacking -= sum((_bound(slot, side) for slot in leaving), ZERO)
    for slot in standing:
        if lacking <= 0:
            return
        bound = _bound(slot, side)
        if bound:
            lacking -= bound
            yield slot


def _bound(slot: InventorySlot, side: Side) -> Decimal:
    order = slot.order
    if order is None or order.side is not side:
        return ZERO
    return cost_of(side, order.quantity - order.executed, order.price)


def _farther(
    side: Side,
    waiting: Sequence[Shortage],
    standing: Sequence[InventorySlot],
    leaving: Sequence[InventorySlot],
) -> Iterator[InventorySlot]:
    """Yields openings of a side that are farther away than waiting ones, one for each waiting one."""
    begun = sum(slot.opening_side is side for slot in leaving)
    for slot in standing:
        if slot.opening_side is side:
            begun += 1
            if sum((lack.price - slot.price) * side.sign > 0 for lack in waiting) < begun:
                return
            yield slot
