"""What the venue withholds from a grid, end to end: real services against simex, whose rules, fees and funds change."""

import asyncio
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from gridctl.commands.trade import ManualTrader
from griddeploy.demo.config import DemoConfig
from griddeploy.demo.examples import example
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

pytestmark = pytest.mark.system

BTC = "BTC/USDT"
SEEN_SECONDS = 10.0  # within which a trouble is shown, and is gone after its end
DEADLINE_SECONDS = 40.0  # for what has no such promise


@dataclass
class Trial:
    """A deployment on a market that moves on request only."""

    stack: Stack

    async def state(self) -> models_pb2.State:
        request = orchestrator_pb2.GetStateRequest(symbol=BTC)
        return (await self.stack.channels.orchestrator.GetState(request, wait_for_ready=True)).state

    async def troubles(self) -> dict[tuple[str, str], str]:
        answer = await self.stack.channels.orchestrator.ListTroubles(models_pb2.ListTroublesRequest())
        return {(each.kind, each.subject): each.message for each in answer.troubles}

    async def trade(self, price: str, quantity: str = "1") -> None:
        """Others trade at a price: what rests there fills."""
        for side in (models_pb2.SIDE_SELL, models_pb2.SIDE_BUY):
            request = simex_pb2.InjectTradeRequest(symbol=BTC, price=price, quantity=quantity, side=side)
            await self.stack.channels.simex.InjectTrade(request)

    async def rules(self, **rules: Any) -> None:
        request = simex_pb2.SetMarketRulesRequest(symbol=BTC, rules=simex_pb2.VenueRules(**rules))
        await self.stack.channels.simex.SetMarketRules(request)

    async def deposit(self, asset: str, amount: str) -> None:
        await self.stack.channels.simex.Deposit(simex_pb2.DepositRequest(account="main", asset=asset, amount=amount))

    async def resting(self) -> list[simex_pb2.TrueOrder]:
        truth = await self.stack.channels.simex.GetTruth(simex_pb2.GetTruthRequest())
        return [order for order in truth.orders if order.status in {"NEW", "PARTIALLY_FILLED"}]

    async def sides(self) -> tuple[int, int]:
        """How many buys and how many sells rest."""
        orders = await self.resting()
        sells = sum(order.side == models_pb2.SIDE_SELL for order in orders)
        return len(orders) - sells, sells

    def trader(self) -> ManualTrader:
        """The account's owner."""
        return ManualTrader(
            tomllib.loads(self.stack.deployment.config.read_text(encoding="utf-8"))["venue"]["base_url"]
        )

    async def positions(self) -> int:
        return sum(slot.position not in {"", "0"} for slot in (await self.state()).slots.values())

    async def has_position(self) -> bool:
        return await self.positions() > 0

    async def has_sell(self) -> bool:
        return (await self.sides())[1] > 0

    async def is_in(self, mode: "models_pb2.Mode.ValueType") -> bool:
        return (await self.state()).risk.mode == mode

    async def refused(self) -> int:
        """How many places simex has refused."""
        count, after = 0, 0
        while True:
            request = simex_pb2.ListReceivedRequest(after_seq=after)
            page = (await self.stack.channels.simex.ListReceived(request)).requests
            count += sum(each.endpoint == "POST order" and each.status >= 400 for each in page)
            if not page:
                return count
            after = page[-1].seq

    async def until(self, so: Callable[[], Awaitable[bool]], what: str, seconds: float = DEADLINE_SECONDS) -> None:
        ends = time.monotonic() + seconds
        while not await so():
            assert time.monotonic() < ends, f"not {what} after {seconds:g} s: {await self.troubles()}\n{self.said()}"
            await asyncio.sleep(0.1)

    async def until_sides(self, buys: int, sells: int, seconds: float = DEADLINE_SECONDS) -> None:
        async def so() -> bool:
            return await self.sides() == (buys, sells)

        await self.until(so, f"{buys} buys and {sells} sells", seconds)

    async def until_shown(self, kind: str, subject: str, *, shown: bool = True) -> None:
        async def so() -> bool:
            return ((kind, subject) in await self.troubles()) is shown

        await self.until(so, f"{'shown' if shown else 'over'}: {kind} {subject}", SEEN_SECONDS)

    def said(self) -> str:
        return self.stack.outputs()[-4_000:]


@asynccontextmanager
async def trial(
    folder: Path, balances: dict[str, str] | None = None, max_orders: int = 200, **grid: Any
) -> AsyncIterator[Trial]:
    """The demo's deployment at 60000 with a still market, and changes of its grid and of the account."""
    values = tomllib.loads(example("demo.toml"))
    values["simex"]["markets"][0] |= {"running": False, "queue": "front", "max_orders": max_orders}
    values["simex"]["limits"] = {"enabled": False}
    values["simex"]["balances"] = balances or {"USDT": "100000"}
    values["executor"]["poll_interval_ms"] = 300
    values["orchestrator"] |= {"tick_interval_ms": 250, "conditions_interval_ms": 1_000}
    values["grids"][0] |= grid
    values["grids"][0].pop("risk")
    own = folder / "own.toml"
    own.write_text(tomli_w.dumps(values), encoding="utf-8")
    async with running_stack(folder, DemoConfig(config=own), forked=True) as stack:
        yield Trial(stack)


async def test_few_order_places_go_to_closings_and_not_to_openings(tmp_path: Path) -> None:
    async with trial(tmp_path, sell_window=5) as run:
        await run.until_sides(5, 0)
        await run.rules(max_orders=14)  # the least that the windows fit into
        for number in range(9):  # others take nine of the places
            await asyncio.to_thread(run.trader().place, "buy", BTC, "0.001", f"{40_000 + number}")
        await run.trade("59500")

        async def closed() -> bool:
            return (await run.sides())[1] == await run.positions() >= 2

        await run.until(closed, "a closing for every position")
        assert len(await run.resting()) <= 14


