"""Retention: what is finished is forgotten after a while, and what is forgotten is refused, never run."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from executor.ledger import pruning
from gridcore.actions import Outcome, PlaceOrder
from gridrpc.faults import fault_of
from gridtesting.live_executor import STEPWISE, SYMBOL, running_executor
from gridtesting.venue import FakeVenue, Fault, ManualClock
from gridwright.v1 import executor_pb2

MakePlace = Callable[..., PlaceOrder]

DAY_MS = 86_400_000


async def test_finished_requests_go_and_unfinished_ones_stay(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    ended, resting, refused, newest = (make_place() for _ in range(4))
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        await live.batch("bot/BTC/USDT/1/1", [ended])
        await live.batch("bot/BTC/USDT/1/2", [resting])
        venue.faults.append(Fault.REFUSED)
        await live.batch("bot/BTC/USDT/1/3", [refused])
        venue.fill(ended.client_order_id)
        log = await live.log(2)
        clock.advance(DAY_MS)
        await live.batch("bot/BTC/USDT/1/4", [newest])
        assert await live.executor.ledger.writer.run(pruning.prune, clock()) == 2
        listed = await live.stub.ListRequests(executor_pb2.ListRequestsRequest(symbol=SYMBOL))
        assert await live.log(2) == log  # the log forgets nothing
    assert [batch.request_id for batch in listed.batches] == ["bot/BTC/USDT/1/2", "bot/BTC/USDT/1/4"]


async def test_what_is_forgotten_is_refused_and_never_run(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place(ttl_ms=10 * DAY_MS)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        await live.batch("bot/BTC/USDT/1/1", [place])
        venue.fill(place.client_order_id)
        await live.log(2)
        clock.advance(DAY_MS)
        (later,) = await live.batch("bot/BTC/USDT/1/2", [make_place()])
        await live.executor.ledger.writer.run(pruning.prune, clock())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/BTC/USDT/1/1", [place])
        assert await live.batch("bot/BTC/USDT/1/2", [make_place(name=later.client_order_id)]) == [later]
    fault = fault_of(refused.value)
    assert fault is not None
    assert fault.reason == "BELOW_FLOOR"
    assert len(venue.named(place.client_order_id)) == 1


async def test_the_service_forgets_by_itself(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.extend([Fault.REFUSED, Fault.REFUSED])
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1)
        (first,) = await live.batch("bot/BTC/USDT/1/1", [make_place()])
        await live.batch("bot/BTC/USDT/1/2", [make_place()])
    clock.advance(DAY_MS)
    async with running_executor(tmp_path, venue, clock, pace=replace(STEPWISE, keep_finished_ms=1)) as live:
        listed = await live.stub.ListRequests(executor_pb2.ListRequestsRequest(symbol=SYMBOL))
        while len(listed.batches) > 1:
            listed = await live.stub.ListRequests(executor_pb2.ListRequestsRequest(symbol=SYMBOL), timeout=30)
    assert first.outcome is Outcome.REJECTED
    assert [batch.request_id for batch in listed.batches] == ["bot/BTC/USDT/1/2"]
