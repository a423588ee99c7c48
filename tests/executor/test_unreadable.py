"""Unreadable entries of the venue's lists: others' are foreign, and of ours only that order is in doubt."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gridcore.model.actions import Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus, Side
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import QUICK, SYMBOL, LiveExecutor, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2

MakePlace = Callable[..., PlaceOrder]


def news(log: list[OrderUpdate]) -> list[object]:
    return [entry.news.trade_id if isinstance(entry.news, Fill) else entry.news for entry in log]


async def troubles(live: LiveExecutor) -> list[tuple[str, str]]:
    answer = await live.stub.ListTroubles(models_pb2.ListTroublesRequest())
    return [(trouble.kind, trouble.subject) for trouble in answer.troubles]


async def test_an_order_of_another_hand_that_cannot_be_read_is_counted_and_hinders_nothing(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    foreign = venue.add_foreign(SYMBOL, make_place("web_1", side=Side.SELL))
    venue.unreadable.add(foreign.exchange_order_id)
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:  # it comes to serve
        (result,) = await live.batch("bot/1/1", [place])
        clock.advance(7_001)  # window and lag
        log = await live.log(1)  # the lost request resolves
        answer = await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
        assert await troubles(live) == []
    assert result.outcome is Outcome.UNKNOWN
    assert news(log) == [OrderStatus.NOT_PLACED]
    assert [(order.client_order_id, order.ours) for order in answer.orders] == [("web_1", False)]


async def test_a_trade_of_an_unreadable_foreign_order_is_foreign(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock, pace=QUICK) as live:
        foreign = venue.add_foreign(SYMBOL, make_place("web_1"))
        venue.unreadable.add(foreign.exchange_order_id)
        venue.fill("web_1")
        place = make_place()
        await live.batch("bot/1/1", [place])
        venue.fill(place.client_order_id)
        log = await live.log(2)
    assert news(log) == ["2", OrderStatus.FILLED]


@pytest.mark.parametrize("what", ["order", "trade"])
async def test_an_order_of_ours_that_cannot_be_read_is_alone_in_doubt_until_it_can(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace, what: str
) -> None:
    one, other = make_place(), make_place()
    venue.bend_hints = lambda _: []
    async with running_executor(tmp_path, venue, clock, pace=QUICK) as live:
        await live.batch("bot/1/1", [one, other])
        await until(lambda: venue.trade_reads > 0, "the sweep after startup: the next one is a minute away")
        venue.unreadable.add("1" if what == "order" else "t1")
        venue.fill(one.client_order_id)
        if what == "order":
            venue.unreadable.add("t1")
        venue.fill(other.client_order_id)
        others = await live.log(2)
        await until_trouble(live, one.client_order_id)
        venue.unreadable.clear()
        log = await live.log(4)
        await until_no_trouble(live)
    assert news(others) == ["2", OrderStatus.FILLED]
    assert news(log)[2:] == ["1", OrderStatus.FILLED]


async def until_trouble(live: LiveExecutor, name: str) -> None:
    wanted = [("ORDER_UNREADABLE", name)]
    try:
        await until(
            lambda: wanted == [(one.kind.value, one.subject) for one in live.executor.troubles.present()],
            name,
            deadline_seconds=20,
        )
    except AssertionError as error:
        error.add_note(f"there are {live.executor.troubles.present()}")
        raise


async def until_no_trouble(live: LiveExecutor) -> None:
    await until(lambda: not live.executor.troubles.present(), "the end of the trouble")