async def test_openings_that_cannot_be_paid_are_not_tried_and_shown(tmp_path: Path) -> None:
    async with trial(tmp_path, {"USDT": "550"}, buy_window=20) as run:
        await run.until_sides(5, 0)
        await run.until_shown("INSUFFICIENT_FUNDS", "opening buy")
        await asyncio.sleep(3)
        assert await run.refused() == 0

        await run.deposit("USDT", "10000")

        await run.until_shown("INSUFFICIENT_FUNDS", "opening buy", shown=False)
        await run.until_sides(20, 0)
        assert await run.refused() == 0


async def test_coins_that_are_gone_leave_their_closing_waiting_until_they_are_back(tmp_path: Path) -> None:
    async with trial(tmp_path) as run:
        await run.until_sides(5, 0)
        await run.trade("59810")
        await run.until(run.has_sell, "a closing order")
        await run.until(run.has_position, "the commit of the step that has placed it")
        (sell,) = [order for order in await run.resting() if order.side == models_pb2.SIDE_SELL]
        await asyncio.to_thread(run.trader().cancel, int(sell.exchange_order_id), BTC)
        held = (await run.state()).totals.position
        await run.deposit("BTC", f"-{held}")

        await run.until_shown("INSUFFICIENT_FUNDS", "closing sell")
        before = await run.refused()
        await asyncio.sleep(5)
        assert await run.refused() - before <= 1, "it is not hammered"

        await run.deposit("BTC", held)

        await run.until_shown("INSUFFICIENT_FUNDS", "closing sell", shown=False)
        await run.until(run.has_sell, "its closing order", SEEN_SECONDS)


async def test_a_coarser_tick_and_a_halt_are_followed(tmp_path: Path) -> None:
    async with trial(tmp_path, interval="180.05") as run:
        await run.until_sides(5, 0)
        await run.rules(tick_size="0.1")
        await run.trade("59500")  # bought: the closings must lie on the new tick, or be refused permanently

        async def closed() -> bool:
            return (await run.sides())[1] >= 2

        await run.until(closed, "closings on the new tick")
        assert (await run.state()).rules.tick_size == "0.1", "the change is on record"

        await run.rules(status=simex_pb2.TRADING_STATUS_BREAK)
        await run.until_shown("MARKET_CLOSED", "")
        await run.rules(status=simex_pb2.TRADING_STATUS_TRADING)
        await run.until_shown("MARKET_CLOSED", "", shown=False)


async def test_rules_that_the_grid_cannot_live_under_stop_it_until_they_fit_again(tmp_path: Path) -> None:
    async with trial(tmp_path) as run:
        await run.until_sides(5, 0)
        await run.rules(min_notional="500")
        await run.until(lambda: run.is_in(models_pb2.MODE_SAFE), "in safe mode", 90)
        assert "under the venue's minimum of 500 USDT" in (await run.state()).risk.reason
        await run.until_shown("SYMBOL_REFUSED", "rules")

        await run.rules(min_notional="5")

        await run.until(lambda: run.is_in(models_pb2.MODE_RUNNING), "running again", 90)


async def test_a_fee_of_the_account_and_symbol_is_the_one_that_counts(tmp_path: Path) -> None:
    async with trial(tmp_path) as run:
        await run.until_sides(5, 0)
        rates = simex_pb2.CommissionRates(maker="0.002", taker="0.002")
        request = simex_pb2.SetCommissionRequest(symbol=BTC, commission=simex_pb2.Commission(standard=rates))
        await run.stack.channels.simex.SetCommission(request)

        await run.trade("59810")

        # The fees are read again as soon as a fill contradicts them, so what is left of that may be the refusal alone.
        await run.until(lambda: run.is_in(models_pb2.MODE_SAFE), "in safe mode", 90)
        await run.until_shown("SYMBOL_REFUSED", "rules")
        await run.stack["orchestrator"].stop()
        await run.stack["executor"].stop()
        await run.stack["executor"].start()
        await run.stack["orchestrator"].start()
        await run.stack["orchestrator"].serving()
        await run.until(lambda: run.is_in(models_pb2.MODE_SAFE), "in safe mode, with what it holds", 90)
        assert "after two maker fees of 0.2 %" in (await run.state()).risk.reason


async def test_a_window_of_240_opens_in_portions_and_safe_mode_takes_all_of_it_down(tmp_path: Path) -> None:
    many = {"max_orders": 2_000, "buy_window": 240, "quote_per_slot": "50", "upper": "61000"}
    async with trial(tmp_path, **many) as run:

        async def begun() -> bool:
            return (await run.sides())[0] >= 40

        await run.until(begun, "the first portions")
        await run.trade("59810")
        began = time.monotonic()
        await run.until(run.has_sell, "the counter order of a fill amid the openings", 20)
        waited, (buys, _) = time.monotonic() - began, await run.sides()
        assert buys < 240, f"it waited {waited:.1f} s, for all of the openings"

        async def whole() -> bool:
            return (await run.sides())[0] == 240

        await run.until(whole, "the whole window", 90)
        request = orchestrator_pb2.OperatorRequest(request_id="halt", symbol=BTC, who="test", why="a drill")
        await run.stack.channels.orchestrator.EnterSafeMode(request)
        await run.until(lambda: run.is_in(models_pb2.MODE_SAFE), "in safe mode", 90)
        assert (await run.sides())[0] == 0
        assert await run.refused() == 0
