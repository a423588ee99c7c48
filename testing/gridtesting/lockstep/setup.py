"""Prepares a lockstep run: an example's services as processes without timers of their own, gates, backtest."""

import contextlib
import tomllib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import tomli_w

from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.demo.tapes import tape_info
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX
from gridservice.config_file import read_toml
from gridsim.backtest import Backtest
from gridsim.market import MarketEvent
from gridtesting.live.processes import Stack
from gridtesting.lockstep.gates import gates_before
from gridtesting.lockstep.lockstep import Lockstep
from orchestrator.config import load_settings
from simex.config import read_settings
from simex.market_sources import open_source


@contextlib.asynccontextmanager
async def lockstep_over(tape: Path, folder: Path) -> AsyncIterator[Lockstep]:
    """Runs the services of the example that plays the tape, settled before its first event."""
    deployment = prepare_demo(DemoConfig(tape=tape_info(tape)), folder)
    values = tomllib.loads(deployment.config.read_text(encoding="utf-8"))
    _hold_still(values)
    deployment.config.write_text(tomli_w.dumps(values), encoding="utf-8")
    async with gates_before(
        deployment.symbols[0], deployment.addresses[PRICEMON], deployment.addresses[EXECUTOR]
    ) as gates:
        gated = folder / "orchestrator.toml"
        gated.write_text(tomli_w.dumps(_pointed_at(values, gates.address)), encoding="utf-8")
        stack = Stack(deployment, folder / "logs", {ORCHESTRATOR: gated}, forked=True)
        backtest, events = backtest_of(deployment.config)
        try:
            async with stack.channels:
                await stack.start()
                run = Lockstep(stack, gates, backtest, events)
                await run.begin()
                yield run
        finally:
            await stack.end()


def backtest_of(config: Path) -> tuple[Backtest, Iterator[MarketEvent]]:
    """The backtest of the config's first grid over its first market, and the market's events."""
    grid, simex = load_settings(config).grids[0], read_settings(read_toml(config).table(SIMEX))
    market, source = simex.markets[0], open_source(simex.markets[0])
    opening = source.opening()
    backtest = Backtest(grid, market.rules, opening, simex.balances, liquidity=market.liquidity)
    return backtest, source.after(opening)


def _hold_still(values: dict[str, Any]) -> None:
    """Disables all timers but the driver's. Polling intervals do not affect the grid: polls only have to be quick."""
    for market in values[SIMEX]["markets"]:
        market["running"] = False
    # The core in one process looks at no account: funds read between a fill and its news would hold a slot up.
    values[ORCHESTRATOR] |= {"tick_interval_ms": 0, "conditions_interval_ms": 3_600_000}
    values[EXECUTOR] |= {"requests_per_second": 2_000, "poll_interval_ms": 500}


def _pointed_at(values: dict[str, Any], gate: str) -> dict[str, Any]:
    """The orchestrator's copy of the config, in which pricemon and executor are the gates."""
    return {**values, PRICEMON: {**values[PRICEMON], "address": gate}, EXECUTOR: {**values[EXECUTOR], "address": gate}}
