"""Makes the changes of an exchange through simex's control, and reverts them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from functools import partial
from typing import Protocol

import grpc

from gridchaos.harness.calls import answered
from gridchaos.storms.deployment import StormDeployment
from gridchaos.storms.market import Market
from gridchaos.venue_changes.changes import (
    BREAK,
    COINS,
    DELISTED,
    FEES,
    FOREIGN_STOP,
    KEYS,
    MINIMUM,
    ORDER_LIMIT,
    ORDER_PLACES,
    QUOTE,
    TICK,
    VenueChange,
)
from gridctl.commands.trade import ManualTrader, TradeError
from griddeploy.channels import Channels
from gridservice.tasks import cancel_and_wait
from gridwright.v1 import simex_pb2

_RULES = {
    TICK: simex_pb2.VenueRules(tick_size="0.1"),
    MINIMUM: simex_pb2.VenueRules(min_notional="1000000"),
    FEES: simex_pb2.VenueRules(maker_fee="0.02", taker_fee="0.02"),
    BREAK: simex_pb2.VenueRules(status=simex_pb2.TRADING_STATUS_BREAK),
    DELISTED: simex_pb2.VenueRules(listed=False),
    ORDER_PLACES: simex_pb2.VenueRules(max_orders=14),
}
_MANY = 1_000_000
_TIGHT = simex_pb2.VenueLimits(enabled=True, request_weight=_MANY, raw_requests=_MANY, orders_10s=8, orders_day=_MANY)
_OPEN = simex_pb2.VenueLimits(enabled=False, orders_10s=_MANY)
_REFUSED = -2015
_SWEEP_SECONDS = 0.2
_CALL_SECONDS = 5.0
_STOP_INTERVALS = 80  # intervals from the market: it is never triggered


class Log(Protocol):
    """Receives the changes that are in force."""

    def begun(self, change: VenueChange) -> None:
        """Records that a change is in force."""

    def ended(self, change: VenueChange) -> None:
        """Records that a change is reverted."""


class NoLog:
    """Ignores the changes."""

    def begun(self, change: VenueChange) -> None:
        """Does nothing."""

    def ended(self, change: VenueChange) -> None:
        """Does nothing."""


class VenuePlayer:
    """Plays changes on one deployment. A change waits for the end of another change of the same kind."""

    def __init__(
        self, channels: Channels, place: StormDeployment, market: Market, log: Log, release: Callable[[str], None]
    ) -> None:
        self._simex = channels.simex
        self._place = place
        self._symbol = place.deployment.symbols[0]
        self._market = market
        self._log = log
        self._release = release  # called for a foreign order that its owner is about to cancel
        self._alone: dict[str, asyncio.Lock] = {}
        self._plays: dict[str, Callable[[str], contextlib.AbstractAsyncContextManager[None]]] = {
            **dict.fromkeys(_RULES, self._rules),
            KEYS: self._keys,
            ORDER_LIMIT: self._limits,
            COINS: self._without,
            QUOTE: self._without,
            FOREIGN_STOP: self._foreign_stop,
        }

    async def play(self, change: VenueChange) -> None:
        """Plays a change; returns once it is reverted."""
        async with self._alone.setdefault(change.change, asyncio.Lock()):
            async with self._plays[change.change](change.change):
                self._log.begun(change)
                await self._market.passed(change.beats)
            self._log.ended(change)

    @contextlib.asynccontextmanager
    async def _rules(self, change: str) -> AsyncIterator[None]:
        before = await answered(lambda: self._simex.GetMarketRules(simex_pb2.GetMarketRequest(symbol=self._symbol)))
        changed = [field.name for field, _ in _RULES[change].ListFields()]
        back = simex_pb2.VenueRules(**{name: getattr(before, name) for name in changed})
        await self._set_rules(_RULES[change])
        try:
            yield
        finally:
            await self._set_rules(back)

    async def _set_rules(self, rules: simex_pb2.VenueRules) -> None:
        request = simex_pb2.SetMarketRulesRequest(symbol=self._symbol, rules=rules, keep_orders=True)
        await answered(lambda: self._simex.SetMarketRules(request))

    @contextlib.asynccontextmanager
    async def _keys(self, _change: str) -> AsyncIterator[None]:
        await answered(lambda: self._simex.SetKeys(simex_pb2.SetKeysRequest(code=_REFUSED, drop_sockets=True)))
        try:
            yield
        finally:
            await answered(lambda: self._simex.SetKeys(simex_pb2.SetKeysRequest(code=0)))

    @contextlib.asynccontextmanager
    async def _limits(self, _change: str) -> AsyncIterator[None]:
        await answered(lambda: self._simex.SetLimits(_TIGHT))
        try:
            yield
        finally:
            await answered(lambda: self._simex.SetLimits(_OPEN))

    @contextlib.asynccontextmanager
    async def _without(self, change: str) -> AsyncIterator[None]:
        """Withdraws everything that becomes free of an asset meanwhile, and returns it at the end."""
        base, _, quote = self._symbol.partition("/")
        asset = base if change == COINS else quote
        taken: list[Decimal] = []
        sweeping = asyncio.create_task(self._sweep(asset, taken))
        try:
            yield
        finally:
            await cancel_and_wait([sweeping])
            if taken:  # nothing may have been free to withdraw
                await answered(lambda: self._deposit(asset, sum(taken, Decimal(0))))

    async def _sweep(self, asset: str, taken: list[Decimal]) -> None:
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                # A withdrawal that succeeded without an answer would not be returned: it is asked for what
                # there is, and shielded from cancellation in between.
                await asyncio.shield(self._take(asset, taken))
            await asyncio.sleep(_SWEEP_SECONDS)

    async def _take(self, asset: str, taken: list[Decimal]) -> None:
        truth = await self._simex.GetTruth(simex_pb2.GetTruthRequest(), timeout=_CALL_SECONDS)
        free = sum((Decimal(each.free) for each in truth.balances if each.asset == asset), Decimal(0))
        if free > 0:
            await self._deposit(asset, -free)
            taken.append(free)

    async def _deposit(self, asset: str, amount: Decimal) -> None:
        request = simex_pb2.DepositRequest(asset=asset, amount=f"{amount:f}")
        await self._simex.Deposit(request, timeout=_CALL_SECONDS)

    @contextlib.asynccontextmanager
    async def _foreign_stop(self, _change: str) -> AsyncIterator[None]:
        """Places a user's order that ccxt does not parse like others: a stop order, which has no price."""
        trader = ManualTrader(self._place.venue_url)
        stop = self._market.price(-_STOP_INTERVALS)
        placed = ""
        with contextlib.suppress(TradeError):
            placed = await asyncio.to_thread(
                partial(trader.place, "sell", self._symbol, "0.001", "", type="STOP_LOSS", stopPrice=stop)
            )
        try:
            yield
        finally:
            if placed:
                number = placed.partition(":")[0]
                self._release(number)
                with contextlib.suppress(TradeError):
                    await asyncio.to_thread(trader.cancel, int(number), self._symbol)
