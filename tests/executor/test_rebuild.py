"""A ledger whose state was lost: another state may take it, if no orchestrator reads the log."""

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from gridcore.model.actions import Outcome, PlaceOrder
from gridrpc.errors import FailedPrecondition, rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import SYMBOL, LiveExecutor, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2

MakePlace = Callable[..., PlaceOrder]


async def test_the_ledger_returns_its_owner_and_its_live_orders(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    rests, filled, doubted, refused = (make_place() for _ in range(4))
    venue.faults.extend([None, None, Fault.TIMEOUT_BEFORE, Fault.REFUSED])
    async with running_executor(tmp_path, venue, clock) as live:
        empty = await live.ledger()
        await live.fence(7, state_birth_id="mine")
        await live.batch("bot/7/1", [rests, filled, doubted, refused], epoch=7)
        venue.fill(filled.client_order_id)
        await live.log(2)
        ledger = await live.ledger()

    assert (empty.epoch, empty.state_birth_id, empty.end_offset) == (0, "", 0)
    assert (ledger.epoch, ledger.state_birth_id, ledger.end_offset) == (7, "mine", 2)
    assert ledger.birth_id == empty.birth_id != ""
    assert {order.client_order_id: order.status for order in ledger.live} == {
        rests.client_order_id: models_pb2.ORDER_STATUS_OPEN,
        doubted.client_order_id: models_pb2.ORDER_STATUS_UNKNOWN,
    }


async def test_a_fence_for_a_rebuild_clears_the_link_to_the_state_and_the_next_one_sets_it(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(3, state_birth_id="lost")
        cut = await live.fence_for_rebuild(4)
        again = await live.fence_for_rebuild(4)  # as after a broken call
        late = await live.batch("bot/3/1", [make_place()], epoch=3)
        tied = await live.fence(4, state_birth_id="new")
        other = await live.fence(5, state_birth_id="lost")

    assert (cut.epoch, cut.state_birth_id) == (again.epoch, again.state_birth_id) == (4, "")
    assert late[0].outcome is Outcome.NOT_SENT
    assert (tied.epoch, tied.state_birth_id) == (4, "new")
    assert (other.epoch, other.state_birth_id) == (4, "new")


async def test_it_is_not_raised_for_a_rebuild_below_where_it_stands(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(5)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.fence_for_rebuild(4)
        assert (await live.ledger()).state_birth_id == "state"
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "FENCE_IS_HIGHER"


async def test_while_an_orchestrator_follows_the_log_its_state_is_not_lost(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(5)
        call = live.stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=SYMBOL, epoch=5))
        await until(lambda: _followed(live), "the stream")
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.fence_for_rebuild(6)
        call.cancel()
        await until(lambda: not _followed(live), "its end")
        assert (await live.fence_for_rebuild(6)).epoch == 6
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "FOLLOWED"


async def test_a_reader_without_an_epoch_is_no_orchestrator(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(5)
        await live.batch("bot/5/1", [place], epoch=5)
        venue.fill(place.client_order_id)
        call = live.stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=SYMBOL), timeout=30)
        async for _ in call:
            break  # it is open now, and stays so
        assert (await live.fence_for_rebuild(6)).epoch == 6
        call.cancel()


def _followed(live: LiveExecutor) -> bool:
    try:
        live.executor.subscribers.refuse_to_replace(SYMBOL)
    except FailedPrecondition:
        return True
    return False
