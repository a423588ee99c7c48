"""The control RPC: what no exchange offers. It moves the market in lockstep and tells the truth."""

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation

import grpc

from gridrpc.faults import Fault, InvalidArgument, NotFound
from gridsim.market import MarketTrade
from gridsim.orders import Order, Trade
from gridsim.orders import Side as OrderSide
from gridsim.rules import Refused
from gridwright.v1 import models_pb2, simex_pb2, simex_pb2_grpc
from simex.pump import BATCH_EVENTS
from simex.rows import StoredBalance
from simex.venue import Venue

MAX_EVENTS = 1_000_000

_SIDES = {OrderSide.BUY: models_pb2.SIDE_BUY, OrderSide.SELL: models_pb2.SIDE_SELL}


class ControlServicer(simex_pb2_grpc.SimexServicer):
    """Over the same venue as the API. `flushed` waits until what was published has reached every socket."""

    def __init__(self, venue: Venue, flushed: Callable[[], Awaitable[None]], clock_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._flushed = flushed
        self._clock_ms = clock_ms

    async def Advance(  # noqa: N802  the name the contract gives it
        self, request: simex_pb2.AdvanceRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Lets events happen, all of them or to the market's end."""
        symbol = self._known(request.symbol)
        if not 1 <= request.events <= MAX_EVENTS:
            raise InvalidArgument(f"events = {request.events}: give a number from 1 to {MAX_EVENTS}")
        left = request.events
        while left:
            done = self._venue.advance(symbol, min(left, BATCH_EVENTS), self._clock_ms())
            left -= done
            if not done:
                break
            await self._flushed()
        return self._status(symbol)

    async def SetRunning(  # noqa: N802
        self, request: simex_pb2.SetRunningRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Stops or starts one market, or all; the answer is the last one's."""
        symbols = [self._known(request.symbol)] if request.symbol else list(self._venue.listings)
        for symbol in symbols:
            self._venue.set_running(symbol, running=request.running)
        return self._status(symbols[-1])

    async def GetMarket(  # noqa: N802
        self, request: simex_pb2.GetMarketRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Where the market is."""
        return self._status(self._known(request.symbol))

    async def InjectTrade(  # noqa: N802
        self, request: simex_pb2.InjectTradeRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Trades once at a price of the caller's."""
        symbol = self._known(request.symbol)
        rules = self._venue.listings[symbol].rules
        price = _positive("price", request.price, rules.max_price)
        quantity = _positive("quantity", request.quantity, rules.max_quantity)
        if price % rules.tick_size:
            raise InvalidArgument(f"price = {request.price!r}: give a multiple of the tick_size {rules.tick_size}")
        match request.side:
            case models_pb2.SIDE_BUY:
                side = OrderSide.BUY
            case models_pb2.SIDE_SELL:
                side = OrderSide.SELL
            case _:
                raise InvalidArgument(f"side = {request.side}: give SIDE_BUY or SIDE_SELL, the taker's")
        time_ms = self._venue.state(symbol).point.market_time_ms
        self._venue.inject(symbol, MarketTrade(time_ms, price, quantity, side), self._clock_ms())
        await self._flushed()
        return self._status(symbol)

    async def GetTruth(  # noqa: N802
        self, request: simex_pb2.GetTruthRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.Truth:
        """All that is in the book on disk."""
        store = self._venue.store
        trades = (trade for symbol in self._venue.listings for trade in store.all_trades(symbol))
        return simex_pb2.Truth(
            orders=[_order(order) for order in store.all_orders()],
            trades=[_trade(trade) for trade in trades],
            balances=[_balance(balance) for balance in store.balances()],
            markets=[self._status(symbol) for symbol in self._venue.listings],
        )

    def _known(self, symbol: str) -> str:
        try:
            self._venue.book(symbol)
        except Refused:
            known = ", ".join(self._venue.listings)
            raise NotFound(f"symbol = {symbol!r}: this simex trades {known}") from None
        return symbol

    def _status(self, symbol: str) -> simex_pb2.MarketStatus:
        state = self._venue.state(symbol)
        return simex_pb2.MarketStatus(
            symbol=symbol,
            price=_text(state.point.price),
            events_done=state.point.events_done,
            market_time_ms=state.point.market_time_ms,
            at_end=state.at_end,
            running=state.running and not state.at_end,
        )


def _positive(name: str, text: str, most: Decimal) -> Decimal:
    fault: Fault = InvalidArgument(f"{name} = {text!r}: give a decimal above 0, at most {_text(most)}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise fault from None
    if not value.is_finite() or not 0 < value <= most:
        raise fault
    return value


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _order(order: Order) -> simex_pb2.TrueOrder:
    return simex_pb2.TrueOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=str(order.order_id),
        side=_SIDES[order.side],
        price=_text(order.price),
        quantity=_text(order.quantity),
        executed=_text(order.executed),
        status=order.status.value,
        transitions=[
            simex_pb2.OrderTransition(time_ms=each.time_ms, status=each.status.value, cause=each.cause)
            for each in order.transitions
        ],
        account=order.account,
    )


def _trade(trade: Trade) -> simex_pb2.TrueTrade:
    return simex_pb2.TrueTrade(
        symbol=trade.symbol,
        trade_id=str(trade.trade_id),
        exchange_order_id=str(trade.order_id),
        client_order_id=trade.client_order_id,
        side=_SIDES[trade.side],
        fill=models_pb2.Fill(
            trade_id=str(trade.trade_id),
            price=_text(trade.price),
            quantity=_text(trade.quantity),
            fee=_text(trade.commission),
            fee_asset=trade.commission_asset,
            maker=trade.maker,
        ),
        time_ms=trade.time_ms,
        account=trade.account,
    )


def _balance(stored: StoredBalance) -> simex_pb2.TrueBalance:
    balance = stored.balance
    return simex_pb2.TrueBalance(
        asset=balance.asset,
        free=_text(balance.free),
        locked=_text(balance.locked),
        at_start=_text(stored.at_start),
        account=stored.account,
    )
