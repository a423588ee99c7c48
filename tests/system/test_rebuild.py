"""Databases lost, or put back from a backup, under a real grid: it comes back as it was, and no order is touched."""

import asyncio
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gridcore.model.ids import id_prefix
from griddeploy.audit.gather import until_settled
from griddeploy.demo.config import DemoConfig
from griddeploy.demo.examples import example
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridservice.crash_point import CRASH
from gridtesting.live.databases import Database
from gridtesting.live.losses import back_up, lose
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

pytestmark = [pytest.mark.system]

SYMBOL = "BTC/USDT"
DEADLINE_SECONDS = 40.0
DIES = {"the ledger was lost": "executor.adopt.before", "both were lost": "executor.adopt.after"}


def demo_config(folder: Path, seed: int) -> DemoConfig:
    """The demo, on a venue whose requests expire soon: what is waited for is not longer than it need be."""
    config = folder / "quick.toml"
    text = example("demo.toml").replace("recv_window_ms = 5000", "recv_window_ms = 1000")
    config.write_text(text.replace("visibility_lag_ms = 1000", "visibility_lag_ms = 300"), encoding="utf-8")
    return DemoConfig(config=config, seed=seed)


async def state(stack: Stack) -> models_pb2.State:
    request = orchestrator_pb2.GetStateRequest(symbol=SYMBOL)
    return (await stack.answer(stack.channels.orchestrator.GetState, request)).state


async def traded(stack: Stack, fills: int) -> None:
    """The market moves until the grid has so many fills more."""
    await stack.channels.simex.SetRunning(simex_pb2.SetRunningRequest(running=True))
    wanted, ends = (await state(stack)).totals.fills + fills, time.monotonic() + DEADLINE_SECONDS
    while (await state(stack)).totals.fills < wanted:
        assert time.monotonic() < ends, f"no {fills} fills:\n{stack.outputs()}"
        await asyncio.sleep(0.02)


async def at_rest(stack: Stack) -> tuple[models_pb2.State, dict[str, str]]:
    """The market stands still, and all is settled: the state, and every order of ours on the venue with its status."""
    await stack.channels.simex.SetRunning(simex_pb2.SetRunningRequest(running=False))
    ends = time.monotonic() + DEADLINE_SECONDS
    while True:
        settled = await until_settled(stack.channels, stack.deployment.bot, stack.deployment.symbols, DEADLINE_SECONDS)
        assert settled, stack.outputs()
        if not waits_to_place(await state(stack)):
            break
        assert time.monotonic() < ends, stack.outputs()
    truth = await stack.channels.simex.GetTruth(simex_pb2.GetTruthRequest())
    prefix = id_prefix(stack.deployment.bot, SYMBOL)
    orders = {each.client_order_id: each.status for each in truth.orders if each.client_order_id.startswith(prefix)}
    return await state(stack), orders


def waits_to_place(found: models_pb2.State) -> bool:
    """After a refusal a slot pauses before it places again: that looks like rest but is not."""
    lately_ms = time.time_ns() // 1_000_000 - 1_000  # the tick that notices may be late
    return any(not slot.HasField("order") and slot.retry_after_ms > lately_ms for slot in found.slots.values())


async def kill(stack: Stack) -> None:
    for name in (ORCHESTRATOR, EXECUTOR):
        await stack[name].kill()


async def start(stack: Stack, point: str = "") -> None:
    """Starts both; the executor dies at the point first, if there is one, and is started again."""
    await stack[EXECUTOR].start({CRASH: point} if point else {})
    await stack[ORCHESTRATOR].start()
    if point:
        assert await stack[EXECUTOR].ended(DEADLINE_SECONDS) == -signal.SIGKILL
        await stack[EXECUTOR].start()
    for name in (EXECUTOR, ORCHESTRATOR):
        await stack[name].serving()


def substance(found: models_pb2.State) -> object:
    """Everything that must come back. A slot that holds nothing comes and goes with the price."""
    slots = {
        key: (slot.position, slot.cost, slot.order.client_order_id, slot.order.executed)
        for key, slot in found.slots.items()
        if slot.HasField("order") or slot.position_status != models_pb2.POSITION_STATUS_EMPTY
    }
    return slots, found.totals, found.risk.mode


async def test_whatever_is_lost_the_same_grid_comes_back_and_trades_on(tmp_path: Path, on_database: Database) -> None:
    seed = time.time_ns() % 1_000_000
    print(f"market seed {seed}")  # noqa: T201  # shown by pytest where the test fails
    async with running_stack(tmp_path, demo_config(tmp_path, seed), forked=True) as stack:
        await traded(stack, 4)
        await kill(stack)
        old = {name: back_up(on_database, tmp_path, name) for name in (ORCHESTRATOR, EXECUTOR)}
        await start(stack)
        await traded(stack, 4)

        def lose_both() -> None:
            lose(on_database, tmp_path, ORCHESTRATOR)
            lose(on_database, tmp_path, EXECUTOR)

        losses: dict[str, Callable[[], None]] = {
            "the state is from a": old[ORCHESTRATOR],
            "the ledger is from a backup": old[EXECUTOR],
            "the state was lost": lambda: lose(on_database, tmp_path, ORCHESTRATOR),
            "the ledger was lost": lambda: lose(on_database, tmp_path, EXECUTOR),
            "both were lost": lose_both,
        }
        for why, happen in losses.items():
            before, orders = await at_rest(stack)
            await kill(stack)
            happen()
            await start(stack, DIES.get(why, ""))
            after, orders_after = await at_rest(stack)

            assert why in after.rebuilt.why, after.rebuilt
            assert substance(after) == substance(before), f"{why}\nBEFORE {before}\nAFTER {after}\n{stack.outputs()}"
            assert orders_after == orders, why  # none was added, none cancelled
            assert after.epoch > before.epoch
            await traded(stack, 2)
        report = await stack.audit()
    assert report.clean, report
