"""UNKNOWN: ends on evidence only, is reported by the update log, and is never resolved by sending again."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import grpc
import pytest

from executor.ledger import requests
from executor.ledger.action_status import ActionStatus
from executor.metrics import metrics
from executor.venue.port import VenueOrder
from gridcore.model.actions import OrderUpdate, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import QUICK, SYMBOL, LiveExecutor, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2

MakePlace = Callable[..., PlaceOrder]

WINDOW_MS, LAG_MS = 5_000, 2_000


def news(log: list[OrderUpdate]) -> list[object]:
    return [getattr(entry.news, "trade_id", entry.news) for entry in log]


def unknown_orders(live: LiveExecutor) -> float:
    """As the metrics report it."""
    (figure,) = (one for one in metrics(live.executor) if one.name == "unknown_orders")
    assert figure.labels == {"symbol": SYMBOL}
    return figure.value


async def in_flight(live: LiveExecutor) -> list[str]:
    answer = await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
    return [order.client_order_id for order in answer.in_flight]


async def test_a_lost_answer_is_found_and_accepted(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [make_place()])
    assert (result.outcome, result.exchange_order_id) == (Outcome.ACCEPTED, "1")
    assert venue.places_received == 1


async def test_a_lost_request_is_unknown_until_its_window_and_the_lag_have_passed(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [place])
        clock.advance(WINDOW_MS + LAG_MS)  # at this very moment it is not evidence yet
        for watch in live.executor.watches:
            await watch.poll_once()
        assert await in_flight(live) == [place.client_order_id]
        assert unknown_orders(live) == 1
        assert await live.whole_log() == []
        clock.advance(1)
        log = await live.log(1)
        again = await live.batch("bot/1/1", [place])
        assert await in_flight(live) == []
        await until(lambda: unknown_orders(live) == 0, "the figure to fall")
    assert result.outcome is Outcome.UNKNOWN
    assert news(log) == [OrderStatus.NOT_PLACED]
    assert again == [result]  # the answer is frozen; the later fact came by the log
    assert venue.places_received == 0


async def test_a_late_arrival_within_the_window_is_found(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.LATE)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [make_place()])
        clock.advance(WINDOW_MS)
        venue.deliver()
        log = await live.log(1)
    assert result.outcome is Outcome.UNKNOWN
    assert news(log) == [OrderStatus.OPEN]


async def test_a_late_arrival_after_the_window_is_refused_by_the_venue_and_not_placed(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.LATE)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [make_place()])
        clock.advance(WINDOW_MS + 1)
        venue.deliver()
        clock.advance(LAG_MS)
        log = await live.log(1)
    assert news(log) == [OrderStatus.NOT_PLACED]
    assert venue.orders == {}


async def test_an_order_that_the_venue_does_not_show_at_first_stays_unknown(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.hide_new_orders_ms = LAG_MS
    venue.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [make_place()])
        clock.advance(LAG_MS)
        log = await live.log(1)
    assert result.outcome is Outcome.UNKNOWN
    assert news(log) == [OrderStatus.OPEN]


async def test_an_unknown_order_that_traded_and_ended_is_reported_with_its_fills(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.hide_new_orders_ms = 1_000
    venue.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        venue.bend_hints = lambda _: []
        venue.fill(place.client_order_id)
        clock.advance(1_000)
        log = await live.log(2)
        assert await in_flight(live) == []
    assert news(log) == ["1", OrderStatus.FILLED]


async def test_a_look_up_without_answer_proves_nothing(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, venue, clock) as live:
        venue.reads_to_fail = 40
        (result,) = await live.batch("bot/1/1", [make_place()])
        clock.advance(10 * (WINDOW_MS + LAG_MS))
        log = await live.log(1)
    assert result.outcome is Outcome.UNKNOWN
    assert news(log) == [OrderStatus.OPEN]


async def test_where_requests_never_expire_absence_proves_nothing(
    tmp_path: Path, clock: ManualClock, make_place: MakePlace
) -> None:
    venue = FakeVenue(clock, window_ms=None)
    place = make_place()
    venue.faults.append(Fault.LATE)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(86_400_000)
        for watch in live.executor.watches:
            await watch.poll_once()
        assert await in_flight(live) == [place.client_order_id]
        venue.deliver()
        assert news(await live.log(1)) == [OrderStatus.OPEN]


async def test_doubt_survives_a_restart(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [place])
    async with running_executor(tmp_path, venue, clock) as live:
        assert await in_flight(live) == [place.client_order_id]
        assert await live.batch("bot/1/1", [place]) == [result]
        clock.advance(WINDOW_MS + LAG_MS + 1)
        assert news(await live.log(1)) == [OrderStatus.NOT_PLACED]
    assert venue.places_received == 0


async def test_a_request_signed_with_a_longer_window_than_the_config_has_now_is_not_given_up_early(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.window_ms = 60_000
    venue.faults.append(Fault.LATE)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [make_place()])
    venue.window_ms = WINDOW_MS  # the executor comes back with a smaller recv_window_ms
    async with running_executor(tmp_path, venue, clock) as live:
        clock.advance(WINDOW_MS + LAG_MS + 1)
        ((_, action),) = await live.executor.ledger.writer.run(requests.in_status, ActionStatus.UNKNOWN)
        early = await live.executor.resolver.resolve_once(SYMBOL, action)
        venue.deliver()
        log = await live.log(1)
    assert result.outcome is Outcome.UNKNOWN
    assert not early
    assert news(log) == [OrderStatus.OPEN]


@pytest.mark.parametrize("skew_ms", [-600_000, 600_000])
async def test_evidence_is_timed_by_the_venues_clock(
    tmp_path: Path, clock: ManualClock, make_place: MakePlace, skew_ms: int
) -> None:
    venue = FakeVenue(clock, skew_ms=skew_ms)
    venue.faults.append(Fault.LATE)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [make_place()])
        clock.advance(WINDOW_MS)
        venue.deliver()
        assert news(await live.log(1)) == [OrderStatus.OPEN]
    assert result.outcome is Outcome.UNKNOWN


async def test_another_order_under_our_id_stops_the_executor(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place, other = make_place(name="gtest0same"), make_place(name="gtest0same", price="99")
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, venue, clock) as live:
        venue.add_foreign(SYMBOL, other)
        (result,) = await live.batch("bot/1/1", [place])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/2", [make_place()])
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "UNKNOWN_OWN_ORDER"
    assert result.outcome is Outcome.UNKNOWN


class LookedAt(FakeVenue):
    """Its requests never expire, and it notes when it was asked for an order by name."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, window_ms=None)
        self.looks_s: list[float] = []

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        self.looks_s.append(time.monotonic())
        return await super().order_by_client_id(symbol, client_order_id)


async def test_the_resolver_looks_less_and_less_often(
    tmp_path: Path, clock: ManualClock, make_place: MakePlace
) -> None:
    venue, first_pause_ms = LookedAt(clock), 10
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, venue, clock, pace=replace(QUICK, resolve_pause_ms=first_pause_ms)) as live:
        await live.batch("bot/1/1", [make_place()])
        await until(lambda: len(venue.looks_s) >= 7, "the sender's look and six of the resolver's")
    gaps_ms = [(later - earlier) * 1000 for earlier, later in pairwise(venue.looks_s[1:7])]
    assert [gap > first_pause_ms * 2**number * 0.99 for number, gap in enumerate(gaps_ms)] == [True] * 5


async def test_however_long_its_pause_the_resolver_looks_as_soon_as_that_proves_something(
    tmp_path: Path, clock: ManualClock, make_place: MakePlace
) -> None:
    venue = FakeVenue(clock, window_ms=200)
    pace = replace(QUICK, visibility_lag_ms=100, resolve_pause_ms=3_600_000)
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, venue, clock, pace=pace) as live:
        await live.batch("bot/1/1", [make_place()])
        clock.advance(301)
        assert news(await live.log(1)) == [OrderStatus.NOT_PLACED]
