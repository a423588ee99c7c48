"""InventorySlot: one rung of the grid, with the order that works for it and the position it holds."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum

from gridcore.market import MarketRules
from gridcore.money import ZERO, canonical
from gridcore.orders import OrderStatus, Role, Side


class SlotStatus(Enum):
    """Whether an order stands for the slot."""

    FREE = "FREE"  # no order
    PENDING = "PENDING"  # an order whose fate is open: UNKNOWN or CANCELING
    LOCKED = "LOCKED"  # an order rests on the venue


class PositionStatus(Enum):
    """What the slot holds."""

    EMPTY = "EMPTY"
    FILLED = "FILLED"  # enough to be closed by an order of its own
    DUST = "DUST"  # a residue too small for the venue; it joins the next closing order


@dataclass(frozen=True, slots=True)
class SlotOrder:
    """The slot's order that has not ended. `executed` counts the fills applied."""

    client_order_id: str
    exchange_order_id: str
    role: Role
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: OrderStatus


@dataclass(frozen=True, slots=True)
class InventorySlot:
    """A rung: opens at `price` on `opening_side`, closes at `closing_price` on the other."""

    price: Decimal
    level: int  # distance from the anchor in intervals
    opening_side: Side
    closing_price: Decimal
    position: Decimal = ZERO  # base, signed; after fees taken in base
    cost: Decimal = ZERO  # quote paid (> 0) or received (< 0) for the position, fees taken in quote included
    position_status: PositionStatus = PositionStatus.EMPTY
    order: SlotOrder | None = None
    round: int = 0  # completed open-close cycles
    retry_after_ms: int = 0  # after a refusal, nothing is placed here before this time
    retiring: bool = False  # the config no longer wants it: it leaves once FREE and EMPTY

    @property
    def key(self) -> str:
        """Its name in the slot map."""
        return canonical(self.price)

    @property
    def status(self) -> SlotStatus:
        """Follows from the order: FREE without one, LOCKED while it rests, PENDING while its fate is open."""
        if self.order is None:
            return SlotStatus.FREE
        return SlotStatus.LOCKED if self.order.status is OrderStatus.OPEN else SlotStatus.PENDING

    def closable(self, market: MarketRules) -> Decimal:
        """The base quantity that a closing order can take, 0 where the venue would refuse it."""
        quantity = market.quantity_down(abs(self.position))
        return quantity if market.tradable(quantity, self.closing_price) else ZERO


def with_position(slot: InventorySlot, position: Decimal, cost: Decimal, market: MarketRules) -> InventorySlot:
    """The slot holding another position, its position status with it."""
    moved = replace(slot, position=position, cost=cost)
    if position == 0:
        status = PositionStatus.EMPTY
    elif moved.closable(market) > 0:
        status = PositionStatus.FILLED
    else:
        status = PositionStatus.DUST
    return replace(moved, position_status=status)
