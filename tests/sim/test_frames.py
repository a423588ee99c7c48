"""Tapes of websocket frames as Binance sent them."""

import gzip
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest

from gridsim.market import Level, MarketDepth, MarketEvent, MarketQuote, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.tape import Tape
from gridsim.tape_depth import LEVELS
from gridsim.tape_lines import TapeError

FRAMES = Path(__file__).resolve().parents[3] / "shared" / "data" / "binance_ws"
D = Decimal

TRADE = (
    '1723161254087896568 {"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":1,'
    '"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)
QUOTE = (
    '1723161254116723068 {"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"61837.63000000",'
    '"B":"3.78826000","a":"61837.64000000","A":"1.60520000"}}'
)
DEPTH = (
    '1723161254137307667 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255408,"s":"BTCUSDT",'
    '"U":50093239208,"u":50093239224,"b":[["61837.63000000","3.50000000"],["61837.62000000","0.00000000"]],"a":[]}}'
)
SNAPSHOT = (
    '1723161254206652067 {"lastUpdateId":50093239218,"bids":[["61837.63000000","3.78826000"],'
    '["61837.62000000","0.61700000"]],"asks":[["61837.64000000","1.60520000"]]}'
)
LATER = (
    '1723161254306652067 {"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1723161255508,"s":"BTCUSDT",'
    '"U":50093239225,"u":50093239226,"b":[],"a":[["61837.70000000","0.10000000"]]}}'
)


def played(lines: Iterable[str], shift_ms: int = 0) -> list[MarketEvent]:
    it = Tape(SymbolRules("BTC/USDT"), lambda: lines, time_shift_ms=shift_ms)
    return list(it.after(it.opening()))


def test_trades_best_quotes_and_from_the_snapshot_on_the_depth_are_events() -> None:
    bids, asks = (Level(D("61837.63"), D("3.5")),), (Level(D("61837.64"), D("1.6052")),)
    assert played((TRADE, QUOTE, DEPTH, SNAPSHOT, LATER, ""), shift_ms=1273) == [
        MarketTrade(1723161255360, D("61837.63"), D("0.02"), Side.SELL),
        MarketQuote(1723161255389, Level(D("61837.63"), D("3.78826")), Level(D("61837.64"), D("1.6052"))),
        MarketDepth(1723161255479, bids, asks),  # the update that waited for the snapshot goes beyond it
        MarketDepth(1723161255579, bids, (*asks, Level(D("61837.70"), D("0.1")))),
    ]


def test_the_taker_is_the_one_who_is_not_the_maker() -> None:
    assert [
        each.taker for each in played((TRADE.replace('"m":true', '"m":false'),)) if isinstance(each, MarketTrade)
    ] == [Side.BUY]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        pytest.param(QUOTE[:-30], "nanoseconds, a space and a JSON object", id="cut off"),
        pytest.param(QUOTE[:-30] + "}", 'JSON with an object "data"', id="no JSON"),
        pytest.param(TRADE.replace('"s":"BTCUSDT"', '"s":"ETHUSDT"'), "must be of BTCUSDT", id="another market"),
        pytest.param(TRADE.replace('"p":"61837.63000000",', ""), "must be decimals", id="no price"),
        pytest.param(TRADE.replace("61837.63", "61837.631"), "no multiple of tick_size", id="tick"),
        pytest.param(
            DEPTH.replace('"s":"BTCUSDT"', '"s":"ETHUSDT"'), "must be of BTCUSDT", id="another market's depth"
        ),
        pytest.param(DEPTH.replace('"u":50093239224', '"u":"x"'), '"u" must be a whole number', id="no update id"),
        pytest.param(DEPTH.replace('"a":[]', '"a":[1]'), '"a" must be a list of pairs', id="no level"),
        pytest.param(SNAPSHOT.replace('"asks"', '"ask"'), '"asks" must be a list of pairs', id="no asks"),
        pytest.param(SNAPSHOT.replace("61837.62", "61837.621"), "no multiple of tick_size", id="tick of the depth"),
        pytest.param('1723161254137307667 {"e":"trade"}', "must be one of a combined stream", id="bare"),
        pytest.param("1723161250000000000" + TRADE[19:], "goes back", id="order"),
    ],
)
def test_a_bad_frame_is_reported_with_number_and_remedy(line: str, sentence: str) -> None:
    with pytest.raises(TapeError, match=f"line 2 .*{sentence}"):
        played((TRADE, line))


@pytest.mark.parametrize(
    ("name", "trades", "quotes", "depths", "last"),
    [
        ("hftbacktest_binance_spot_btcusdt_20240808.ws.gz", 9757, 28040, 3449, "61685.99"),
        ("hftbacktest_binance_spot_btcusdt_20240809.ws.gz", 10147, 45134, 0, "61602.02"),  # it has no snapshot
    ],
)
def test_the_recorded_frames_are_read_to_their_end(name: str, trades: int, quotes: int, depths: int, last: str) -> None:
    path = FRAMES / name
    if not path.exists():
        pytest.skip(f"the recorded data is not beside the project: {path.name}")
    with gzip.open(path, "rt", encoding="ascii") as file:
        events = played(file.readlines())

    counted = Counter(type(each) for each in events)
    assert (counted[MarketTrade], counted[MarketQuote], counted[MarketDepth]) == (trades, quotes, depths)
    assert [each.price for each in events if isinstance(each, MarketTrade)][-1] == D(last)
    assert all(before.market_time_ms <= after.market_time_ms for before, after in pairwise(events))
    assert depths == 0 or agreement(events) > 0.9


def agreement(events: Iterable[MarketEvent]) -> float:
    """How often the best of the depth is what the quotes say at that moment: they come a little before or after it."""
    quote, alike, depths = None, 0, 0
    for each in events:
        match each:
            case MarketQuote():
                quote = each
            case MarketDepth(bids=bids, asks=asks) if quote is not None:
                depths += 1
                alike += (bids[0].price, asks[0].price) == (quote.bid.price, quote.ask.price)
                assert len(bids) == len(asks) == LEVELS
                assert bids[0].price < asks[0].price
            case _:
                pass
    return alike / depths
