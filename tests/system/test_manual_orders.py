"""A user places manual orders on the bot's own account: the bot does not touch them, across kills too."""

import asyncio
import subprocess
import sys
import time
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from gridcore.model.ids import id_prefix
from griddeploy.demo.config import DemoConfig
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

pytestmark = pytest.mark.system

SYMBOL, DEADLINE_SECONDS = "BTC/USDT", 30.0


@pytest.fixture
def seed() -> int:
    """Of the market; printed, so that a failure can be played again."""
    value = time.time_ns() % 1_000_000
    print(f"market seed {value}")  # noqa: T201  # shown by pytest where the test fails
    return value


async def command(*words: str) -> str:
    """Runs `gridwright ARGUMENTS`; returns its output."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "gridctl", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done
    return done.stdout


async def trade_manually(stack: Stack, *words: str) -> str:
    url = tomllib.loads(stack.deployment.config.read_text(encoding="utf-8"))["venue"]["base_url"]
    return await command("trade", "--url", url, *words)


async def traded(stack: Stack, fills: int) -> None:
    """Waits until the grid has this many more fills than now."""
    request, ends = orchestrator_pb2.GetStateRequest(), time.monotonic() + DEADLINE_SECONDS
    wanted = (await stack.answer(stack.channels.orchestrator.GetState, request)).state.totals.fills + fills
    while (await stack.channels.orchestrator.GetState(request)).state.totals.fills < wanted:
        assert time.monotonic() < ends, stack.outputs()
        await asyncio.sleep(0.05)


async def orders(stack: Stack, *, of_the_bot: bool) -> list[simex_pb2.TrueOrder]:
    truth = await stack.channels.simex.GetTruth(simex_pb2.GetTruthRequest())
    prefix = id_prefix(stack.deployment.bot, SYMBOL)
    return [order for order in truth.orders if order.client_order_id.startswith(prefix) is of_the_bot]


async def bought_manually(stack: Stack) -> Decimal:
    """In BTC, after fees."""
    truth = await stack.channels.simex.GetTruth(simex_pb2.GetTruthRequest())
    prefix = id_prefix(stack.deployment.bot, SYMBOL)
    fills = [trade.fill for trade in truth.trades if not trade.client_order_id.startswith(prefix)]
    return sum((Decimal(fill.quantity) - Decimal(fill.fee) for fill in fills), Decimal(0))


async def no_buy_of_the_bot_is_open(stack: Stack) -> None:
    ends = time.monotonic() + DEADLINE_SECONDS
    while any(
        order.side == models_pb2.SIDE_BUY and order.status in {"NEW", "PARTIALLY_FILLED"}
        for order in await orders(stack, of_the_bot=True)
    ):
        assert time.monotonic() < ends, stack.outputs()
        await asyncio.sleep(0.05)


async def test_manual_orders_are_not_touched_by_a_grid_that_is_killed_and_halted(tmp_path: Path, seed: int) -> None:
    async with running_stack(tmp_path, DemoConfig(seed=seed), forked=True) as stack:
        await traded(stack, 3)
        await trade_manually(stack, "buy", SYMBOL, "0.001", "55000")
        await trade_manually(stack, "buy", SYMBOL, "0.00167", "59820", "--id", "mine")  # as the grid's own would be
        for name in ("executor", "orchestrator"):
            await stack[name].kill()
        await trade_manually(stack, "buy", SYMBOL, "0.002", "54000")
        for name in ("executor", "orchestrator"):
            await stack[name].start()
            await stack[name].serving()
        await traded(stack, 3)
        report = await stack.audit()
        await command("safe-mode", "on", "--config", str(stack.deployment.config), "--why", "a look at what is left")
        await no_buy_of_the_bot_is_open(stack)
        left = await trade_manually(stack, "orders")
        far, at_level, later = await orders(stack, of_the_bot=False)
        bought = await bought_manually(stack)
    # What the hand has bought is not the grid's, and all that the audit finds.
    assert (report.duplicates, report.orphans, report.missing, report.twice) == ((), (), (), ()), report
    assert report.position_diff.get("BTC", Decimal(0)) == bought, report
    assert [len(order.transitions) for order in (far, later)] == [1, 1], "they rest as they were placed"
    assert {step.status for step in at_level.transitions} <= {"NEW", "PARTIALLY_FILLED", "FILLED"}, at_level
    assert "at 55000" in left
    assert "at 54000" in left
