"""Orders that the venue has forgotten, and venues that have forgotten everything: nothing is booked on a guess."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from executor.venue.port import ReadFailedError
from gridcore.model.actions import Fill, OrderUpdate, PlaceOrder
from gridcore.model.orders import OrderStatus, Side
from gridrpc.errors import RpcError as Refusal
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, LiveExecutor, running_executor
from gridwright.v1 import executor_pb2, models_pb2

MakePlace = Callable[..., PlaceOrder]

HOUR_MS, PATIENCE_MS = 3_600_000, 10_000


async def poll(live: LiveExecutor) -> None:
    for watch in live.executor.watches:
        await watch.poll_once()


async def poll_past(live: LiveExecutor, clock: ManualClock, ms: int) -> None:
    """Finds what is not shown, and finds it so for long enough."""
    await poll(live)
    clock.advance(ms)
    await poll(live)


def forget(venue: FakeVenue, place: PlaceOrder) -> str:
    """Its exchange id, which the venue no longer knows."""
    (order,) = venue.named(place.client_order_id)
    del venue.orders[order.exchange_order_id]
    return order.exchange_order_id


def troubles(live: LiveExecutor) -> list[tuple[str, str]]:
    return [(one.kind.value, one.subject) for one in live.executor.troubles.present()]


def news(log: list[OrderUpdate]) -> list[object]:
    return [entry.news.trade_id if isinstance(entry.news, Fill) else entry.news for entry in log]


def gone(place: PlaceOrder, request_id: str = "w1") -> executor_pb2.ResolveOrderRequest:
    return executor_pb2.ResolveOrderRequest(
        request_id=request_id,
        symbol=SYMBOL,
        client_order_id=place.client_order_id,
        evidence=executor_pb2.EVIDENCE_GONE,
        who="ann",
        why="it is on no page",
    )


async def refusal(live: LiveExecutor, request: executor_pb2.ResolveOrderRequest) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await live.stub.ResolveOrder(request)
    fault = rpc_error_of(refused.value)
    assert fault is not None
    return fault


async def test_an_order_that_is_nowhere_on_the_venue_is_shown_and_after_the_stated_time_a_person_may_end_it(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    lost, other = make_place(), make_place()
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [lost, other])
        venue.fill(lost.client_order_id, lost.quantity / 2)
        await poll(live)
        forget(venue, lost)
        venue.trades.clear()
        await poll_past(live, clock, PATIENCE_MS)
        shown = troubles(live)
        early = await refusal(live, gone(lost))
        clock.advance(HOUR_MS)
        await poll(live)
        known = await refusal(live, gone(other))
        answer = await live.stub.ResolveOrder(gone(lost))
        again = await live.stub.ResolveOrder(gone(lost))
        late = await refusal(live, gone(lost, "w2"))
        await poll(live)
        after = troubles(live)
        log = await live.whole_log()
    assert shown == [("ORDER_NOT_SHOWN", lost.client_order_id)]
    assert (early.reason, known.reason, late.reason) == ("TOO_EARLY", "TOO_EARLY", "NOT_OPEN")
    assert answer == again
    assert (answer.status, answer.executed) == (models_pb2.ORDER_STATUS_CANCELED, "0.5")
    assert after == []
    assert news(log) == ["1", OrderStatus.CANCELED]


async def test_a_statement_of_gone_is_refused_when_the_venue_shows_the_order_again(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    lost, other = make_place(), make_place()
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [lost, other])
        (order,) = venue.named(lost.client_order_id)
        forget(venue, lost)
        await poll_past(live, clock, HOUR_MS)
        venue.orders[order.exchange_order_id] = order
        fault = await refusal(live, gone(lost))
        await poll(live)
        assert troubles(live) == []
    assert fault.reason == "SHOWN"


async def test_where_all_of_our_orders_are_gone_nothing_is_sent_until_they_are_back(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    first, second, third = make_place(), make_place(), make_place(ttl_ms=HOUR_MS)
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [first, second])
        orders = dict(venue.orders)
        venue.orders.clear()
        await poll_past(live, clock, PATIENCE_MS)
        shown = {kind for kind, _ in troubles(live)}
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/2", [third])
        venue.orders |= orders
        await poll(live)
        (result,) = await live.batch("bot/1/2", [third])
        assert troubles(live) == []
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNAVAILABLE, "VENUE_RESET")
    assert "begin-anew" in fault.message
    assert shown == {"VENUE_RESET", "ORDER_NOT_SHOWN"}
    assert result.exchange_order_id


async def test_after_a_reset_a_trade_under_a_reused_order_id_is_not_booked(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    ours = make_place()
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [ours])
    number = forget(venue, ours)
    venue.add_foreign(SYMBOL, make_place("web_1", side=Side.SELL))
    assert [order.exchange_order_id for order in venue.named("web_1")] == [number]
    venue.fill("web_1")
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        log = await live.whole_log()
        assert [kind for kind, _ in troubles(live)] == ["VENUE_RESET"]
        with pytest.raises(grpc.aio.AioRpcError, match="was our"):
            await live.batch("bot/1/2", [make_place()])
    assert log == []


async def test_trade_ids_that_go_backwards_are_another_exchange(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    old, ours = make_place(), make_place()
    venue.bend_hints = lambda _: []
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [old, ours])
        venue.fill(old.client_order_id)
        (trade,) = venue.trades
        venue.trades[:] = [replace(trade, fill=replace(trade.fill, trade_id="700"))]
        clock.advance(60_000)
        await poll(live)
        venue.trades.clear()
        venue.fill(ours.client_order_id)  # trade 1 of the exchange as it is now
        with pytest.raises(ReadFailedError, match="go backwards"):
            await live.executor.recorder.trade(venue.trades[0])
        log = await live.whole_log()
        assert [kind for kind, _ in troubles(live)] == ["VENUE_RESET"]
    assert news(log) == ["700", OrderStatus.FILLED]
