"""The control RPCs, which no real exchange offers: lockstep market control and the oracle."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import TypeVar

import grpc

from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound, RpcError
from gridsim.account import MAIN
from gridsim.market import MarketTrade
from gridsim.orders import Side as OrderSide
from gridsim.rules import Refused
from gridwright.v1 import models_pb2, simex_pb2, simex_pb2_grpc
from simex.control.changes import check_trading
from simex.control.exchange_control import ExchangeControl, forget_order
from simex.control.fault_control import FaultControl
from simex.control.messages import plain, true_balance, true_order, true_trade
from simex.exchange.market_clock import BATCH_EVENTS
from simex.exchange.venue import Venue
from simex.protocol.formats import STEP

MAX_EVENTS = 1_000_000
_MOST_DEPOSIT = 10**12
_ASSET = re.compile(r"[^\W_a-z]{1,20}")
_PART = 2_000  # orders or trades in one message of StreamTruth: far below gRPC's default of 4 MB

T = TypeVar("T")


class ControlServicer(simex_pb2_grpc.SimexServicer):
    """Works on the same venue as the API. `flushed` waits until everything published has reached every socket."""

    def __init__(
        self,
        venue: Venue,
        flushed: Callable[[], Awaitable[None]],
        clock_ms: Callable[[], int],
        desk: FaultControl,
        world: ExchangeControl,
    ) -> None:
        self._world = world
        self._venue = venue
        self._desk = desk
        self._flushed = flushed
        self._clock_ms = clock_ms

    async def Advance(  # noqa: N802  the contract's name
        self, request: simex_pb2.AdvanceRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Processes market events: the requested number, or all to the market's end."""
        symbol = self._known(request.symbol)
        check_trading(self._venue.book(symbol).rules)
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
        """Stops or starts one market, or all; returns the last one's status."""
        symbols = [self._known(request.symbol)] if request.symbol else list(self._venue.listings)
        for symbol in symbols:
            self._venue.set_running(symbol, running=request.running)
        return self._status(symbols[-1])

    async def GetMarket(  # noqa: N802
        self, request: simex_pb2.GetMarketRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Returns the market's position and status."""
        return self._status(self._known(request.symbol))

    async def InjectTrade(  # noqa: N802
        self, request: simex_pb2.InjectTradeRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.MarketStatus:
        """Trades once at a given price."""
        symbol = self._known(request.symbol)
        rules = self._venue.book(symbol).rules
        check_trading(rules)
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

    async def Deposit(  # noqa: N802
        self, request: simex_pb2.DepositRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.TrueBalance:
        """Deposits to an account, or withdraws from its free balance."""
        account, asset = request.account or MAIN, request.asset
        if account not in self._venue.accounts:
            raise NotFound(f"account = {account!r}: this simex has {', '.join(self._venue.accounts)}")
        if not _ASSET.fullmatch(asset):
            raise InvalidArgument(f'asset = {asset!r}: give its name in capitals, such as "BTC"')
        amount = _amount(request.amount)
        try:
            stored = self._venue.deposit(account, asset, amount, self._clock_ms())
        except ValueError:
            remedy = "withdraw no more than is free"
            raise FailedPrecondition(
                f"amount = {request.amount!r}: account {account} has less {asset}; {remedy}"
            ) from None
        await self._flushed()
        return true_balance(stored)

    async def GetTruth(  # noqa: N802
        self, request: simex_pb2.GetTruthRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.Truth:
        """Returns the whole book on disk."""
        truth = simex_pb2.Truth()
        for part in self._truth():
            truth.MergeFrom(part)
        return truth

    async def StreamTruth(  # noqa: N802
        self, request: simex_pb2.GetTruthRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> AsyncIterator[simex_pb2.Truth]:
        """The same in parts, all read before the first is sent: a consistent snapshot."""
        for part in list(self._truth()):
            yield part

    async def ListReceived(  # noqa: N802
        self, request: simex_pb2.ListReceivedRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.ListReceivedResponse:
        """Lists the requests that clients sent, in the order in which they came."""
        return self._desk.requests(request)

    async def AddFault(  # noqa: N802
        self, request: simex_pb2.AddFaultRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.AddFaultResponse:
        """Puts a fault in force, behind those that are."""
        return self._desk.add(request)

    async def ListFaults(  # noqa: N802
        self, request: simex_pb2.ListFaultsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.ListFaultsResponse:
        """Lists the faults in force and the spent ones, with how often each struck."""
        return self._desk.list()

    async def ClearFaults(  # noqa: N802
        self, request: simex_pb2.ClearFaultsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.ClearFaultsResponse:
        """Takes faults out of force; those without an id, all of them."""
        return self._desk.clear(request)

    async def DropSockets(  # noqa: N802
        self, request: simex_pb2.DropSocketsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.DropSocketsResponse:
        """Cuts websocket connections."""
        return self._desk.drop(request)

    async def SetClock(  # noqa: N802
        self, request: simex_pb2.SetClockRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.SetClockResponse:
        """Makes the venue's clock jump."""
        return self._desk.set_clock(request)

    async def SetMarketRules(  # noqa: N802
        self, request: simex_pb2.SetMarketRulesRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.VenueRules:
        """Changes the rules of a symbol."""
        rules = self._world.set_rules(request, self._clock_ms())
        await self._flushed()
        return rules

    async def GetMarketRules(  # noqa: N802
        self, request: simex_pb2.GetMarketRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.VenueRules:
        """Returns a symbol's rules as its clients see them now."""
        return self._world.rules(request)

    async def SetCommission(  # noqa: N802
        self, request: simex_pb2.SetCommissionRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.SetCommissionResponse:
        """Sets an account's commission in a symbol."""
        return self._world.set_commission(request)

    async def SetKeys(  # noqa: N802
        self, request: simex_pb2.SetKeysRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.SetKeysResponse:
        """Refuses keys, or accepts them again."""
        return self._world.set_keys(request)

    async def SetLimits(  # noqa: N802
        self, request: simex_pb2.VenueLimits, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.VenueLimits:
        """Changes the given limits of requests and orders; returns all of them."""
        return self._world.set_limits(request)

    async def ForgetOrder(  # noqa: N802
        self, request: simex_pb2.ForgetOrderRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.TrueOrder:
        """Ends an open order silently."""
        return forget_order(self._venue, request, self._clock_ms())

    async def Wipe(  # noqa: N802
        self, request: simex_pb2.WipeRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> simex_pb2.WipeResponse:
        """Resets the exchange."""
        return self._world.wipe()

    def _truth(self) -> Iterator[simex_pb2.Truth]:
        store = self._venue.store
        trades = (trade for symbol in self._venue.listings for trade in store.all_trades(symbol))
        yield simex_pb2.Truth(
            balances=map(true_balance, store.balances()),
            markets=[self._status(symbol) for symbol in self._venue.listings],
        )
        for orders in _batched(store.all_orders()):
            yield simex_pb2.Truth(orders=map(true_order, orders))
        for some in _batched(trades):
            yield simex_pb2.Truth(trades=map(true_trade, some))

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
            price=plain(state.point.price),
            events_done=state.point.events_done,
            market_time_ms=state.point.market_time_ms,
            at_end=state.at_end,
            running=state.running and not state.at_end,
        )


def _batched(rows: Iterable[T]) -> Iterator[list[T]]:
    left = iter(rows)
    while batch := list(islice(left, _PART)):
        yield batch


def _amount(text: str) -> Decimal:
    fault = InvalidArgument(
        f"amount = {text!r}: give a decimal other than 0, of at most 8 decimals and less than {_MOST_DEPOSIT}"
    )
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise fault from None
    if not value.is_finite() or not 0 < abs(value) < _MOST_DEPOSIT or value % STEP:
        raise fault
    return value


def _positive(name: str, text: str, most: Decimal) -> Decimal:
    fault: RpcError = InvalidArgument(f"{name} = {text!r}: give a decimal above 0, at most {plain(most)}")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise fault from None
    if not value.is_finite() or not 0 < value <= most:
        raise fault
    return value
