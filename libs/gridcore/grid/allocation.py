"""Allocates scarce order places, base and quote: to closing orders first, then to the nearest opening orders.

A resource that is not known to be scarce is unlimited here.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.grid.funds import present
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.refusals import INSUFFICIENT_FUNDS, ORDER_PLACES
from gridcore.model.slots import InventorySlot
from gridcore.model.state import State


@dataclass(frozen=True, slots=True)
class Shortage:
    """An order that is not tried because funds or order places are short."""

    reason: str  # INSUFFICIENT_FUNDS or ORDER_PLACES
    role: Role
    side: Side
    price: Decimal
    cost: Decimal  # what it needs: base for a sell, quote for a buy
    in_doubt: bool = False  # there is enough if UNKNOWN orders bind nothing, or have filled by now


def allocation_of(state: State, market: MarketRules, slots: Sequence[InventorySlot]) -> "Allocation":
    """Returns the allocation of what the slots' existing orders leave free, according to the state."""
    funds = present(state)
    if funds is None and not market.max_orders:
        return _UNLIMITED
    return Allocation(
        None if funds is None else {Side.SELL: funds.base, Side.BUY: funds.quote},
        market.max_orders - state.foreign.orders if market.max_orders else None,
        market,
        slots,
    )


class Allocation:
    """Funds and order places that are left.

    Call `take` for closings first, then `reserve`, then `take` for openings, the nearest first.
    """

    def __init__(
        self,
        funds: dict[Side, Decimal] | None,
        places: int | None,
        market: MarketRules | None,
        slots: Sequence[InventorySlot],
    ) -> None:
        self.lacks: list[Shortage] = []
        self.spare = dict.fromkeys(Side, ZERO)  # left over after closings, too little for those that are short
        self._market = market
        self._slots = slots
        self._poor: set[Side] = set()  # sides on which an opening was short: farther ones get nothing
        self._funds = funds
        self._places = places
        self._unknown: dict[Side, Decimal] = {}  # bound by UNKNOWN orders, minus shortages in doubt
        if self._places is not None:
            self._places -= sum([slot.order is not None for slot in slots])
        if self._funds is not None:
            for slot in slots:
                if slot.order is not None:
                    side, left = slot.order.side, slot.order.quantity - slot.order.executed
                    bound = cost_of(side, left, slot.order.price)
                    self._funds[side] -= bound
                    if slot.order.status is OrderStatus.UNKNOWN:
                        self._unknown[side] = self._unknown.get(side, ZERO) + bound

    @property
    def unlimited(self) -> bool:
        """Reports whether nothing is scarce."""
        return self._funds is None and self._places is None

    def take(self, role: Role, side: Side, quantity: Decimal, price: Decimal) -> bool:
        """Allocates what an order needs and returns True, or records a shortage and returns False."""
        if self._funds is None and self._places is None:
            return True
        cost = cost_of(side, quantity, price)
        reason = self._wanting(side, cost)
        if not reason and role is Role.OPENING and side in self._poor:
            reason = INSUFFICIENT_FUNDS
        if reason:
            self.lacks.append(Shortage(reason, role, side, price, cost, self._in_doubt(reason, side, cost)))
            if role is Role.OPENING:
                self._poor.add(side)
            return False
        if self._funds is not None:
            self._funds[side] -= cost
        if self._places is not None:
            self._places -= 1
        return True

    def reserve(self, waiting: int, placed: Collection[str]) -> None:
        """Reserves an order place for each of the `waiting` closings, and the funds to close every position.

        `waiting` counts closings that are in the window and are not tried yet. `placed`: keys of slots whose closings
        are already allocated.
        """
        if self._places is not None:
            self._places -= waiting
        if self._funds is None or self._market is None:
            return
        self.spare = {side: max(ZERO, left) for side, left in self._funds.items()}
        for slot in self._slots:
            if not slot.position or slot.key in placed:
                continue
            held = slot.closable(self._market)
            if slot.order is not None and slot.order.role is Role.CLOSING:
                held = max(ZERO, held - (slot.order.quantity - slot.order.executed))
            side = slot.opening_side.opposite
            self._funds[side] -= cost_of(side, held, slot.closing_price)

    def _in_doubt(self, reason: str, side: Side, cost: Decimal) -> bool:
        # The balance may already include a fill of an UNKNOWN order. That order's funds would then be counted twice.
        if reason != INSUFFICIENT_FUNDS or self._funds is None or side not in self._unknown:
            return False
        enough = self._funds[side] + self._unknown[side] >= cost
        self._unknown[side] -= cost
        return enough

    def _wanting(self, side: Side, cost: Decimal) -> str:
        if self._funds is not None and self._funds[side] < cost:
            return INSUFFICIENT_FUNDS
        return ORDER_PLACES if self._places is not None and self._places < 1 else ""


_UNLIMITED = Allocation(None, None, None, ())  # it keeps no data, so one instance is shared


def cost_of(side: Side, quantity: Decimal, price: Decimal) -> Decimal:
    """Returns what an order binds: base for a sell, quote for a buy."""
    return quantity if side is Side.SELL else quantity * price
