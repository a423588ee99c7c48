"""All services against a real simex whose market the test moves, with a proxy that can change JSON.

async with outside(folder, Plan()) as services:    # simex and the proxy run, no service trades yet
    await services.open()                          # pricemon, executor and orchestrator serve
    await services.trade("59820")                  # a market order sells to the grid
    await services.shown("KEY_REFUSED")            # in ListTroubles; `gridwright status` would exit with 1
    await services.in_order()                      # no trouble is left: `gridwright status` would exit with 0
"""

import asyncio
import contextlib
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import tomli_w

from gridcore.model.ids import id_prefix
from gridctl.commands import status
from gridctl.commands.trade import ManualTrader
from gridctl.view.troubles import ShownTrouble
from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.demo.examples import example
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX
from gridrpc.channel import open_sync_channel
from gridtesting.live.processes import Stack
from gridtesting.live.rewriting_proxy import RewritingProxy, rewriting_proxy
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

SYMBOL = "BTC/USDT"
DEADLINE_SECONDS = 60.0
_LIVE = frozenset({"NEW", "PARTIALLY_FILLED"})
_ORDER_REFUSALS = frozenset({-1013, -1015, -2010})
_KEY_REFUSALS = frozenset({-2014, -2015})


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes to the demo's config: of each grid by its symbol, of every market, of the executor's section."""

    grids: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {SYMBOL: {}})
    market: Mapping[str, Any] = field(default_factory=dict)
    balances: Mapping[str, str] = field(default_factory=lambda: {"USDT": "100000", "BTC": "1"})
    executor: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outside:
    """The running services and their surroundings."""

    stack: Stack
    proxy: RewritingProxy
    trader: ManualTrader  # manual orders, past the proxy

    @property
    def simex(self) -> Any:
        """The stub of simex's control service."""
        return self.stack.channels.simex

    async def open(self) -> None:
        """Starts the three services, and waits until all serve and every grid trades."""
        await self.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
        for symbol in self.stack.deployment.symbols:
            await self.trading(symbol)

    async def trading(self, symbol: str = SYMBOL) -> None:
        """Waits until the grid trades and has an order on the exchange."""

        async def trades() -> bool:
            return (await self.answer(symbol)).trading and bool(await self.ours(symbol))

        await self.until(f"{symbol} trades", trades)

    async def start(self, *names: str) -> None:
        """Starts services and waits until they serve."""
        for name in names:
            await self.stack[name].start()
        for name in names:
            await self.stack[name].serving()

    async def restart(self, *names: str) -> None:
        """Stops services cleanly and starts them."""
        for name in names:
            assert await self.stack[name].stop() == 0, self.stack[name].output
        await self.start(*names)

    async def trade(self, price: str, symbol: str = SYMBOL, side: str = "SELL") -> None:
        """Trades at a price; the market stays there."""
        request = simex_pb2.InjectTradeRequest(
            symbol=symbol, price=price, quantity="100", side=models_pb2.Side.Value(f"SIDE_{side}")
        )
        await self.simex.InjectTrade(request)

    async def rules(self, symbol: str = SYMBOL, *, reset: bool = False, **changes: Any) -> None:
        """Changes the exchange's rules for a symbol."""
        rules = simex_pb2.VenueRules(**changes)
        await self.simex.SetMarketRules(simex_pb2.SetMarketRulesRequest(symbol=symbol, rules=rules, reset=reset))

    async def fee(self, symbol: str, maker: str) -> None:
        """Sets the account's maker fee in a symbol, as a fraction."""
        standard = simex_pb2.CommissionRates(maker=maker, taker=maker)
        commission = simex_pb2.Commission(standard=standard)
        await self.simex.SetCommission(simex_pb2.SetCommissionRequest(symbol=symbol, commission=commission))

    async def deposit(self, asset: str, amount: str) -> None:
        """Deposits an amount; below 0 withdraws it."""
        await self.simex.Deposit(simex_pb2.DepositRequest(asset=asset, amount=amount))

    async def answer(self, symbol: str = SYMBOL) -> orchestrator_pb2.GetStateResponse:
        """The orchestrator's state of a grid."""
        return await self.stack.answer(
            self.stack.channels.orchestrator.GetState, orchestrator_pb2.GetStateRequest(symbol=symbol)
        )

    async def fills(self, symbol: str = SYMBOL) -> int:
        """How many fills the state counts."""
        return int((await self.answer(symbol)).state.totals.fills)

    async def booked(self, count: int, symbol: str = SYMBOL) -> None:
        """Waits until the state counts as many fills."""

        async def enough() -> bool:
            return await self.fills(symbol) >= count

        await self.until(f"{count} fills of {symbol} are booked", enough)

    async def ours(self, symbol: str = SYMBOL, *, live: bool = True) -> list[simex_pb2.TrueOrder]:
        """The grid's orders on the exchange, from the oracle."""
        truth = await self.simex.GetTruth(simex_pb2.GetTruthRequest())
        prefix = id_prefix(self.stack.deployment.bot, symbol)
        found = [order for order in truth.orders if order.client_order_id.startswith(prefix)]
        return [order for order in found if order.status in _LIVE or not live]

    async def resting(self, side: str, symbol: str = SYMBOL) -> list[Decimal]:
        """The prices of the grid's live orders of a side, ascending."""
        wanted = models_pb2.Side.Value(f"SIDE_{side}")
        return sorted(Decimal(order.price) for order in await self.ours(symbol) if order.side == wanted)

    async def rests(self, side: str, prices: Sequence[str], symbol: str = SYMBOL) -> None:
        """Waits until the grid has live orders at these prices, among others."""
        wanted = {Decimal(price) for price in prices}

        async def there() -> bool:
            return wanted <= set(await self.resting(side, symbol))

        await self.until(f"{side} orders of {symbol} at {', '.join(prices)}", there)

    async def received(self, endpoint: str) -> list[simex_pb2.ReceivedRequest]:
        """The requests for an endpoint that have reached simex."""
        return [each for each in await self._all_received() if each.endpoint == endpoint]

    async def refusals(self) -> list[simex_pb2.ReceivedRequest]:
        """The orders that simex refused because of filters, funds or limits."""
        return [each for each in await self.received("POST order") if each.code in _ORDER_REFUSALS]

    async def refused_keys(self) -> list[simex_pb2.ReceivedRequest]:
        """The requests that simex refused because of their keys."""
        return [each for each in await self._all_received() if each.code in _KEY_REFUSALS]

    async def status(self) -> status.DeploymentStatus:
        """The result of `gridwright status`."""
        return await asyncio.to_thread(status.ask, self.stack.deployment, open_sync_channel)

    async def shown(self, kind: str, symbol: str = "", seconds: float = DEADLINE_SECONDS) -> ShownTrouble:
        """Waits until a service lists the trouble and returns it; `gridwright status` exits with 1 meanwhile."""
        found: list[ShownTrouble] = []

        async def there() -> bool:
            seen = await self.status()
            found[:] = [
                one for some in seen.troubles.values() for one in some if (one.kind, one.symbol) == (kind, symbol)
            ]
            assert not (found and seen.in_order)
            return bool(found)

        await self.until(f"{kind} {symbol} is shown", there, seconds)
        return found[0]

    async def in_order(self, seconds: float = DEADLINE_SECONDS) -> None:
        """Waits until `gridwright status` would exit with 0."""
        seen = await self.status()
        ends = time.monotonic() + seconds
        while not seen.in_order:
            assert time.monotonic() < ends, f"{seen}\n{self.stack.outputs()}"
            await asyncio.sleep(0.1)
            seen = await self.status()

    async def operate(self, method: str, symbol: str = SYMBOL) -> None:
        """Sends an operator command."""
        request = orchestrator_pb2.OperatorRequest(
            request_id=f"{method}-{time.time_ns()}", symbol=symbol, who="ann", why="a test"
        )
        await self.stack.answer(getattr(self.stack.channels.orchestrator, method), request)

    async def mode(self, mode: str, symbol: str = SYMBOL) -> models_pb2.RiskFlags:
        """Waits for the grid's mode and returns its risk flags."""

        async def is_it() -> bool:
            return (await self.answer(symbol)).state.risk.mode == models_pb2.Mode.Value(f"MODE_{mode}")

        await self.until(f"{symbol} is {mode}", is_it)
        return (await self.answer(symbol)).state.risk

    async def until(
        self, what: str, condition: Callable[[], Awaitable[bool]], seconds: float = DEADLINE_SECONDS
    ) -> None:
        """Waits until the condition holds. Fails with the output of all services."""
        ends = time.monotonic() + seconds
        while not await condition():
            assert time.monotonic() < ends, f"not within {seconds:g} s: {what}\n{self.stack.outputs()}"
            await asyncio.sleep(0.1)

    async def _all_received(self) -> list[simex_pb2.ReceivedRequest]:
        found: list[simex_pb2.ReceivedRequest] = []
        while page := (
            await self.simex.ListReceived(simex_pb2.ListReceivedRequest(after_seq=found[-1].seq if found else 0))
        ).requests:
            found += page
        return found


