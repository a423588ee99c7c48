"""Public frames and replies have the fields that Binance's have, each of the same type and in the same place.

Judged by recordings where there are some, else by the documented example: web-socket-streams.md and rest-api.md of
binance/binance-spot-api-docs, July 2026.
"""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gridsim.orders import Side
from gridtesting.live.simex import SimexHandle

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FRAMES = DATA / "binance_ws" / "hftbacktest_binance_spot_btcusdt_20240808.ws.gz"
REPLIES = DATA / "binance_payloads" / "gct_binance_http.json"

LEVELS = [["0.0024", "10"]]
MINI_TICKER = {
    "e": "24hrMiniTicker", "E": 1672515782136, "s": "BNBBTC", "c": "0.0025", "o": "0.0010", "h": "0.0025",
    "l": "0.0010", "v": "10000", "q": "18",
}  # fmt: skip
TICKER = {
    "e": "24hrTicker", "E": 1672515782136, "s": "BNBBTC", "p": "0.0015", "P": "250.00", "w": "0.0018", "x": "0.0009",
    "c": "0.0025", "Q": "10", "b": "0.0024", "B": "10", "a": "0.0026", "A": "100", "o": "0.0010", "h": "0.0025",
    "l": "0.0010", "v": "10000", "q": "18", "O": 0, "C": 86400000, "F": 0, "L": 18150, "n": 18151,
}  # fmt: skip
WINDOW_TICKER = {
    "e": "1hTicker", "E": 1672515782136, "s": "BNBBTC", "p": "0.0015", "P": "250.00", "o": "0.0010", "h": "0.0025",
    "l": "0.0010", "c": "0.0025", "w": "0.0018", "v": "10000", "q": "18", "O": 0, "C": 1675216573749, "F": 0,
    "L": 18150, "n": 18151,
}  # fmt: skip
KLINE = {
    "e": "kline", "E": 1672515782136, "s": "BNBBTC",
    "k": {
        "t": 1672515780000, "T": 1672515839999, "s": "BNBBTC", "i": "1m", "f": 100, "L": 200, "o": "0.0010",
        "c": "0.0020", "h": "0.0025", "l": "0.0015", "v": "1000", "n": 100, "x": False, "q": "1.0000", "V": "500",
        "Q": "0.500", "B": "123456",
    },
}  # fmt: skip
DOCUMENTED_FRAMES: dict[str, Any] = {
    "btcusdt@aggTrade": {
        "e": "aggTrade", "E": 1672515782136, "s": "BNBBTC", "a": 12345, "p": "0.001", "q": "100", "f": 100, "l": 105,
        "T": 1672515782136, "m": True, "M": True,
    },
    "btcusdt@kline_1s": KLINE,
    "btcusdt@kline_1m": KLINE,
    "btcusdt@kline_1M@+08:00": KLINE,
    "btcusdt@miniTicker": MINI_TICKER,
    "!miniTicker@arr": [MINI_TICKER],
    "btcusdt@ticker": TICKER,
    "!ticker@arr": [TICKER],  # retired in March 2026; ccxt still asks for it
    "btcusdt@ticker_1h": WINDOW_TICKER,
    "btcusdt@ticker_4h": WINDOW_TICKER,
    "btcusdt@ticker_1d": WINDOW_TICKER,
    "!ticker_1h@arr": [WINDOW_TICKER],
    "btcusdt@avgPrice": {
        "e": "avgPrice", "E": 1693907033000, "s": "BTCUSDT", "i": "5m", "w": "25776.86000000", "T": 1693907032213,
    },
    "btcusdt@depth5": {"lastUpdateId": 160, "bids": LEVELS, "asks": LEVELS},
    "btcusdt@depth20@100ms": {"lastUpdateId": 160, "bids": LEVELS, "asks": LEVELS},
}  # fmt: skip
STATISTICS = {
    "symbol": "BNBBTC", "priceChange": "-8.0", "priceChangePercent": "-88.889", "weightedAvgPrice": "2.60427807",
    "openPrice": "9.0", "highPrice": "9.0", "lowPrice": "1.0", "lastPrice": "1.0", "volume": "187.0",
    "quoteVolume": "487.0", "openTime": 1641859200000, "closeTime": 1642031999999, "firstId": 0, "lastId": 60,
    "count": 61,
}  # fmt: skip
MINI_STATISTICS = {
    "symbol": "BNBBTC", "openPrice": "9.0", "highPrice": "9.0", "lowPrice": "1.0", "lastPrice": "1.0",
    "volume": "187.0", "quoteVolume": "487.0", "openTime": 1641859200000, "closeTime": 1642031999999, "firstId": 0,
    "lastId": 60, "count": 61,
}  # fmt: skip
DOCUMENTED_REPLIES: dict[str, Any] = {
    "avgPrice?symbol=BTCUSDT": {"mins": 5, "price": "9.35751834", "closeTime": 1694061154503},
    "ticker?symbol=BTCUSDT": STATISTICS,
    "ticker?symbol=BTCUSDT&type=MINI&windowSize=1m": MINI_STATISTICS,
    'ticker?symbols=["BTCUSDT"]': [STATISTICS],
    "ticker/tradingDay?symbol=BTCUSDT": STATISTICS,
    "ticker/tradingDay?symbol=BTCUSDT&type=MINI": MINI_STATISTICS,
    "ticker/24hr?symbol=BTCUSDT&type=MINI": MINI_STATISTICS,
    "uiKlines?symbol=BTCUSDT&interval=1m": [[0, "o", "h", "l", "c", "v", 0, "q", 308, "V", "Q", "0"]],
    "ticker/price": [{"symbol": "LTCBTC", "price": "4.00000200"}],
}


