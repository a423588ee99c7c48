"""Executor and venue in one, in memory: executes the core's plans, returns the results and writes the update log.

It answers as the executor does with simex when nothing fails. Failures on the way to the venue are not simulated.
"""

from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.events import Plan
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import OrderStatus, Side
from gridsim.account import MAIN
from gridsim.exchange import Exchange
from gridsim.market import MarketEvent
from gridsim.orders import NewOrder, OrderType
from gridsim.orders import OrderStatus as VenueStatus
from gridsim.orders import Side as VenueSide
from gridsim.outcome import Execution
from gridsim.outcome import Outcome as Happened
from gridsim.rules import Refused, SymbolRules

_ENDS = {
    VenueStatus.FILLED: OrderStatus.FILLED,
    VenueStatus.CANCELED: OrderStatus.CANCELED,
    VenueStatus.EXPIRED: OrderStatus.EXPIRED,
    VenueStatus.EXPIRED_IN_MATCH: OrderStatus.EXPIRED,
}


def market_rules(rules: SymbolRules) -> MarketRules:
    """Converts the exchange's rules into the core's."""
    return MarketRules(
        symbol=rules.symbol,
        base=rules.base,
        quote=rules.quote,
        tick_size=rules.tick_size,
        lot_size=rules.lot_size,
        min_quantity=rules.min_quantity,
        min_notional=rules.min_notional,
        maker_fee=rules.maker_fee,
        taker_fee=rules.taker_fee,
    )


class PaperVenue:
    """One symbol of an exchange, traded by the main account.

    `log` is its update log: fills in the venue's sequence, each end after its fills.
    """

    def __init__(self, exchange: Exchange, symbol: str) -> None:
        self._exchange = exchange
        self._symbol = symbol
        self.log: list[OrderUpdate] = []

    def happen(self, event: MarketEvent, at_ms: int) -> None:
        """Applies a market event."""
        self._note(self._exchange.happen(self._symbol, event, at_ms))

    def execute(self, plan: Plan, at_ms: int) -> tuple[ActionResult, ...]:
        """Executes the plan's actions one after another; returns the results in their order."""
        return tuple(self._carry_out(index, action, at_ms) for index, action in enumerate(plan.actions))

    def _carry_out(self, index: int, action: Action, at_ms: int) -> ActionResult:
        match action:
            case PlaceOrder():
                return self._place(index, action, at_ms)
            case CancelOrder():
                return self._cancel(index, action, at_ms)

    def _place(self, index: int, place: PlaceOrder, at_ms: int) -> ActionResult:
        new = NewOrder(
            symbol=self._symbol,
            side=VenueSide(place.side.value),
            type=OrderType(place.type.value),
            quantity=place.quantity,
            price=place.price,
            client_order_id=place.client_order_id,
        )
        try:
            happened = self._exchange.place(MAIN, new, at_ms)
        except Refused as refusal:
            reason = refusal.reason.value
            return ActionResult(index, place.client_order_id, Outcome.REJECTED, "", reason, str(refusal), at_ms)
        self._note(happened)
        order_id = str(happened.executions[0].order.order_id)
        return ActionResult(index, place.client_order_id, Outcome.ACCEPTED, order_id, recorded_time_ms=at_ms)

    def _cancel(self, index: int, cancel: CancelOrder, at_ms: int) -> ActionResult:
        order = self._exchange.book(self._symbol).open_client_id(MAIN, cancel.client_order_id)
        if order is not None:
            self._note(self._exchange.cancel(MAIN, self._symbol, order.order_id, at_ms))
        outcome = Outcome.ENDED if order is None else Outcome.CANCELLED
        return ActionResult(index, cancel.client_order_id, outcome, cancel.exchange_order_id, recorded_time_ms=at_ms)

    def _note(self, happened: Happened) -> None:
        for execution in happened.executions:
            if execution.trade is not None:
                trade = execution.trade
                fee, asset = trade.commission, trade.commission_asset
                fill = Fill(str(trade.trade_id), trade.price, trade.quantity, fee, asset, trade.maker)
                self._append(execution, fill)
            if not execution.order.is_open:
                self._append(execution, _ENDS[execution.transition.status])

    def _append(self, execution: Execution, news: Fill | OrderStatus) -> None:
        order, time_ms = execution.order, execution.transition.time_ms
        update = OrderUpdate(
            symbol=self._symbol,
            offset=len(self.log) + 1,
            client_order_id=order.client_order_id,
            exchange_order_id=str(order.order_id),
            side=Side(order.side.value),
            news=news,
            venue_time_ms=time_ms,
            recorded_time_ms=time_ms,
        )
        self.log.append(update)