@contextlib.asynccontextmanager
async def outside(folder: Path, plan: Plan) -> AsyncIterator[Outside]:
    """Starts simex and the proxy and prepares the services; all are stopped after the block."""
    own = folder / "own.toml"
    own.write_text(tomli_w.dumps(_values(plan)), encoding="utf-8")
    deployment = prepare_demo(DemoConfig(config=own), folder)
    values = tomllib.loads(deployment.config.read_text(encoding="utf-8"))
    async with rewriting_proxy(values["venue"]["base_url"]) as proxy:
        trader = ManualTrader(values["venue"]["base_url"])
        values["venue"]["base_url"] = proxy.url
        deployment.config.write_text(tomli_w.dumps(values), encoding="utf-8")
        stack = Stack(deployment, folder / "logs", forked=True)
        try:
            async with stack.channels:
                await stack[SIMEX].start()
                await stack[SIMEX].serving()
                yield Outside(stack, proxy, trader)
        finally:
            await stack.end()


def _values(plan: Plan) -> dict[str, Any]:
    """The demo's config with a market that the test moves."""
    values = tomllib.loads(example("demo.toml"))
    calm = {**values[SIMEX]["markets"][0], "volatility": "0.00000000001", "burst_chance": "0", "trade_notional": "10"}
    grid = values["grids"][0]
    values[SIMEX]["markets"] = [{**calm, **plan.market, "symbol": symbol} for symbol in plan.grids]
    values[SIMEX]["balances"] = dict(plan.balances)
    values["grids"] = [{**grid, "symbol": symbol, **changes} for symbol, changes in plan.grids.items()]
    values[EXECUTOR] |= {"poll_interval_ms": 200, **plan.executor}
    values[ORCHESTRATOR] |= {"conditions_interval_ms": 500}
    return values
