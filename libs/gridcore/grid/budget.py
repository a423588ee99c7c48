"""The budget: how much quote a grid may bind. Foreign orders in its market reduce it (P6)."""

from decimal import Decimal

from gridcore.model.config import GridConfig, GridMode
from gridcore.model.money import ZERO
from gridcore.model.orders import Role
from gridcore.model.slots import InventorySlot
from gridcore.model.state import ForeignOrders, State


def budget_left(state: State, config: GridConfig) -> Decimal | None:
    """Returns the quote that further opening orders may bind; negative if overdrawn, None without a budget.

    Bound are the cost of open positions, our opening orders at their prices (UNKNOWN ones too), and foreign orders on
    the sides on which the grid opens.
    """
    if config.budget is None:
        return None
    return config.budget - sum(map(_bound, state.slots.values()), ZERO) - _taken(state.foreign, config.mode)


def _bound(slot: InventorySlot) -> Decimal:
    order = slot.order
    if order is None or order.role is not Role.OPENING:
        return abs(slot.cost)
    return abs(slot.cost) + (order.quantity - order.executed) * order.price


def _taken(foreign: ForeignOrders, mode: GridMode) -> Decimal:
    match mode:
        case GridMode.LONG:
            return foreign.buying
        case GridMode.SHORT:
            return foreign.selling
        case GridMode.NEUTRAL:
            return foreign.buying + foreign.selling
