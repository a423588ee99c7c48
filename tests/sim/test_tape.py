"""Recorded markets: how lines become trades, and how a bad line is reported."""

import gzip
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest

from gridsim.market import MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.tape import Tape, TapeError

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded"
RULES = SymbolRules("BTC/USDT", tick_size=Decimal("0.1"), lot_size=Decimal("0.01"))
TRADES = "ts_ms,price,qty,side"
CANDLES = "ts_ms,open,high,low,close,volume"


def tape(*lines: str, rules: SymbolRules = RULES) -> Tape:
    return Tape(rules, lambda: lines)


def walked(it: Tape) -> list[MarketTrade]:
    return list(it.after(it.opening()))


def test_a_line_of_trades_is_a_trade_whatever_the_notation() -> None:
    trades = walked(tape(TRADES, "1000,100.10000000,3.844E-5,buy\n", "1000,1.002E+2,2,sell", ""))

    assert trades == [
        MarketTrade(1000, Decimal("100.1"), Decimal("0.00003844"), Side.BUY),
        MarketTrade(1000, Decimal("100.2"), Decimal(2), Side.SELL),
    ]


@pytest.mark.parametrize(
    ("candle", "prices"),
    [
        pytest.param("100,105,98,103", ["100", "98", "105", "103"], id="up: the low first"),
        pytest.param("103,105,98,100", ["103", "105", "98", "100"], id="down: the high first"),
        pytest.param("100,105,98,100", ["100", "98", "105", "100"], id="unchanged: the low first"),
    ],
)
def test_a_candle_is_walked_open_adverse_extreme_other_extreme_close(candle: str, prices: list[str]) -> None:
    trades = walked(tape(CANDLES, f"60000,{candle},4"))

    assert [each.price for each in trades] == [Decimal(price) for price in prices]
    assert [each.market_time_ms for each in trades] == [60_000, 80_000, 100_000, 119_999]
    assert {each.quantity for each in trades} == {Decimal(1)}


def test_a_candle_without_volume_still_trades_a_lot_at_each_price() -> None:
    assert {each.quantity for each in walked(tape(CANDLES, "0,100,100,100,100,0"))} == {Decimal("0.01")}


def test_a_tape_goes_on_after_the_events_that_were_seen() -> None:
    it = tape(TRADES, *(f"{number},100,1,buy" for number in range(10)))
    point = it.opening()
    for trade in islice(it.after(point), 4):
        point = point.after(trade)

    assert [each.market_time_ms for each in it.after(point)] == [4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        pytest.param(["time,price"], "line 1 .* the header must be", id="header"),
        pytest.param([TRADES], "line 2 .* no event", id="empty"),
        pytest.param([TRADES, "1,100,1,buy", "2,100,1"], "line 3 .* 4 fields, here are 3", id="fields"),
        pytest.param([TRADES, "soon,100,1,buy"], "line 2 .* whole number of milliseconds", id="time"),
        pytest.param([TRADES, "5,100,1,buy", "4,100,1,buy"], "line 3 .* goes back from 5", id="order"),
        pytest.param([TRADES, "1,abc,1,buy"], "line 2 .* must be decimals", id="price"),
        pytest.param([TRADES, "1,NaN,1,buy"], "line 2 .* must be decimals", id="nan"),
        pytest.param([TRADES, "1,100.05,1,buy"], "line 2 .* no multiple of tick_size 0.1", id="tick"),
        pytest.param([TRADES, "1,100,0,buy"], "line 2 .* qty must be above 0", id="quantity"),
        pytest.param([TRADES, "1,100,1E+16,buy"], "line 2 .* qty must be above 0, at most 1000000000000000", id="huge"),
        pytest.param([TRADES, "1,1E+9,1,buy"], "line 2 .* at most 10000000.0 with this tick_size", id="dear"),
        pytest.param([TRADES, "1,100,1,maker"], "line 2 .* side must be buy or sell", id="side"),
        pytest.param([CANDLES, "1,100,99,98,100,1"], "line 2 .* between low and high", id="candle"),
        pytest.param([CANDLES, "1,100,100,100,100,-1"], "line 2 .* volume must be 0 to", id="volume"),
    ],
)
def test_a_bad_line_is_reported_with_number_and_remedy(lines: list[str], sentence: str) -> None:
    with pytest.raises(TapeError, match=sentence):
        walked(tape(*lines))


@pytest.mark.parametrize(
    ("name", "tick", "events", "last"),
    [
        ("trades_binance_spot_TRXUSDT_20250304T0000.csv.gz", "0.0001", 10_000, "0.2327"),
        ("trades_coinbase_BTCUSD_20230905T1600.csv.gz", "0.01", 5882, "25735.97"),
        ("candles1m_coinbase_BTCUSD_20180404_20180406.csv.gz", "0.01", 4 * 3887, "6619.01"),
        ("candles1m_ftx_BTCPERP_crash_20220120_20220124.csv.gz", "1", 4 * 7200, "36660"),
    ],
)
def test_recorded_tapes_are_walked_to_their_end(name: str, tick: str, events: int, last: str) -> None:
    path = RECORDED / name
    if not path.exists():
        pytest.skip(f"the recorded data is not beside the project: {path.name}")
    with gzip.open(path, "rt", encoding="ascii") as file:
        lines = file.readlines()

    trades = walked(tape(*lines, rules=SymbolRules("X/Y", tick_size=Decimal(tick))))

    assert len(trades) == events
    assert trades[-1].price == Decimal(last)
