"""Retention: what is finished is forgotten after a while, and what is forgotten is refused, never run."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from executor.ledger import pruning
from gridcore.model.actions import OrderUpdate, Outcome, PlaceOrder
from gridcore.model.state import State, Totals
from gridrpc.channel import open_channel
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, CrashError, CrashPoint, LiveExecutor, running_executor
from gridwright.v1 import executor_pb2
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.reachability import Reachability
from orchestrator.errors import StateLedgerMismatchError

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
        assert await live.log(2) == log  # the log prunes nothing that is not acknowledged
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
    fault = rpc_error_of(refused.value)
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


async def traded(live: LiveExecutor, venue: FakeVenue, places: list[PlaceOrder]) -> list[OrderUpdate]:
    """Each is placed by a request of its own and fills: two entries in the log for each of them."""
    await live.fence(1)
    for number, place in enumerate(places, 1):
        await live.batch(f"bot/{SYMBOL}/1/{number}", [place])
        venue.fill(place.client_order_id)
        await live.log(2 * number)
    return await live.log(2 * len(places))


async def prune_log(live: LiveExecutor, before_ms: int) -> int:
    return await live.executor.ledger.writer.run(pruning.prune_log, before_ms)


async def test_of_the_log_only_what_is_acknowledged_and_old_goes(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    early, late = [make_place(), make_place()], make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await traded(live, venue, early)
        old_ms = clock() + 1
        clock.advance(DAY_MS)
        await live.batch(f"bot/{SYMBOL}/1/3", [make_place(late.client_order_id, ttl_ms=2 * DAY_MS)])
        venue.fill(late.client_order_id)
        log = await live.log(6)

        assert (await live.acknowledge(3)).offset == 3
        assert await prune_log(live, old_ms) == 3  # the fourth is old, and not acknowledged
        assert (await live.acknowledge(6, seq=2)).floor_offset == 3
        assert await prune_log(live, old_ms) == 1  # the rest is acknowledged, and not old
        assert await prune_log(live, old_ms) == 0
        ledger = await live.ledger()
        assert await live.log(2, after_offset=4) == log[4:]
    assert (ledger.floor_offset, ledger.end_offset, ledger.checkpoint.event_offset) == (4, 6, 6)


async def test_a_log_that_is_pruned_whole_goes_on_with_its_offsets_and_knows_its_trades(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    first, second = make_place(), make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await traded(live, venue, [first])
        await live.acknowledge(2)
        assert await prune_log(live, clock() + 1) == 2
        assert (await live.ledger()).end_offset == 2
    async with running_executor(tmp_path, venue, clock) as live:  # it reads the venue's trades again
        await live.batch(f"bot/{SYMBOL}/1/2", [second])
        venue.fill(second.client_order_id)
        news = await live.log(2, after_offset=2)
        assert (await live.ledger()).end_offset == 4
    assert [(one.offset, one.client_order_id) for one in news] == [
        (3, second.client_order_id),
        (4, second.client_order_id),
    ]


@pytest.mark.parametrize("after_commit", [False, True], ids=["before-commit", "after-commit"])
async def test_death_while_it_prunes_loses_nothing_that_is_not_acknowledged(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace, after_commit: bool
) -> None:
    crash = CrashPoint(after_commit=after_commit)
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE, crash=crash) as live:
        await live.fence(1)
        places = [make_place(), make_place()]
        await live.batch(f"bot/{SYMBOL}/1/1", places)
        for place in places:
            venue.fill(place.client_order_id)
        await live.executor.watches[0].poll_once()
        log = await live.whole_log()
        await live.acknowledge(2)
        crash.at = crash.commits
        with pytest.raises(CrashError):
            await prune_log(live, clock() + 1)
    async with running_executor(tmp_path, venue, clock) as live:
        ledger = await live.ledger()
        assert ledger.floor_offset == (2 if after_commit else 0)
        assert await live.log(len(log) - 2, after_offset=2) == log[2:]
        await prune_log(live, clock() + 1)
        ledger = await live.ledger()
    assert (ledger.floor_offset, ledger.end_offset) == (2, len(log))


@pytest.mark.parametrize("after_commit", [False, True], ids=["before-commit", "after-commit"])
async def test_death_during_the_acknowledgement_leaves_it_or_nothing(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace, after_commit: bool
) -> None:
    crash = CrashPoint(after_commit=after_commit)
    place = make_place()
    async with running_executor(tmp_path, venue, clock, pace=STEPWISE, crash=crash) as live:
        await live.fence(1)
        await live.batch(f"bot/{SYMBOL}/1/1", [place])
        venue.fill(place.client_order_id)
        await live.executor.watches[0].poll_once()
        crash.at = crash.commits
        with pytest.raises(grpc.aio.AioRpcError):
            await live.acknowledge(2)
    async with running_executor(tmp_path, venue, clock) as live:
        ledger = await live.ledger()
        assert ledger.HasField("checkpoint") == after_commit
        assert await prune_log(live, clock() + 1) == (2 if after_commit else 0)
        assert (await live.acknowledge(2)).offset == 2  # as after a broken call


async def test_a_reader_below_the_floor_gets_an_error(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await traded(live, venue, [make_place(), make_place()])
        await live.acknowledge(3)
        await prune_log(live, clock() + 1)
        with pytest.raises(grpc.aio.AioRpcError) as streamed:
            await live.log(1, after_offset=2)
        with pytest.raises(grpc.aio.AioRpcError) as listed:
            await live.stub.ListFills(executor_pb2.ListFillsRequest(symbol=SYMBOL, after_offset=2))
        fills = await live.stub.ListFills(executor_pb2.ListFillsRequest(symbol=SYMBOL, after_offset=3))
        assert len(await live.log(1, after_offset=3)) == 1
    for refused in (streamed, listed):
        fault = rpc_error_of(refused.value)
        assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
        assert fault is not None
        assert (fault.reason, fault.metadata["floor_offset"]) == ("BELOW_FLOOR", "3")
    assert list(fills.fills) == []  # the fourth entry is the second order's end


async def test_only_the_ledgers_own_orchestrator_acknowledges_and_never_backwards(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    reasons: list[str] = []
    async with running_executor(tmp_path, venue, clock) as live:
        await traded(live, venue, [make_place(), make_place()])
        await live.fence(2)
        for offset, epoch, birth in ((4, 1, "state"), (4, 2, "another"), (5, 2, "state")):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await live.acknowledge(offset, epoch=epoch, state_birth_id=birth)
            fault = rpc_error_of(refused.value)
            assert fault is not None
            reasons.append(fault.reason)
        assert not (await live.ledger()).HasField("checkpoint")
        assert (await live.acknowledge(4, epoch=2, seq=7)).offset == 4
        assert (await live.acknowledge(2, epoch=2, seq=6)).offset == 4
        assert (await live.ledger()).checkpoint.seq == 7
    assert reasons == ["FENCE_IS_HIGHER", "OTHER_STATE", "BEYOND_END"]


async def test_the_service_prunes_the_log_by_itself(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await traded(live, venue, [make_place()])
        await live.acknowledge(2)
    clock.advance(DAY_MS)
    async with running_executor(tmp_path, venue, clock, pace=replace(STEPWISE, keep_finished_ms=1)) as live:
        deadline = asyncio.get_running_loop().time() + 30
        while (ledger := await live.ledger()).floor_offset < 2:
            assert asyncio.get_running_loop().time() < deadline
    assert (ledger.floor_offset, ledger.end_offset) == (2, 2)


async def test_the_orchestrator_gets_its_checkpoint_back_and_is_sent_to_it_from_below_the_floor(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    state = State(SYMBOL, "state", "the grid", seq=5, epoch=1, event_offset=2, totals=Totals(fills=1))
    async with running_executor(tmp_path, venue, clock) as live, open_channel(live.address) as channel:
        client = ExecutorClient(channel, Reachability("executor"))
        log = await traded(live, venue, [make_place(), make_place()])
        assert await client.acknowledge(SYMBOL, 1, state) == 2
        await prune_log(live, clock() + 1)
        ledger = await client.ledger(SYMBOL)
        with pytest.raises(StateLedgerMismatchError, match="pruned up to 2"):
            await client.updates_until(SYMBOL, 1, 4)
        assert await client.updates_until(SYMBOL, 2, 4) == log[2:]
    assert ledger.checkpoint == state
    assert (ledger.floor_offset, ledger.end_offset) == (2, 4)
