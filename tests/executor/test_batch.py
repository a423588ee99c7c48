"""BatchExecute: every action at most once, and permanently the same answer for the same request."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import grpc
import pytest

from gridcore.model.actions import CancelOrder, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus
from gridrpc import convert_orders as convert
from gridrpc.channel import open_channel
from gridrpc.errors import RpcError as RpcFault
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2

MakePlace = Callable[..., PlaceOrder]


def refusal(error: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> RpcFault:
    fault = rpc_error_of(error.value)
    assert fault is not None, error.value
    return fault


async def test_a_place_is_answered_with_the_venues_order(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [place])
    assert (result.outcome, result.exchange_order_id) == (Outcome.ACCEPTED, "1")
    assert len(venue.named(place.client_order_id)) == 1


async def test_the_same_request_replays_its_answers_and_sends_nothing(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    actions = [make_place(), make_place()]
    async with running_executor(tmp_path, venue, clock) as live:
        first = await live.batch("bot/1/1", actions)
        venue.fill(actions[0].client_order_id)  # its name is free on the venue now: a repeat would trade again
        again = await live.batch("bot/1/1", actions)
    async with running_executor(tmp_path, venue, clock) as live:
        after_restart = await live.batch("bot/1/1", actions)
    assert first == again == after_restart
    assert venue.places_received == 2


async def test_a_later_epoch_may_repeat_a_request(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        first = await live.batch("bot/1/1", [place], epoch=1)
        assert await live.batch("bot/1/1", [place], epoch=2) == first


async def test_the_same_id_with_other_contents_is_refused_and_says_what_differs(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/1", [replace(place, price=Decimal(101))])
    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert "actions[0].price was '100', is '101'" in refusal(refused).message


async def test_a_name_never_stands_for_two_orders(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/2", [place])
        with pytest.raises(grpc.aio.AioRpcError) as twice:
            await live.batch("bot/1/3", [replace(place, client_order_id="gtest0x")] * 2)
    assert refusal(refused).reason == refusal(twice).reason == "NAME_TAKEN"
    assert venue.places_received == 1


async def test_calls_with_one_id_at_the_same_time_share_one_execution(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    actions = [make_place() for _ in range(3)]
    venue.faults.extend([Fault.HANG, Fault.HANG])
    async with running_executor(tmp_path, venue, clock) as live, open_channel(live.address) as other:
        second = replace(live, stub=executor_pb2_grpc.ExecutorStub(other))
        calls = [asyncio.create_task(one.batch("bot/1/1", actions)) for one in [live, second] * 5]
        await until(lambda: venue.places_received == 3, "sending")
        venue.release()
        answers = await asyncio.gather(*calls)
    assert all(answer == answers[0] for answer in answers)
    assert venue.places_received == 3


async def test_a_broken_call_does_not_stop_the_work(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.faults.append(Fault.HANG)
    async with running_executor(tmp_path, venue, clock) as live:
        call = asyncio.create_task(live.batch("bot/1/1", [place]))
        await until(lambda: venue.places_received == 1, "sending")
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        venue.release()
        (result,) = await live.batch("bot/1/1", [place])
    assert result.outcome is Outcome.ACCEPTED
    assert venue.places_received == 1


async def test_results_stream_as_they_are_recorded(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    actions = [make_place(), make_place()]
    venue.faults.append(Fault.HANG)
    request = executor_pb2.BatchExecuteRequest(
        request_id="bot/1/1", symbol=SYMBOL, epoch=1, actions=[convert.action_to_proto(one) for one in actions]
    )
    async with running_executor(tmp_path, venue, clock) as live:
        call = live.stub.BatchExecute(request)
        first = await call.read()
        venue.release()
        second = await call.read()
    assert isinstance(first, models_pb2.ActionResult)
    assert isinstance(second, models_pb2.ActionResult)
    assert {first.index, second.index} == {0, 1}


async def test_a_refused_place_is_rejected_with_its_reason(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.extend([Fault.REFUSED, Fault.UNREACHABLE])
    async with running_executor(tmp_path, venue, clock) as live:
        results = await live.batch("bot/1/1", [make_place(), make_place()])
        order = await live.stub.GetOrder(executor_pb2.GetOrderRequest(client_order_id=results[0].client_order_id))
    assert [(one.outcome, one.reason) for one in results] == [
        (Outcome.REJECTED, "INSUFFICIENT_FUNDS"),
        (Outcome.REJECTED, "VENUE_UNREACHABLE"),
    ]
    assert order.status == convert.ORDER_STATUSES.to_proto(OrderStatus.REJECTED)
    assert venue.orders == {}


async def test_a_place_past_its_time_expires_unsent(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    late, timely = make_place(ttl_ms=-1), make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        results = await live.batch("bot/1/1", [late, timely])
    assert [one.outcome for one in results] == [Outcome.EXPIRED, Outcome.ACCEPTED]
    assert venue.named(late.client_order_id) == []


async def test_what_is_signed_is_the_venues_time(tmp_path: Path, clock: ManualClock, make_place: MakePlace) -> None:
    venue = FakeVenue(clock, skew_ms=-90_000)  # a host whose clock runs a minute and a half ahead
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [make_place()])
    assert result.outcome is Outcome.ACCEPTED
    assert venue.known_skew_ms == -90_000


async def test_a_timestamp_out_of_the_window_is_rejected_and_the_clock_set(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        venue.skew_ms = 60_000  # the venue's clock leaps
        (result,) = await live.batch("bot/1/1", [make_place()])
        (next_result,) = await live.batch("bot/1/2", [make_place()])
    assert (result.outcome, result.reason) == (Outcome.REJECTED, "CLOCK_SKEW")
    assert next_result.outcome is Outcome.ACCEPTED


async def test_a_cancel_whose_time_is_refused_sets_the_clock(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    cancel = CancelOrder(place.client_order_id, "", place.slot)
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        venue.skew_ms = 60_000  # the venue's clock leaps
        (refused,) = await live.batch("bot/1/2", [cancel])
        (result,) = await live.batch("bot/1/3", [cancel])
    assert (refused.outcome, refused.reason) == (Outcome.REJECTED, "CLOCK_SKEW")
    assert result.outcome is Outcome.CANCELLED


async def test_a_cancel_is_cancelled_and_a_second_one_finds_it_ended(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    cancel = CancelOrder(place.client_order_id, "", place.slot)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        (first,) = await live.batch("bot/1/2", [cancel])
        (second,) = await live.batch("bot/1/3", [cancel])
        log = await live.log(1)
    assert (first.outcome, second.outcome) == (Outcome.CANCELLED, Outcome.ENDED)
    assert [one.news for one in log] == [OrderStatus.CANCELED]


async def test_a_cancel_that_a_fill_crosses_finds_the_order_ended(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        venue.faults.append(Fault.FILL_CROSSES)
        (result,) = await live.batch("bot/1/2", [CancelOrder(place.client_order_id, "", place.slot)])
        log = await live.log(2)
    assert result.outcome is Outcome.ENDED
    assert [getattr(one.news, "trade_id", one.news) for one in log] == ["1", OrderStatus.FILLED]


async def test_a_refused_cancel_ends_nothing_while_the_place_is_in_doubt(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.faults.append(Fault.LATE)
    async with running_executor(tmp_path, venue, clock) as live:
        (placed,) = await live.batch("bot/1/1", [place])
        (cancelled,) = await live.batch("bot/1/2", [CancelOrder(place.client_order_id, "", place.slot)])
        venue.deliver()
        log = await live.log(1)
    assert placed.outcome is Outcome.UNKNOWN
    assert (cancelled.outcome, cancelled.reason) == (Outcome.REJECTED, "PLACE_IN_DOUBT")
    assert [one.news for one in log] == [OrderStatus.OPEN]


@pytest.mark.parametrize(
    ("fault", "outcome", "rests"),
    [
        pytest.param(Fault.TIMEOUT_BEFORE, Outcome.UNKNOWN, True, id="lost-cancel"),
        pytest.param(Fault.TIMEOUT_AFTER, Outcome.ENDED, False, id="lost-answer"),
        pytest.param(Fault.REFUSED, Outcome.REJECTED, True, id="refused"),
        pytest.param(Fault.UNREACHABLE, Outcome.REJECTED, True, id="never-connected"),
    ],
)
async def test_a_cancel_in_doubt_is_looked_up(
    tmp_path: Path,
    venue: FakeVenue,
    clock: ManualClock,
    make_place: MakePlace,
    fault: Fault,
    outcome: Outcome,
    rests: bool,
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        venue.faults.append(fault)
        (result,) = await live.batch("bot/1/2", [CancelOrder(place.client_order_id, "", place.slot)])
    assert result.outcome is outcome
    assert (venue.orders["1"].status is OrderStatus.OPEN) is rests


async def test_only_our_own_orders_are_cancelled(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    foreign = venue.add_foreign(SYMBOL, make_place(name="web_by_hand"))
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/1", [CancelOrder("web_by_hand", foreign.exchange_order_id, "100")])
        ours = make_place()
        await live.batch("bot/1/2", [ours])
        with pytest.raises(grpc.aio.AioRpcError) as disguised:
            await live.batch("bot/1/3", [CancelOrder(ours.client_order_id, foreign.exchange_order_id, "100")])
    assert refusal(refused).reason == refusal(disguised).reason == "NOT_OURS"
    assert venue.orders[foreign.exchange_order_id].status is OrderStatus.OPEN


@pytest.mark.parametrize(
    ("request_id", "symbol", "actions", "named"),
    [
        pytest.param("", SYMBOL, 1, "request_id", id="no-id"),
        pytest.param("a", "ETH/USDT", 1, "symbol = 'ETH/USDT'", id="another-symbol"),
        pytest.param("a", SYMBOL, 0, "actions", id="no-actions"),
    ],
)
async def test_a_bad_request_is_refused_by_name(
    tmp_path: Path,
    venue: FakeVenue,
    clock: ManualClock,
    make_place: MakePlace,
    request_id: str,
    symbol: str,
    actions: int,
    named: str,
) -> None:
    request = executor_pb2.BatchExecuteRequest(
        request_id=request_id, symbol=symbol, actions=[convert.action_to_proto(make_place())] * actions
    )
    async with running_executor(tmp_path, venue, clock) as live:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.stub.BatchExecute(request).read()
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(refused).message.startswith(named)


@pytest.mark.parametrize("offset_ms", [-3_600_000, -31_000, 31_000, 3_600_000])
async def test_a_deadline_is_by_the_clock_of_its_sender_and_kept_by_ours(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace, offset_ms: int
) -> None:
    sent, late = make_place(ttl_ms=1_000 - offset_ms), make_place(ttl_ms=1_000 - offset_ms)
    async with running_executor(tmp_path, venue, clock) as live:
        (result,) = await live.batch("bot/1/1", [sent], clock_offset_ms=offset_ms)
        clock.advance(2_000)
        (expired,) = await live.batch("bot/1/2", [late], clock_offset_ms=offset_ms)
        again = await live.batch("bot/1/2", [late], clock_offset_ms=offset_ms + 5_000)

    assert (result.outcome, expired.outcome) == (Outcome.ACCEPTED, Outcome.EXPIRED)
    assert again == [expired], "what the sender knows of our clock later changes nothing of what was accepted"
