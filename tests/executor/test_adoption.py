"""A lost ledger, or one from a backup: our orders are imported from the venue, once and in its sequence."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import sqlalchemy as sa

from executor.ledger import acceptance, pruning
from executor.ledger.requests import NewRequest
from gridcore.model.actions import Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import SYMBOL, LiveExecutor, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2

PREFIX = id_prefix("bot", SYMBOL)
OTHER = id_prefix("other", SYMBOL)
MakePlace = Callable[..., PlaceOrder]


@pytest.fixture
def place(make_place: MakePlace) -> MakePlace:
    """Places whose names are a grid's: level, epoch and seq are all the same number."""

    def make(number: int, prefix: str = PREFIX, role: Role = Role.OPENING) -> PlaceOrder:
        order = make_place()
        name = client_order_id(prefix, role, number, number, number, 0)
        return PlaceOrder(
            name, Side.BUY, role, OrderType.LIMIT, order.price, order.quantity, order.not_after_ms, order.slot
        )

    return make


async def adopt(live: LiveExecutor, clock: ManualClock, prefix: str = PREFIX) -> executor_pb2.AdoptResponse:
    """Adopts, with the venue's clock going on meanwhile."""
    call = asyncio.ensure_future(live.stub.Adopt(executor_pb2.AdoptRequest(symbol=SYMBOL, prefix=prefix), timeout=30))
    for _ in range(400):
        done, _pending = await asyncio.wait({call}, timeout=0.01)
        if done:
            break
        clock.advance(500)
    return await call


def news(log: list[OrderUpdate]) -> list[str | OrderStatus]:
    return [update.news.trade_id if isinstance(update.news, Fill) else update.news for update in log]


async def lived(tmp_path: Path, venue: FakeVenue, clock: ManualClock, orders: list[PlaceOrder]) -> list[str]:
    """One order of ours fills, one fills in part and is taken down, one in part and rests, one rests; the live ones."""
    filled, half, part, rests, gone = orders
    async with running_executor(tmp_path / "first", venue, clock) as live:
        await live.fence(1, prefix=PREFIX)
        await live.batch("bot/1/1", orders)
        venue.fill(filled.client_order_id, filled.quantity / 2)
        venue.fill(half.client_order_id, half.quantity / 2)
        venue.fill(filled.client_order_id)
        venue.fill(part.client_order_id, part.quantity / 4)
        venue.end(half.client_order_id)
        venue.end(gone.client_order_id)
        await live.log(7)
    return [part.client_order_id, rests.client_order_id]


