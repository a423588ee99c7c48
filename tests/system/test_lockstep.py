"""The services in lockstep with gridcore over gridsim in one process: the same fills one by one, on recorded markets.

Here a part of each tape; LOCKSTEP=whole (`make lockstep`) plays both to their ends. What a difference would mean: a
price, an update, an answer or a rounding that goes another way through processes, databases and ccxt than in memory.
"""

import os
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from gridcore.model.config import GridConfig, GridMode
from gridcore.model.state import Mode
from gridsim.account import Balance
from gridsim.backtest import Backtest
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from gridtesting.fakes.tapes import cut_tape
from gridtesting.live.databases import Database
from gridtesting.lockstep.compare import backtest_fills, difference, first_difference, standing_of
from gridtesting.lockstep.setup import lockstep_over

WHOLE = os.environ.get("LOCKSTEP") == "whole"
TRX = "trades_binance_spot_TRXUSDT_20250304T0000.csv.gz"
CRASH = "candles1m_ftx_BTCPERP_crash_20220120_20220124.csv.gz"


@pytest.fixture
def on(database: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """The database that the services of the test find in their environment."""
    if database.url:
        monkeypatch.setenv("DATABASE_URL", database.url)
    return database


@pytest.mark.system
@pytest.mark.parametrize(
    ("name", "first", "rows", "fills"),
    [pytest.param(TRX, 7_800, 600, 30, id="trx"), pytest.param(CRASH, 2_640, 120, 25, id="crash")],
)
async def test_the_services_fill_as_the_core_does_in_one_process(
    name: str, first: int, rows: int, fills: int, tapes: Path, tmp_path: Path, on: Database
) -> None:
    tape = tapes / name if WHOLE else cut_tape(tapes / name, tmp_path / "tape", first, rows)
    began = time.monotonic()
    async with lockstep_over(tape, tmp_path) as run:
        await run.advance()

        found = await run.compare_fills()
        assert found >= fills
        assert run.backtest.refusals == 0  # a refused order would wait by the clock on the wall
        audit = await run.stack.audit()
    assert audit.clean, audit.line()
    seconds = time.monotonic() - began
    print(f"{run.events} events, {run.stops} stops, {found} fills alike in {seconds:.0f} s on {on.kind}")  # noqa: T201


@pytest.mark.system
async def test_nothing_happens_in_the_events_that_are_advanced_past(tapes: Path, tmp_path: Path) -> None:
    """Stops after every event, those too of which the backtest says that they do not concern the grid."""
    async with lockstep_over(tapes / TRX, tmp_path) as run:
        await run.advance(150, each=True)

        assert (run.events, run.stops) == (150, 151)
        assert await run.compare_fills() >= 5


def backtest(**changes: object) -> Backtest:
    rules = SymbolRules("BTC/USDT")
    market = Simulation(rules, 1, Decimal(60_000), volatility=Decimal("0.0012"), reversion=Decimal("0.05"))
    grid = GridConfig("BTC/USDT", GridMode.LONG, Decimal(60_000), Decimal(180), quote_per_slot=Decimal(100))
    grid = replace(grid, **changes)  # type: ignore[arg-type]  # the test says what it means
    run = Backtest(grid, rules, market.opening(), [Balance("USDT", Decimal(100_000))])
    for event, _ in zip(market.after(market.opening()), range(300), strict=False):
        run.step(event)
    return run


def test_equal_runs_are_equal_and_the_smallest_difference_is_reported() -> None:
    one, same, other = backtest(), backtest(), backtest(quote_per_slot=Decimal(101))
    fills = backtest_fills(one)

    assert difference(standing_of(one.state), standing_of(same.state)) == ""
    assert first_difference(fills, backtest_fills(same)) == ""
    assert "totals: " in difference(standing_of(one.state), standing_of(other.state))
    assert first_difference(fills, backtest_fills(other)).startswith("fill 1: ")
    assert (
        first_difference(fills[:-1], fills) == f"{len(fills) - 1} fills in the services, {len(fills)} in the backtest"
    )

    readiness = standing_of(one.state)
    key, slot = next(iter(readiness.slots.items()))
    nudged = replace(readiness, slots={**readiness.slots, key: replace(slot, cost=slot.cost + Decimal("1E-8"))})
    assert difference(readiness, nudged).startswith(f"slot {key}: ")
    assert difference(readiness, replace(readiness, mode=Mode.SAFE)).startswith("mode: ")
