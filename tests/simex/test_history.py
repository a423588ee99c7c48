"""Past orders and trades: windows of a day, limits, paging by id."""

import time
from decimal import Decimal
from typing import Any

import pytest

from gridtesting.live.simex import SimexHandle

DAY = 86_400_000


@pytest.fixture
async def traded(signed: Any, simex: SimexHandle) -> list[int]:
    """Six orders, each filled in two trades; their ids."""
    ids = []
    for _ in range(6):
        ids.append((await signed.place(quantity="0.002"))[1]["orderId"])
        await simex.inject("59000", "0.0005")
        await simex.inject("58999.99", "0.0005")
        await simex.inject("60000", "0.0005")
    return ids


async def test_orders_are_paged_by_id(signed: Any, traded: list[int]) -> None:
    pages, first = [], 0
    while page := (await signed.call("GET", "allOrders", symbol="BTCUSDT", orderId=first, limit=4))[1]:
        pages.append([order["orderId"] for order in page])
        first = pages[-1][-1] + 1

    assert pages == [traded[:4], traded[4:]]


async def test_without_an_id_the_newest_orders_come_oldest_first(signed: Any, traded: list[int]) -> None:
    orders = (await signed.call("GET", "allOrders", symbol="BTCUSDT", limit=2))[1]

    assert [order["orderId"] for order in orders] == traded[-2:]


async def test_trades_are_paged_by_id_and_rise(signed: Any, traded: list[int]) -> None:
    seen: list[int] = []
    while page := (await signed.call("GET", "myTrades", symbol="BTCUSDT", fromId=(seen or [0])[-1] + 1, limit=5))[1]:
        seen += [trade["id"] for trade in page]

    assert len(seen) == 12
    assert seen == sorted(set(seen))


async def test_an_orders_trades_add_up_to_what_it_executed(signed: Any, traded: list[int]) -> None:
    for order_id in traded:
        trades = (await signed.call("GET", "myTrades", symbol="BTCUSDT", orderId=order_id))[1]
        assert {trade["orderId"] for trade in trades} == {order_id}
        assert sum(Decimal(trade["qty"]) for trade in trades) == Decimal("0.002")


@pytest.mark.parametrize(
    ("start", "end", "found"),
    [
        pytest.param(-DAY // 2, DAY // 2, 6, id="around"),
        pytest.param(None, DAY // 2, 6, id="a day up to an end"),
        pytest.param(-DAY // 2, None, 6, id="a day from a start"),
        pytest.param(-2 * DAY, None, 0, id="a day that is over"),
        pytest.param(DAY // 2, None, 0, id="to come"),
    ],
)
async def test_a_window_of_a_day_shows_what_fell_into_it(
    signed: Any, traded: list[int], start: int | None, end: int | None, found: int
) -> None:
    now = time.time_ns() // 1_000_000
    window = {"startTime": None if start is None else now + start, "endTime": None if end is None else now + end}

    orders = (await signed.call("GET", "allOrders", symbol="BTCUSDT", **window))[1]
    trades = (await signed.call("GET", "myTrades", symbol="BTCUSDT", **window))[1]

    assert (len(orders), len(trades)) == (found, 2 * found)


async def test_up_to_an_end_the_newest_are_given_and_from_a_start_the_oldest(signed: Any, traded: list[int]) -> None:
    now = time.time_ns() // 1_000_000
    up_to, since = {"endTime": now + 1000, "limit": 4}, {"startTime": now - 60_000, "limit": 4}

    newest = (await signed.call("GET", "allOrders", symbol="BTCUSDT", **up_to))[1]
    oldest = (await signed.call("GET", "allOrders", symbol="BTCUSDT", **since))[1]
    newest_trades = (await signed.call("GET", "myTrades", symbol="BTCUSDT", **up_to))[1]
    oldest_trades = (await signed.call("GET", "myTrades", symbol="BTCUSDT", **since))[1]

    assert [each["orderId"] for each in newest] == traded[-4:]
    assert [each["orderId"] for each in oldest] == traded[:4]
    assert {each["orderId"] for each in newest_trades} == set(traded[-2:])
    assert {each["orderId"] for each in oldest_trades} == set(traded[:2])


async def test_no_more_rows_are_given_than_the_limit(signed: Any, traded: list[int]) -> None:
    assert len((await signed.call("GET", "myTrades", symbol="BTCUSDT", limit=3))[1]) == 3
    assert len((await signed.call("GET", "myTrades", symbol="BTCUSDT", limit=5000))[1]) == 12