async def test_a_lost_ledger_is_filled_from_the_venue(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    names = await lived(tmp_path, venue, clock, [place(number) for number in range(1, 6)])
    venue.add_foreign(SYMBOL, place(9, OTHER))
    clock.advance(60_000)

    async with running_executor(tmp_path / "second", venue, clock) as live:
        adopted = await adopt(live, clock)
        ledger, log = await live.ledger(), await live.whole_log()
        again = await adopt(live, clock)
        assert await live.whole_log() == log

    assert (adopted.orders, adopted.trades, list(adopted.lost)) == (4, 4, [])
    assert adopted.requests_expire
    assert (again.orders, again.trades) == (0, 0)
    assert [order.client_order_id for order in ledger.live] == names
    assert news(log) == ["1", "2", OrderStatus.CANCELED, "3", OrderStatus.FILLED, "4"]


async def test_what_happens_to_an_adopted_order_later_is_in_the_log(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    names = await lived(tmp_path, venue, clock, [place(number) for number in range(1, 6)])
    clock.advance(60_000)
    async with running_executor(tmp_path / "second", venue, clock) as live:
        before = (await adopt(live, clock)).trades
        venue.fill(names[0])  # before it is fenced, and with the stream's news called a stranger's until then
        await live.fence(8, prefix=PREFIX)
        log = await live.log(8)
        cancelled = await live.stub.GetOrder(executor_pb2.GetOrderRequest(client_order_id=names[1]))

    assert before == 4
    assert news(log)[-2:] == ["5", OrderStatus.FILLED]
    assert cancelled.request_id == ""


async def test_it_waits_until_what_was_under_way_can_arrive_no_more(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    rests, late = place(1), place(2)
    venue.faults.extend([None, Fault.LATE])
    async with running_executor(tmp_path / "first", venue, clock) as live:
        await live.fence(1, prefix=PREFIX)
        answers = await live.batch("bot/1/1", [rests, late])
    assert [each.outcome for each in answers] == [Outcome.ACCEPTED, Outcome.UNKNOWN]

    async with running_executor(tmp_path / "second", venue, clock) as live:
        call = asyncio.ensure_future(
            live.stub.Adopt(executor_pb2.AdoptRequest(symbol=SYMBOL, prefix=PREFIX), timeout=30)
        )
        await until(lambda: live.executor.history_import.waiting, "the wait")
        venue.deliver()
        assert not call.done()
        clock.advance(7_001)
        assert (await call).orders == 2


async def test_a_venue_that_knows_none_of_ours_is_not_waited_for(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    venue.add_foreign(SYMBOL, place(9, OTHER))
    async with running_executor(tmp_path, venue, clock) as live:
        answer = await live.stub.Adopt(executor_pb2.AdoptRequest(symbol=SYMBOL, prefix=PREFIX), timeout=30)
    assert (answer.orders, answer.trades) == (0, 0)


async def test_somebody_who_still_places_orders_of_this_name_is_a_second_bot(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    venue.add_foreign(SYMBOL, place(1))
    async with running_executor(tmp_path, venue, clock) as live:
        call = asyncio.ensure_future(
            live.stub.Adopt(executor_pb2.AdoptRequest(symbol=SYMBOL, prefix=PREFIX), timeout=30)
        )
        await until(lambda: live.executor.history_import.waiting, "the wait")
        clock.advance(6_000)
        venue.add_foreign(SYMBOL, place(2))
        clock.advance(6_000)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call
        assert (await live.ledger()).end_offset == 0
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "SECOND_BOT"


async def test_a_ledger_from_a_backup_learns_what_came_after_it_and_trades_again(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    first = place(1)
    async with running_executor(tmp_path / "one", venue, clock) as live:
        await live.fence(1, prefix=PREFIX)
        await live.batch("bot/1/1", [first])
    if not (tmp_path / "one").exists():
        pytest.skip("the backup is a copy of the ledger's file")
    shutil.copytree(tmp_path / "one", tmp_path / "backup")
    clock.advance(60_000)
    second = place(2)
    async with running_executor(tmp_path / "one", venue, clock) as live:
        await live.batch("bot/1/2", [second])
        venue.fill(first.client_order_id)
        venue.fill(second.client_order_id, second.quantity / 2)
        await live.log(3)
    clock.advance(60_000)

    async with running_executor(tmp_path / "backup", venue, clock) as live:
        await until(lambda: live.executor.readiness.trouble != "", "the stranger")
        adopted = await adopt(live, clock)
        log = await live.whole_log()
        await live.fence(9, prefix=PREFIX)
        more = await live.batch("bot/9/3", [place(3)], epoch=9)

    assert (adopted.orders, adopted.trades) == (1, 1)  # the first one's fill it has found by itself
    assert sorted(map(str, news(log))) == ["1", "2", "OrderStatus.FILLED"]
    assert more[0].outcome is Outcome.ACCEPTED


async def test_an_intent_of_the_backup_that_was_sent_since_is_not_called_not_sent(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    order = place(1)
    venue.add_foreign(SYMBOL, order)  # by the executor that went on after the backup
    async with running_executor(tmp_path, venue, clock) as live:
        await live.executor.ledger.writer.run(_intend, order)
        clock.advance(60_000)
        await adopt(live, clock)
        await live.fence(2, prefix=PREFIX)
        batch = await live.stub.GetBatch(executor_pb2.GetBatchRequest(request_id="bot/1/1"))
        ledger = await live.ledger()

    assert [each.outcome for each in batch.results] == [1]  # ACCEPTED
    assert [each.client_order_id for each in ledger.live] == [order.client_order_id]


def _intend(connection: sa.Connection, order: PlaceOrder) -> None:
    acceptance.accept(connection, NewRequest("bot/1/1", SYMBOL, 1, (order,)), 0)


async def test_trades_that_the_venue_no_longer_shows_are_listed_and_their_order_is_left_out(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    await lived(tmp_path, venue, clock, [place(number) for number in range(1, 6)])
    venue.trades = [trade for trade in venue.trades if trade.fill.trade_id != "1"]
    clock.advance(60_000)
    async with running_executor(tmp_path / "second", venue, clock) as live:
        adopted = await adopt(live, clock)
        log = await live.whole_log()

    assert len(adopted.lost) == 1
    assert "the venue shows no trades for" in adopted.lost[0]
    assert news(log) == ["2", OrderStatus.CANCELED, "4"]


async def test_while_an_orchestrator_follows_the_log_nothing_is_adopted(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock
) -> None:
    async with running_executor(tmp_path, venue, clock) as live:
        with live.executor.subscribers.following(SYMBOL, 1), pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.stub.Adopt(executor_pb2.AdoptRequest(symbol=SYMBOL, prefix=PREFIX), timeout=30)
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "FOLLOWED"


async def test_what_the_ledger_has_pruned_is_not_taken_over_again(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, place: MakePlace
) -> None:
    first, second = place(1), place(2)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.fence(1, prefix=PREFIX)
        await live.batch(f"bot/{SYMBOL}/1/1", [first])
        venue.fill(first.client_order_id)
        await live.log(2)
        await live.batch(f"bot/{SYMBOL}/1/2", [second])
        clock.advance(60_000)
        await live.executor.ledger.writer.run(pruning.prune, clock())
        adopted = await adopt(live, clock)
        ledger = await live.ledger()
    assert (adopted.orders, adopted.trades) == (0, 0)
    assert [order.client_order_id for order in ledger.live] == [second.client_order_id]
    assert ledger.end_offset == 2
