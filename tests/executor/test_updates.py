"""The update log: every fill once and permanently, every end after all of its fills, offsets without gaps."""

import asyncio
import random  # noqa: TID251  # seeded, and each seed is a test of its own
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import grpc
import pytest

from executor.venue.port import Hint
from gridcore.model.actions import Fill, OrderUpdate, PlaceOrder
from gridcore.model.orders import OrderStatus
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, running_executor
from gridwright.v1 import executor_pb2

MakePlace = Callable[..., PlaceOrder]
Bend = Callable[[list[Hint]], list[Hint]]


def check(log: list[OrderUpdate], venue: FakeVenue) -> None:
    """What holds for every log, regardless of what the venue reported and how often."""
    assert [entry.offset for entry in log] == list(range(1, len(log) + 1))
    fills = [entry.news.trade_id for entry in log if isinstance(entry.news, Fill)]
    assert sorted(fills, key=int) == [trade.fill.trade_id for trade in venue.trades]
    ended: set[str] = set()
    for entry in log:
        assert entry.client_order_id not in ended, "news after the end"
        if isinstance(entry.news, OrderStatus) and entry.news.ended:
            ended.add(entry.client_order_id)
    for name in ended:
        (order,) = venue.named(name)
        reported = [
            entry.news.quantity for entry in log if isinstance(entry.news, Fill) and entry.client_order_id == name
        ]
        assert sum(reported, Decimal(0)) == order.executed


async def test_the_stream_alone_brings_fills_and_ends(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place(quantity="3")
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        venue.fill(place.client_order_id, Decimal(1))
        venue.fill(place.client_order_id)
        log = await live.log(3)
    check(log, venue)
    assert [entry.news for entry in log if isinstance(entry.news, OrderStatus)] == [OrderStatus.FILLED]


def lost(_hints: list[Hint]) -> list[Hint]:
    return []


def doubled(hints: list[Hint]) -> list[Hint]:
    return [*hints, *hints]


def reversed_order(hints: list[Hint]) -> list[Hint]:
    return hints[::-1]


def without_trades(hints: list[Hint]) -> list[Hint]:
    return hints[1:]


@pytest.mark.parametrize("bend", [lost, doubled, reversed_order, without_trades])
async def test_whatever_the_stream_does_the_log_is_the_same(
    tmp_path: Path,
    venue: FakeVenue,
    clock: ManualClock,
    make_place: MakePlace,
    bend: Callable[[list[Hint]], list[Hint]],
) -> None:
    venue.bend_hints = bend
    filled, cancelled = make_place(quantity="3"), make_place(quantity="2")
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [filled, cancelled])
        venue.fill(filled.client_order_id, Decimal(1))
        venue.fill(cancelled.client_order_id, Decimal(1))
        venue.end(cancelled.client_order_id)
        venue.fill(filled.client_order_id)
        log = await live.log(5)
        for watch in live.executor.watches:
            await watch.poll_once()
        assert await live.whole_log() == log
    check(log, venue)


