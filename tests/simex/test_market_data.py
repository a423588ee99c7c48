"""Public market data over REST: klines, statistics over windows, rules, and what is refused."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gridsim.candles import DAY_MS, HOUR_MS, MINUTE_MS
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex
from simex.config import MarketSettings

START = 1_732_233_600_000  # 2024-11-22, a Friday's midnight
ETH = MarketSettings(SymbolRules("ETH/USDT"), running=False, seed=8)


@dataclass
class Clock:
    now_ms: int = START


@dataclass
class Hours:
    """A simex whose clock the test sets."""

    simex: SimexHandle
    http: aiohttp.ClientSession
    clock: Clock = field(default_factory=Clock)

    async def get(self, path: str, **params: object) -> Any:
        query = {name: str(value) for name, value in ({"symbol": "BTCUSDT"} | params).items() if value is not None}
        async with self.http.get(f"{self.simex.http_url}/api/v3/{path}", params=query) as reply:
            return await reply.json()

    async def trade(self, at_ms: int, price: str, quantity: str = "1", taker: Side = Side.BUY) -> None:
        self.clock.now_ms = START + at_ms
        await self.simex.inject(price, quantity, taker)


@pytest.fixture
async def hours(tmp_path: Path) -> AsyncIterator[Hours]:
    clock = Clock()
    async with (
        running_simex(tmp_path, [STILL_MARKET, ETH], clock_ms=lambda: clock.now_ms) as simex,
        aiohttp.ClientSession() as http,
    ):
        yield Hours(simex, http, clock)


@pytest.fixture
async def traded(hours: Hours) -> Hours:
    """Six trades over two hours and a little."""
    for at_ms, price in (
        (0, "60000"), (1_500, "60100"), (59_999, "59900"), (MINUTE_MS, "60200"), (5 * MINUTE_MS, "60300"),
        (2 * HOUR_MS + 10_000, "60400"),
    ):  # fmt: skip
        await hours.trade(at_ms, price, taker=Side.BUY if price != "59900" else Side.SELL)
    return hours


async def test_klines_have_no_hole_where_nothing_was_traded(traded: Hours) -> None:
    rows = await traded.get("klines", interval="1m", limit=1000)

    assert [row[0] for row in rows] == [START + minute * MINUTE_MS for minute in range(121)]
    assert rows[0] == [
        START, "60000.00000000", "60100.00000000", "59900.00000000", "59900.00000000", "3.00000000",
        START + MINUTE_MS - 1, "180000.00000000", 3, "2.00000000", "120100.00000000", "0",
    ]  # fmt: skip
    assert {row[4] for row in rows[6:120]} == {"60300.00000000"}
    assert rows[6][1:] == [*["60300.00000000"] * 4, "0.00000000", rows[6][6], "0.00000000", 0, *["0.00000000"] * 2, "0"]
    assert rows[-1][4] == "60400.00000000"


@pytest.mark.parametrize(
    ("params", "opened"),
    [
        pytest.param({"limit": 2}, [119, 120], id="the newest"),
        pytest.param({"startTime": START + MINUTE_MS, "limit": 2}, [1, 2], id="from a start"),
        pytest.param({"startTime": START + 1, "limit": 1}, [1], id="the first that opens after it"),
        pytest.param({"endTime": START + 3 * MINUTE_MS, "limit": 2}, [2, 3], id="up to an end"),
        pytest.param({"startTime": START, "endTime": START + MINUTE_MS}, [0, 1], id="between"),
        pytest.param({"startTime": START + 10 * HOUR_MS}, [], id="to come"),
    ],
)
async def test_klines_are_cut_to_what_is_asked_for(traded: Hours, params: dict[str, object], opened: list[int]) -> None:
    rows = await traded.get("uiKlines", interval="1m", **params)

    assert [row[0] for row in rows] == [START + minute * MINUTE_MS for minute in opened]


@pytest.mark.parametrize(
    ("interval", "zone", "opened", "counts"),
    [
        ("1h", None, [0, HOUR_MS, 2 * HOUR_MS], [5, 0, 1]),
        ("1d", None, [0], [6]),
        ("1d", "-1", [-23 * HOUR_MS, HOUR_MS], [5, 1]),
        ("1w", None, [-4 * DAY_MS], [6]),
        ("1M", None, [-21 * DAY_MS], [6]),
    ],
)
async def test_klines_of_any_interval_count_every_trade(
    traded: Hours, interval: str, zone: str | None, opened: list[int], counts: list[int]
) -> None:
    rows = await traded.get("klines", interval=interval, timeZone=zone)

    assert [(row[0] - START, row[8]) for row in rows] == list(zip(opened, counts, strict=True))


async def test_seconds_are_remembered_for_an_hour(traded: Hours) -> None:
    rows = await traded.get("klines", interval="1s", limit=1000, startTime=START + HOUR_MS + 11_000)
    await traded.trade(2 * HOUR_MS + 12_999, "60500")
    newest = await traded.get("klines", interval="1s", limit=4)

    assert [(row[0] - START - 2 * HOUR_MS, row[8]) for row in rows] == [(10_000, 1)]
    assert [(row[0] - START - 2 * HOUR_MS, row[8]) for row in newest] == [(10_000, 1), (11_000, 0), (12_000, 1)]


async def test_a_rolling_window_begins_on_a_minute_and_counts_what_is_in_it(traded: Hours) -> None:
    wide = await traded.get("ticker", windowSize="3h")
    narrow = await traded.get("ticker", windowSize="1m", type="MINI")
    day = await traded.get("ticker")

    assert wide["openTime"] == START + 2 * HOUR_MS - 3 * HOUR_MS
    assert (wide["closeTime"], wide["count"], wide["firstId"], wide["lastId"]) == (traded.clock.now_ms, 6, 1, 6)
    assert (wide["openPrice"], wide["lastPrice"]) == ("60000.00000000", "60400.00000000")
    assert (wide["priceChange"], wide["priceChangePercent"]) == ("400.00000000", "0.667")
    assert wide["weightedAvgPrice"] == "60150.00000000"
    assert (narrow["count"], narrow["openPrice"]) == (1, "60400.00000000")
    assert "priceChange" not in narrow
    assert day["count"] == 6


async def test_a_window_without_a_trade_has_the_last_price(traded: Hours) -> None:
    traded.clock.now_ms += HOUR_MS
    empty = await traded.get("ticker", windowSize="30m")

    assert (empty["count"], empty["firstId"], empty["volume"]) == (0, -1, "0.00000000")
    assert empty["openPrice"] == empty["highPrice"] == empty["lastPrice"] == "60400.00000000"


async def test_a_trading_day_goes_from_midnight_to_midnight_of_the_time_zone(traded: Hours) -> None:
    utc = await traded.get("ticker/tradingDay")
    east = await traded.get("ticker/tradingDay", timeZone="-1:00")

    assert (utc["openTime"], utc["closeTime"], utc["count"]) == (START, START + DAY_MS - 1, 6)
    assert (east["openTime"], east["count"]) == (START + HOUR_MS, 1)


async def test_the_average_price_is_weighted_over_five_minutes(hours: Hours) -> None:
    await hours.trade(0, "60000", "1")
    await hours.trade(4 * MINUTE_MS, "60300", "2")
    both = await hours.get("avgPrice")
    hours.clock.now_ms = START + 6 * MINUTE_MS
    one = await hours.get("avgPrice")
    hours.clock.now_ms = START + HOUR_MS
    none = await hours.get("avgPrice")

    assert both == {"mins": 5, "price": "60200.00000000", "closeTime": START + 4 * MINUTE_MS}
    assert one["price"] == none["price"] == "60300.00000000"


async def test_old_trades_are_found_by_their_ids(traded: Hours) -> None:
    newest = await traded.get("historicalTrades", limit=2)
    older = await traded.get("historicalTrades", limit=2, fromId=2)

    assert [each["id"] for each in newest] == [5, 6]
    assert [each["id"] for each in older] == [2, 3]


async def test_depth_is_cut_to_its_limit_and_its_update_id_rises_with_the_book(hours: Hours) -> None:
    first = await hours.get("depth", limit=5)
    same = await hours.get("depth", limit=5)
    await hours.trade(0, "60500")
    after = await hours.get("depth", limit=5)

    assert len(first["bids"]) == len(first["asks"]) == 5
    assert same == first
    assert after["lastUpdateId"] > first["lastUpdateId"]
    assert (after["bids"][0][0], after["asks"][0][0]) == ("60499.99000000", "60500.00000000")


async def test_after_a_restart_update_ids_go_on_rising(tmp_path: Path) -> None:
    ids = []
    for _ in range(2):
        async with running_simex(tmp_path) as simex, aiohttp.ClientSession() as http:
            await simex.advance(50)
            ids.append((await Hours(simex, http).get("depth"))["lastUpdateId"])

    assert ids[0] < ids[1]


async def test_a_ticker_is_returned_for_one_symbol_some_or_all(traded: Hours) -> None:
    one = await traded.get("ticker/24hr")
    some = await traded.get("ticker/24hr", symbol=None, symbols='["ETHUSDT"]', type="MINI")
    all_of_them = await traded.get("ticker/price", symbol=None)
    halted = await traded.get("ticker/price", symbol=None, symbolStatus="HALT")

    assert (one["symbol"], one["count"], one["prevClosePrice"]) == ("BTCUSDT", 6, "60000.00000000")
    assert one["openTime"] == one["closeTime"] - DAY_MS
    assert [each["symbol"] for each in some] == ["ETHUSDT"]
    assert [each["symbol"] for each in all_of_them] == ["BTCUSDT", "ETHUSDT"]
    assert halted == []


async def test_a_day_has_the_price_before_it(traded: Hours) -> None:
    await traded.trade(DAY_MS + MINUTE_MS, "61000")
    day = await traded.get("ticker/24hr")

    assert (day["prevClosePrice"], day["openPrice"]) == ("59900.00000000", "60200.00000000")
    assert (day["count"], day["lastPrice"], day["lastQty"]) == (4, "61000.00000000", "1.00000000")


async def test_exchange_info_is_returned_for_what_is_asked_for(hours: Hours) -> None:
    whole = await hours.get("exchangeInfo", symbol=None)
    one = await hours.get("exchangeInfo", showPermissionSets="false")
    spot = await hours.get("exchangeInfo", symbol=None, permissions='["SPOT","MARGIN"]')
    margin = await hours.get("exchangeInfo", symbol=None, permissions="MARGIN")
    broken = await hours.get("exchangeInfo", symbol=None, symbolStatus="BREAK")

    assert [each["symbol"] for each in whole["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert whole["symbols"][0]["permissionSets"] == [["SPOT"]]
    assert [(each["symbol"], each["permissionSets"]) for each in one["symbols"]] == [("BTCUSDT", [])]
    assert spot["symbols"] == whole["symbols"]
    assert margin["symbols"] == broken["symbols"] == []
    assert whole["rateLimits"] == []  # they are switched off here


SYMBOLS = json.dumps(["BTCUSDT"])


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("klines", {"interval": "1H"}, -1120),
        ("klines", {}, -1102),
        ("klines", {"interval": "1m", "timeZone": "15"}, -1130),
        ("klines", {"interval": "1m", "startTime": "x"}, -1100),
        ("klines", {"interval": "1m", "limit": "0"}, -1130),
        ("depth", {"symbol": "btcusdt"}, -1100),
        ("depth", {"symbol": "NOSUCH"}, -1121),
        ("depth", {"symbol": None}, -1102),
        ("depth", {"symbolStatus": "HALT"}, -1220),
        ("depth", {"symbolStatus": "OPEN"}, -1122),
        ("ticker", {"symbol": None}, -1102),
        ("ticker", {"windowSize": "60m"}, -1130),
        ("ticker", {"type": "TINY"}, -1139),
        ("ticker/tradingDay", {"symbol": None}, -1102),
        ("ticker/24hr", {"symbols": SYMBOLS}, -1128),
        ("ticker/price", {"symbol": None, "symbols": "BTCUSDT"}, -1100),
        ("ticker/price", {"symbol": None, "symbols": "[1]"}, -1100),
        ("ticker/price", {"symbol": None, "symbols": '["NOSUCH"]'}, -1121),
        ("ticker/price", {"symbol": None, "symbols": json.dumps(["BTCUSDT"] * 2)}, -1151),
        ("exchangeInfo", {"permissions": "SPOT"}, -1128),
        ("exchangeInfo", {"symbol": None, "permissions": "[SPOT"}, -1130),
        ("exchangeInfo", {"symbolStatus": "TRADING"}, -1128),
    ],
)
async def test_a_bad_question_is_refused_in_binances_code(
    hours: Hours, path: str, params: dict[str, object], code: int
) -> None:
    assert (await hours.get(path, **params))["code"] == code
