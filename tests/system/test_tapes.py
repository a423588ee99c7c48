"""Every recorded tape is played by a grid of its own, and afterwards venue and records agree.

Of each a stretch of some seconds, the one for which the tape was chosen: the crash, the hole, the spike. One tape of
each kind is played, on SQLite and on Postgres by turns. TAPES=whole (`make tapes`) plays all of every tape on both.
"""

import asyncio
import os
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from io import StringIO
from itertools import cycle, product
from pathlib import Path

import pytest
import tomli_w
from rich.console import Console

from gridcore.model.config import Spacing
from gridctl.commands.demo import DemoOptions, run_demo
from gridctl.view.screen import Screen
from griddeploy.demo.config import DemoConfig
from griddeploy.demo.examples import example, example_of_tape, examples
from griddeploy.demo.tapes import tape_info
from gridservice.config_file import read_toml
from gridsim.market import MarketEvent
from gridtesting.fakes.tapes import cut_tape
from gridtesting.live.databases import POSTGRES, SQLITE, Database
from gridtesting.live.forked import start_forked
from orchestrator.config import load_settings
from pricemon.config import read_settings as read_pricemon
from simex.config import read_settings as read_simex
from simex.market_sources import open_source

CLEAN = re.compile(r"AUDIT fills=(\d+) duplicates=0 orphans=0 missing=0 twice=0 position_diff=0")
MODE = re.compile(r"steps, mode (\w+)")
ALIKE = {"coarse", "month", "calm", "more frames"}  # each has another tape of its kind among the stretches
WHOLE = os.environ.get("TAPES") == "whole"
MAX_SECONDS = 240
WHOLE_SECONDS = 60  # what a whole tape may take at its example's speed


@dataclass(frozen=True)
class Stretch:
    """Some rows of a tape behind its header, and what becomes of its grid in them."""

    tape: str
    first: int
    rows: int
    fills: int = 3  # at least; how many more depends on how quick the machine is
    mode: str = "RUNNING"


STRETCHES = {
    "trades": Stretch("recorded/trades_binance_spot_BTCUSDT_20240808T2354.csv.gz", 5_000, 3_000),
    "quotes": Stretch("recorded/quotes_binance_spot_BTCUSDT_20240808T2354.csv.gz", 30_000, 9_000, fills=1),
    "coarse": Stretch("recorded/trades_binance_spot_TRXUSDT_20250304T0000.csv.gz", 0, 1_000),
    "e-notation": Stretch("recorded/trades_coinbase_BTCUSD_20230905T1600.csv.gz", 0, 700),
    "crash": Stretch("recorded/candles1m_ftx_BTCPERP_crash_20220120_20220124.csv.gz", 2_640, 600),
    "month": Stretch("recorded/candles1m_ftx_BTCPERP_20211231_20220201.csv.gz", 0, 600, fills=1),
    "hole": Stretch("recorded/candles1m_coinbase_BTCUSD_20180404_20180406.csv.gz", 900, 300),
    "spike": Stretch("recorded/candles1m_binance_BTCBUSD_spike_20221213.csv.gz", 750, 120, mode="SAFE"),
    "calm": Stretch("recorded/candles1m_bitstamp_BTCUSD_calm_20200101.csv.gz", 600, 150, fills=1),
    "frames": Stretch("binance_ws/hftbacktest_binance_spot_btcusdt_20240808.ws.gz", 20_000, 6_000),
    "more frames": Stretch("binance_ws/hftbacktest_binance_spot_btcusdt_20240809.ws.gz", 0, 6_000, fills=1),
}


def found(tapes: Path, stretch: Stretch) -> Path:
    path = tapes.parent / stretch.tape
    if not path.is_file():
        pytest.skip(f"the recorded data is not beside the project: {path.name}")
    return path


def unhurried(tape: Path) -> str:
    """A third of the example's speed: beside other tests a grid may otherwise be too late for the market's moves."""
    (market,) = tomllib.loads(example(example_of_tape(tape.name) or ""))["simex"]["markets"]
    return str(Decimal(market["speed"]) / 3)


def played() -> list[tuple[str, str]]:
    """Tapes and databases. The month takes five minutes whole, and its crash stands for it."""
    if WHOLE:
        return list(product([name for name in STRETCHES if name != "month"], (SQLITE, POSTGRES)))
    return list(zip([name for name in STRETCHES if name not in ALIKE], cycle((SQLITE, POSTGRES)), strict=False))


