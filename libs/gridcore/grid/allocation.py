"""Purse: what is scarce, shared out. Order places, base and quote go to closings first, then to the nearest openings.

What is not known to be scarce costs nothing here: without a limit on orders and with ample funds, everything fits.
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
    """An order that is not tried, for want of something."""

    reason: str  # INSUFFICIENT_FUNDS or ORDER_PLACES
    role: Role
    side: Side
    price: Decimal
    cost: Decimal  # what it needs: base of a sell, quote of a buy
    in_doubt: bool = False  # there is enough if orders whose outcome is UNKNOWN bind nothing, or have filled by now


def allocation_of(state: State, market: MarketRules, slots: Sequence[InventorySlot]) -> "Allocation":
    """What is left for the slots' orders, as the state knows it."""
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
    """What is left at one moment. Ask for closings first, then `reserve`, then for openings, the nearest first."""

    def __init__(
        self,
        funds: dict[Side, Decimal] | None,
        places: int | None,
        market: MarketRules | None,
        slots: Sequence[InventorySlot],
    ) -> None:
        self.lacks: list[Shortage] = []
        self.spare = dict.fromkeys(Side, ZERO)  # what closings have left over, too little for those that lack it
        self._market = market
        self._slots = slots
        self._poor: set[Side] = set()  # whose nearest opening has lacked something: none farther gets what is left
        self._funds = funds
        self._places = places
        self._unknown: dict[Side, Decimal] = {}  # what UNKNOWN orders count for, less what was in doubt for their sake
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
        """Whether nothing is scarce."""
        return self._funds is None and self._places is None

    def take(self, role: Role, side: Side, quantity: Decimal, price: Decimal) -> bool:
        """Whether there is enough for an order, which it has from now on."""
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
        """Keeps a place for each closing that waits in its window, and what every position will need to be closed.

        `placed` are the slots whose closings have been given theirs.
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
        # The balance may show already what an order has done of which we hear later: it would count twice.
        if reason != INSUFFICIENT_FUNDS or self._funds is None or side not in self._unknown:
            return False
        enough = self._funds[side] + self._unknown[side] >= cost
        self._unknown[side] -= cost
        return enough

    def _wanting(self, side: Side, cost: Decimal) -> str:
        if self._funds is not None and self._funds[side] < cost:
            return INSUFFICIENT_FUNDS
        return ORDER_PLACES if self._places is not None and self._places < 1 else ""


_UNLIMITED = Allocation(None, None, None, ())  # it notes nothing, so one will do for all


def cost_of(side: Side, quantity: Decimal, price: Decimal) -> Decimal:
    """What an order binds: base of a sell, quote of a buy."""
    return quantity if side is Side.SELL else quantity * price