def shape(value: Any) -> Any:
    """Keys in their order, with types; a list is what its elements are, a row of numbers and texts all of them."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    if isinstance(value, list):
        shapes = [shape(each) for each in value]
        return shapes if len(set(map(str, shapes))) > 1 else shapes[:1]
    return type(value).__name__


async def first_frames(signed: Any, simex: SimexHandle, streams: Iterable[str]) -> dict[str, Any]:
    """What comes first of each stream when something is traded."""
    wanted, found = set(streams), dict[str, Any]()
    async with signed.http.ws_connect(f"{simex.http_url}/stream?streams={quote('/'.join(wanted))}") as socket:
        await simex.inject("60000.5", "2", Side.BUY)
        while set(found) != wanted:
            frame = await socket.receive_json(timeout=30)
            found.setdefault(frame["stream"], frame["data"])
    return found


async def test_a_frame_has_the_documented_fields(signed: Any, simex: SimexHandle) -> None:
    frames = await first_frames(signed, simex, DOCUMENTED_FRAMES)

    for stream, documented in DOCUMENTED_FRAMES.items():
        assert shape(frames[stream]) == shape(documented), stream
    assert [frames[f"btcusdt@ticker_{window}"]["e"] for window in ("1h", "4h", "1d")] == [
        "1hTicker", "4hTicker", "1dTicker",
    ]  # fmt: skip
    assert [frames[f"btcusdt@{kind}"]["e"] for kind in ("aggTrade", "ticker", "miniTicker", "avgPrice")] == [
        "aggTrade", "24hrTicker", "24hrMiniTicker", "avgPrice",
    ]  # fmt: skip
    assert [frames[f"btcusdt@kline_{name}"]["k"]["i"] for name in ("1s", "1m", "1M@+08:00")] == ["1s", "1m", "1M"]


def recorded_frames() -> dict[str, Any]:
    """The first of each kind."""
    found: dict[str, Any] = {}
    with gzip.open(FRAMES, "rt", encoding="utf-8") as lines:
        for line in lines:
            frame = json.loads(line.partition(" ")[2])
            kind, data = frame.get("stream", "snapshot"), frame.get("data", frame)
            if kind not in found and (kind != "btcusdt@depth@100ms" or (data["b"] and data["a"])):
                found[kind] = data
            if len(found) == 4:
                return found
    return found


@pytest.mark.skipif(not FRAMES.exists(), reason="the recorded frames are not beside the project")
async def test_frames_and_the_snapshot_have_the_recorded_ones_fields(signed: Any, simex: SimexHandle) -> None:
    recorded = recorded_frames()
    assert set(recorded) == {"btcusdt@trade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "snapshot"}

    ours = await first_frames(signed, simex, set(recorded) - {"snapshot"})
    ours["snapshot"] = (await signed.public("depth", symbol="BTCUSDT"))[1]

    assert {kind: shape(frame) for kind, frame in ours.items()} == {
        kind: shape(frame) for kind, frame in recorded.items()
    }


@pytest.mark.parametrize("request_path", DOCUMENTED_REPLIES)
async def test_a_reply_has_the_documented_fields(signed: Any, simex: SimexHandle, request_path: str) -> None:
    await simex.inject("60000.5", "2", Side.BUY)

    async with signed.http.get(f"{simex.http_url}/api/v3/{request_path}") as reply:
        body = await reply.json()

    assert reply.status == 200
    assert shape(body) == shape(DOCUMENTED_REPLIES[request_path])


@pytest.mark.skipif(not REPLIES.exists(), reason="the recorded replies are not beside the project")
@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("trades", {}), ("historicalTrades", {}), ("aggTrades", {}), ("depth", {}), ("klines", {"interval": "1m"}),
        ("ticker/24hr", {}), ("ticker/bookTicker", {}), ("ticker/price", {}),
    ],
)  # fmt: skip
async def test_a_reply_has_the_recorded_ones_fields(
    signed: Any, simex: SimexHandle, path: str, params: dict[str, str]
) -> None:
    recorded = json.loads(REPLIES.read_text())["routes"][f"/api/v3/{path}"]["GET"][0]["data"]
    await simex.inject("60000.5", "2", Side.BUY)

    ours = (await signed.public(path, symbol="BTCUSDT", **params))[1]

    assert sorted_shape(ours) == sorted_shape(recorded)


def sorted_shape(value: Any) -> Any:
    """The recording wrote its keys down in alphabetical order."""
    if isinstance(value, dict):
        return shape(dict(sorted(value.items())))
    return [sorted_shape(value[0])] if value and isinstance(value[0], dict) else shape(value)