@pytest.mark.system
@pytest.mark.parametrize(("name", "database"), played(), indirect=["database"])
async def test_a_stretch_of_each_tape_is_traded_and_the_books_agree(
    name: str, tapes: Path, tmp_path: Path, on_database: Database
) -> None:
    """`gridwright demo --replay` with its services forked; test_demo gives the command itself."""
    stretch = STRETCHES[name]
    tape, speed = found(tapes, stretch), None
    if not WHOLE:
        tape, speed = cut_tape(tape, tmp_path / "tape", stretch.first, stretch.rows), unhurried(tape)
    printed = StringIO()
    options = DemoOptions(tmp_path / "run", DemoConfig(tape=tape_info(tape), speed=speed))
    async with asyncio.timeout(MAX_SECONDS):
        code = await run_demo(options, Screen(Console(file=printed), plain=True), start_forked)
    output = printed.getvalue()
    audit = CLEAN.fullmatch(output.rstrip().rpartition("\n")[2])
    assert code == 0, output
    assert audit is not None, output
    assert int(audit[1]) >= stretch.fills, output
    assert MODE.findall(output) == [stretch.mode], output
    print(f"{tape.name} on {on_database.kind}: {audit[0]}")  # noqa: T201  # for -s


@pytest.mark.system
async def test_a_tape_of_a_market_that_nobody_knows_is_traded_and_the_books_agree(tapes: Path, tmp_path: Path) -> None:
    """A recorded one under another market's name: rules and grid come from its numbers."""
    stretch = STRETCHES["crash"]
    cut = cut_tape(found(tapes, stretch), tmp_path / "tape", stretch.first, stretch.rows)
    unknown = cut.rename(cut.with_name(cut.name.replace("BTCPERP", "ETHUSDT")))
    printed = StringIO()
    options = DemoOptions(tmp_path / "run", DemoConfig(tape=tape_info(unknown), speed="3000"))
    async with asyncio.timeout(MAX_SECONDS):
        code = await run_demo(options, Screen(Console(file=printed), plain=True), start_forked)
    output = printed.getvalue()
    assert code == 0, output
    assert "ETH/USDT" in output
    audit = CLEAN.fullmatch(output.rstrip().rpartition("\n")[2])
    assert audit is not None, output
    assert int(audit[1]) >= stretch.fills, output


@pytest.mark.parametrize("name", STRETCHES)
def test_each_tape_has_an_example_of_its_own_kind(name: str, tapes: Path) -> None:
    tape = found(tapes, STRETCHES[name])
    example_name = example_of_tape(tape.name)
    assert example_name is not None
    market = tomllib.loads(example(example_name))["simex"]["markets"][0]
    if name != "more frames":  # one recording, cut at midnight
        assert Path(market["file"]).name == tape.name


def test_no_tape_is_left_out(tapes: Path) -> None:
    known = {Path(stretch.tape).name for stretch in STRETCHES.values()}
    assert {path.name for folder in ("recorded", "binance_ws") for path in (tapes.parent / folder).iterdir()} == known


def test_a_tape_that_nobody_knows_has_no_example() -> None:
    assert example_of_tape("trades_binance_spot_TRXUSDT_another_day.csv.gz") == "replay-trx.toml"
    assert example_of_tape("trades_kraken_BTCUSDT_20240808.csv.gz") is None
    assert example_of_tape("notes.csv") is None


@pytest.mark.parametrize("name", [name for name in examples() if name.startswith("replay-")])
def test_an_example_of_a_tape_is_anchored_at_it_and_plays_it_in_a_minute(
    name: str, tapes: Path, tmp_path: Path
) -> None:
    values = tomllib.loads(example(name))
    for market in values["simex"]["markets"]:
        market["file"] = str(tapes.parent / Path(market["file"]).relative_to("../shared/data"))
        if not Path(market["file"]).is_file():
            pytest.skip(f"the recorded data is not beside the project: {market['file']}")
    config = tmp_path / name
    config.write_text(tomli_w.dumps(values), encoding="utf-8")
    grid, market = load_settings(config).grids[0], read_simex(read_toml(config).table("simex")).markets[0]
    source = open_source(market)
    opening, closing = source.opening(), last(source.after(source.opening()))

    assert read_pricemon(config).symbols == (grid.symbol,)
    step = grid.interval if grid.spacing is Spacing.ARITHMETIC else grid.anchor * grid.interval
    assert abs(opening.price - grid.anchor) <= step
    if name != "replay-ftx-month.toml":  # the month is the crash cut's, in five minutes
        span_ms = closing.market_time_ms - opening.market_time_ms
        assert span_ms / 1000 / float(market.speed) < WHOLE_SECONDS


def last(events: Iterable[MarketEvent]) -> MarketEvent:
    *_, final = events
    return final
