"""The fence: after it nothing of an older epoch is sent, and what the ledger answers stays the same."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from gridcore.model.actions import Outcome, PlaceOrder
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import SYMBOL, CrashPoint, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2

MakePlace = Callable[..., PlaceOrder]


async def test_a_fence_returns_what_the_ledger_remembers(tmp_path: Path, venue: FakeVenue, clock: ManualClock) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        first = await live.fence(1, state_birth_id="first")
        second = await live.fence(2, state_birth_id="second")
        same = await live.fence(3, state_birth_id="first")
    assert second.state_birth_id == "first"  # a rebuilt state receives this
    assert (first.epoch, second.epoch, same.epoch) == (1, 1, 3)  # and raises nothing
    assert first.ledger_birth_id == second.ledger_birth_id != ""
    assert second.end_offset == 0


async def test_a_fence_may_be_raised_again_but_not_lowered(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(5)
        await live.fence(5)
    async with running_executor(tmp_path, venue, clock) as live:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.fence(4)
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert (fault.reason, fault.metadata["epoch"]) == ("FENCE_IS_HIGHER", "5")


async def test_a_new_request_under_a_raised_fence_is_recorded_as_not_sent(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    actions = [make_place(), make_place()]
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(2)
        first = await live.batch("bot/1/1", actions, epoch=1)
        as_the_new_one = await live.batch("bot/1/1", actions, epoch=2)  # not a way around the fence
    assert [(one.outcome, one.reason) for one in first] == [(Outcome.NOT_SENT, "FENCED")] * 2
    assert as_the_new_one == first
    assert venue.places_received == 0


async def test_what_was_sent_is_answered_as_it_is_and_the_rest_is_not_sent(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    actions = [make_place() for _ in range(20)]  # more than are in flight at a time
    crash = CrashPoint()
    async with running_executor(tmp_path, venue, clock, crash=crash) as live:
        crash.at = crash.commits + 25
        with pytest.raises(grpc.aio.AioRpcError):
            await live.batch("bot/1/1", actions)
    sent = {action.client_order_id for action in actions if venue.named(action.client_order_id)}
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(2)
        batch = await live.stub.GetBatch(executor_pb2.GetBatchRequest(request_id="bot/1/1"))
        assert batch.complete, "an unsent intent ends with the fence, not with the next call"
        results = await live.batch("bot/1/1", actions, epoch=1)
        again = await live.batch("bot/1/1", actions, epoch=2)
    assert {one.client_order_id for one in results if one.outcome is Outcome.ACCEPTED} == sent
    assert {one.outcome for one in results} >= {Outcome.ACCEPTED, Outcome.NOT_SENT}
    assert results == again
    assert venue.places_received == len(sent)


async def test_a_fence_returns_once_nothing_older_is_being_sent(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.HANG)
    async with running_executor(tmp_path, venue, clock) as live:
        call = asyncio.create_task(live.batch("bot/1/1", [make_place()]))
        await until(lambda: venue.places_received == 1, "sending")
        raising = asyncio.create_task(live.fence(2))
        outcome, number = Outcome.ACCEPTED, 2
        while outcome is not Outcome.NOT_SENT:  # until the fence stands
            (result,) = await live.batch(f"bot/1/{number}", [make_place()])
            outcome, number = result.outcome, number + 1
        for _ in range(5):  # as many calls as the fence has had time to return in
            batch = await live.stub.GetBatch(executor_pb2.GetBatchRequest(request_id="bot/1/1"))
        assert not batch.complete
        assert not raising.done()
        venue.release()
        await raising
        batch = await live.stub.GetBatch(executor_pb2.GetBatchRequest(request_id="bot/1/1"))
        (result,) = await call
    assert batch.complete
    assert result.outcome is Outcome.ACCEPTED


async def test_a_fence_does_not_wait_for_its_own_epoch(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.HANG)
    async with running_executor(tmp_path, venue, clock) as live:
        call = asyncio.create_task(live.batch("bot/2/1", [make_place()], epoch=2))
        await until(lambda: venue.places_received == 1, "sending")
        await asyncio.wait_for(live.fence(2), timeout=30)
        venue.release()
        await call


async def test_recovery_lists_requests_in_the_order_of_acceptance(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        for number in range(3):
            await live.batch(f"bot/1/{number}", [make_place()])
        listed = await live.stub.ListRequests(executor_pb2.ListRequestsRequest(symbol=SYMBOL, after_seq=1, limit=1))
        rest = await live.stub.ListRequests(executor_pb2.ListRequestsRequest(symbol=SYMBOL, after_seq=2))
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await live.stub.GetBatch(executor_pb2.GetBatchRequest(request_id="bot/1/9"))
    assert [batch.request_id for batch in listed.batches] == ["bot/1/1"]
    assert [batch.request_id for batch in rest.batches] == ["bot/1/2"]
    assert all(batch.complete and batch.results[0].index == 0 for batch in rest.batches)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
