"""Two grids on a whole deployment, one symbol fails: it is shown as refused with its sentence, and the other trades."""

import asyncio
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import tomli_w
from rich.console import Console

from gridctl.__main__ import run
from gridctl.cli import parser
from griddeploy.demo.config import DemoConfig, example
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import orchestrator_pb2, simex_pb2

pytestmark = pytest.mark.system

WELL, SICK = "BTC/USDT", "ETH/USDT"
SERVICES = ("orchestrator", "executor", "pricemon")
DEADLINE_SECONDS = 60.0


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    values = tomllib.loads(example("demo.toml"))
    for place in (values["simex"]["markets"], values["grids"]):
        place.append({**place[0], "symbol": SICK})
    own = tmp_path / "own.toml"
    own.write_text(tomli_w.dumps(values), encoding="utf-8")
    async with running_stack(tmp_path, DemoConfig(config=own), forked=True) as stack:
        for symbol in (WELL, SICK):
            await until(stack, f"{symbol} trades", lambda symbol=symbol: goes_on(stack, symbol, 0))
        yield stack


async def test_a_symbol_that_leaves_the_list_and_comes_back_concerns_nobody_else(stack: Stack) -> None:
    await list_it(stack, listed=False)
    await until(stack, "the symbol is refused", lambda: refused(stack, "is no longer listed"))
    await well_goes_on(stack)
    assert await status(stack) == 1

    for name in SERVICES:
        assert await stack[name].stop() == 0
        await stack[name].start()
    for name in SERVICES:
        await stack[name].serving()
    await until(stack, "it is refused after a restart too", lambda: refused(stack, "is no longer listed"))
    await well_goes_on(stack)

    await list_it(stack, listed=True)
    before = (await state(stack, SICK)).state.seq
    await until(stack, "it trades again", lambda: goes_on(stack, SICK, before))
    await until(stack, "all is in order", lambda: in_order(stack))
    report = await stack.audit()
    assert report.clean, report


async def test_a_minimum_that_one_grid_cannot_reach_stops_that_grid_alone_at_a_start(stack: Stack) -> None:
    assert await stack["orchestrator"].stop() == 0
    rules = simex_pb2.VenueRules(min_notional="1000")
    await stack.channels.simex.SetMarketRules(simex_pb2.SetMarketRulesRequest(symbol=SICK, rules=rules))
    await stack["executor"].stop()
    for name in ("executor", "orchestrator"):
        await stack[name].start()
        await stack[name].serving()
    await until(stack, "the grid is refused, or in safe mode with what it holds", lambda: stopped(stack, "1000"))
    await well_goes_on(stack)


async def list_it(stack: Stack, *, listed: bool) -> None:
    rules = simex_pb2.VenueRules(listed=listed)
    await stack.channels.simex.SetMarketRules(simex_pb2.SetMarketRulesRequest(symbol=SICK, rules=rules))


async def state(stack: Stack, symbol: str) -> orchestrator_pb2.GetStateResponse:
    request = orchestrator_pb2.GetStateRequest(symbol=symbol)
    return await stack.answer(stack.channels.orchestrator.GetState, request)


async def refused(stack: Stack, sentence: str) -> bool:
    answer = await state(stack, SICK)
    return sentence in answer.refused and not answer.trading


async def stopped(stack: Stack, sentence: str) -> bool:
    answer = await state(stack, SICK)
    risk = answer.state.risk
    return sentence in answer.refused or (risk.rule == "RULES_UNFIT" and sentence in risk.reason)


async def goes_on(stack: Stack, symbol: str, seq: int) -> bool:
    answer = await state(stack, symbol)
    return answer.trading and answer.state.seq > seq and answer.refused == ""


async def well_goes_on(stack: Stack) -> None:
    before = (await state(stack, WELL)).state.seq
    await until(stack, f"{WELL} continues", lambda: goes_on(stack, WELL, before + 2))


async def status(stack: Stack) -> int:
    arguments = parser().parse_args(["status", "--config", str(stack.deployment.config)])
    return await asyncio.to_thread(run, arguments, Console(quiet=True))


async def in_order(stack: Stack) -> bool:
    return await status(stack) == 0


async def until(stack: Stack, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    ends = time.monotonic() + DEADLINE_SECONDS
    while not await condition():
        assert time.monotonic() < ends, f"not within {DEADLINE_SECONDS:g} s: {what}\n{stack.outputs()}"
        await asyncio.sleep(0.1)