async def test_what_happened_while_it_was_down_is_in_the_log_before_it_serves(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
    venue.fill(place.client_order_id)
    clock.advance(86_400_000)
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        log = await live.whole_log()
    assert len(log) == 2
    check(log, venue)


async def test_an_end_waits_for_all_its_trades(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.bend_hints = lost
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        venue.hidden_trades.add("1")
        venue.fill(place.client_order_id)
        (watch,) = live.executor.watches
        await watch.poll_once()
        assert await live.whole_log() == []  # the order is seen FILLED, but its trade is not
        venue.hidden_trades.clear()
        await watch.poll_once()
        log = await live.whole_log()
    assert len(log) == 2
    check(log, venue)


async def test_a_trade_that_appears_late_behind_a_younger_one_is_not_passed_over(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place(quantity="3")
    venue.bend_hints = lost
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        (watch,) = live.executor.watches
        venue.fill(place.client_order_id, Decimal(1))
        venue.fill(place.client_order_id, Decimal(1))
        venue.hidden_trades.add("1")
        await watch.poll_once()
        assert [getattr(entry.news, "trade_id", "") for entry in await live.whole_log()] == ["2"]
        clock.advance(1_999)  # within the lag the poll overlaps
        venue.hidden_trades.clear()
        await watch.poll_once()
        check(await live.whole_log(), venue)


async def test_the_cursor_moves_on_past_the_lag(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place(quantity="3")
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        (watch,) = live.executor.watches
        venue.fill(place.client_order_id, Decimal(1))
        clock.advance(2_001)
        await watch.poll_once()
        asked: list[str] = []
        trades_after = venue.trades_after

        async def remember(symbol: str, cursor: object) -> list[object]:
            asked.append(cursor.after_id)  # type: ignore[attr-defined]  # a TradeCursor
            return await trades_after(symbol, cursor)  # type: ignore[arg-type, return-value]  # passed on

        venue.trades_after = remember  # type: ignore[method-assign, assignment]  # listens in, changes nothing
        await watch.poll_once()
    assert asked == ["1"]


async def test_a_stream_that_breaks_is_opened_again(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place(quantity="2")
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        venue.break_streams()
        venue.fill(place.client_order_id, Decimal(1))
        await live.log(1)
        venue.fill(place.client_order_id)
        check(await live.log(3), venue)


async def test_readers_resume_from_any_offset_and_see_the_same(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place(quantity="5")
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        waiting = asyncio.create_task(live.log(4, after_offset=0))
        for _ in range(5):
            venue.fill(place.client_order_id, Decimal(1))
        log = await live.log(6)
        assert await waiting == log[:4]
        for offset in range(6):
            assert await live.log(6 - offset, after_offset=offset) == log[offset:]
        fills = await live.stub.ListFills(executor_pb2.ListFillsRequest(symbol=SYMBOL, after_offset=2, limit=2))
    assert [fill.offset for fill in fills.fills] == [3, 4]
    check(log, venue)


async def test_an_offset_beyond_the_end_belongs_to_another_ledger(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.log(1, after_offset=1)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.metadata["end_offset"] == "0"


async def test_foreign_trades_are_not_ours(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        venue.add_foreign(SYMBOL, make_place(name="web_by_hand"))
        venue.fill("web_by_hand")
        for watch in live.executor.watches:
            await watch.poll_once()
        assert await live.whole_log() == []
        listed = await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
        assert live.executor.readiness.trouble == ""
    assert list(listed.orders) == []


async def test_our_own_and_foreign_orders_are_distinguished(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.add_foreign(SYMBOL, make_place(name="gtest0before"))  # of a ledger that was lost
    clock.advance(1)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        venue.add_foreign(SYMBOL, make_place(name="web_by_hand"))
        await live.batch("bot/1/1", [make_place(name="unlike")])
        listed = await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
        assert live.executor.readiness.trouble == ""
    assert {order.client_order_id: order.ours for order in listed.orders} == {
        "gtest0before": True,
        "web_by_hand": False,
        "unlike": True,
    }


async def test_an_order_of_ours_that_the_ledger_does_not_know_stops_the_executor(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        clock.advance(5_001)
        venue.add_foreign(SYMBOL, make_place(name="gtest0twin"))
        for watch in live.executor.watches:
            await watch.poll_once()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/1", [make_place()])
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "UNKNOWN_OWN_ORDER"
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_of_doubled_lost_and_reordered_hints_gives_every_fill_once(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace, seed: int
) -> None:
    chance = random.Random(seed)
    venue.bend_hints = lambda hints: chance.choices(hints, k=chance.randrange(4))
    places = [make_place(quantity="4") for _ in range(5)]
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", places)
        for _ in range(3):
            for place in places:
                venue.fill(place.client_order_id, Decimal(1))
                await asyncio.sleep(0)
            clock.advance(1_000)
        for place in places[:3]:
            venue.end(place.client_order_id)
        for place in places[3:]:
            venue.fill(place.client_order_id)
        log = await live.log(15 + 2 + 5)
        assert await live.whole_log() == log
    check(log, venue)
