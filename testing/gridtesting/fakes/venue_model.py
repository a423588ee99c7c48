"""A value model of venue and ledger for the core's tests: executes plans, answers, fills, and writes the update log.

It obeys the contract of the real pair: results never contain fills, an order's end comes after all its fills, offsets
have no gaps, and an id names one order permanently.
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal

from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.events import Plan
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import OrderStatus, Side

LIVE = frozenset({OrderStatus.OPEN})


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """An order in the model's book. `hidden`: its place was answered UNKNOWN and is not resolved yet."""

    place: PlaceOrder
    executed: Decimal
    status: OrderStatus
    hidden: bool = False

    @property
    def remaining(self) -> Decimal:
        """The quantity that can still fill."""
        return self.place.quantity - self.executed


@dataclass(slots=True)
class VenueModel:
    """The book, the log and the answers."""

    market: MarketRules
    orders: dict[str, ModelOrder] = field(default_factory=dict[str, ModelOrder])
    lost: dict[str, PlaceOrder] = field(default_factory=dict[str, PlaceOrder])  # UNKNOWN and never placed
    log: list[OrderUpdate] = field(default_factory=list[OrderUpdate])
    trades: int = 0

    def answer(self, plan: Plan, outcomes: list[Outcome] | None = None) -> list[ActionResult]:
        """Executes the plan. `outcomes` sets the outcome of each place; UNKNOWN ones either rest or are lost."""
        results: list[ActionResult] = []
        for index, action in enumerate(plan.actions):
            wish = outcomes[index % len(outcomes)] if outcomes else Outcome.ACCEPTED
            results.append(self._act(index, action, wish, reached=(index + plan.seq) % 2 == 0))
        return results

    def live(self) -> list[ModelOrder]:
        """The open orders."""
        return [order for order in self.orders.values() if order.status in LIVE]

    def fill(self, name: str, quantity: Decimal) -> None:
        """Fills a quantity of an order at its price; its end follows the last fill, unless it is logged already."""
        order = self.orders[name]
        quantity = min(quantity, order.remaining)
        self.trades += 1
        fee_in_base = order.place.side is Side.BUY
        fill = Fill(
            trade_id=str(self.trades),
            price=order.place.price,
            quantity=quantity,
            fee=(quantity if fee_in_base else quantity * order.place.price) * self.market.maker_fee,
            fee_asset=self.market.base if fee_in_base else self.market.quote,
            maker=True,
        )
        self.orders[name] = replace(order, executed=order.executed + quantity)
        self._tell(name, fill)
        if self.orders[name].remaining == 0 and order.status in LIVE:
            self.end(name, OrderStatus.FILLED)

    def end(self, name: str, status: OrderStatus) -> None:
        """Ends an order: filled, cancelled by its owner, or ended by the venue."""
        self.orders[name] = replace(self.orders[name], status=status, hidden=False)
        self._tell(name, status)

    def resolve(self, name: str) -> None:
        """Provides evidence for an UNKNOWN order: it is found, or proved never placed."""
        if name in self.lost:
            place = self.lost.pop(name)
            self.orders[name] = ModelOrder(place, Decimal(0), OrderStatus.NOT_PLACED)
            self._tell(name, OrderStatus.NOT_PLACED)
        else:
            self.orders[name] = replace(self.orders[name], hidden=False)
            self._tell(name, OrderStatus.OPEN)

    def unresolved(self) -> list[str]:
        """Ids of UNKNOWN orders that the log has not resolved yet."""
        return [*self.lost, *(name for name, order in self.orders.items() if order.hidden)]

    def _act(self, index: int, action: Action, wish: Outcome, *, reached: bool) -> ActionResult:
        match action:
            case PlaceOrder():
                return ActionResult(
                    index, action.client_order_id, self._place(action, wish, reached=reached), str(index)
                )
            case CancelOrder():
                return ActionResult(index, action.client_order_id, self._cancel(action.client_order_id, wish))

    def _place(self, place: PlaceOrder, wish: Outcome, *, reached: bool) -> Outcome:
        if place.client_order_id in self.orders or place.client_order_id in self.lost:
            raise AssertionError(f"{place.client_order_id} names two orders")
        if wish is Outcome.UNKNOWN and not reached:
            self.lost[place.client_order_id] = place
        elif wish in {Outcome.ACCEPTED, Outcome.UNKNOWN}:
            hidden = wish is Outcome.UNKNOWN
            self.orders[place.client_order_id] = ModelOrder(place, Decimal(0), OrderStatus.OPEN, hidden)
        return wish

    def _cancel(self, name: str, wish: Outcome) -> Outcome:
        if wish in {Outcome.REJECTED, Outcome.NOT_SENT, Outcome.EXPIRED, Outcome.UNKNOWN}:
            return wish
        if self.orders[name].status not in LIVE:
            return Outcome.ENDED
        self.end(name, OrderStatus.CANCELED)
        return Outcome.CANCELLED

    def _tell(self, name: str, news: Fill | OrderStatus) -> None:
        side = self.orders[name].place.side
        self.log.append(OrderUpdate(self.market.symbol, len(self.log) + 1, name, name, side, news))
