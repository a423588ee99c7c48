"""The ledger on disk: the same tables and the same values on SQLite and on a real Postgres."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from executor.ledger import acceptance, codec, cursors, fences, orders, outcomes, requests, transitions, updates
from executor.ledger.action_status import TRANSITIONS, ActionEvent, ActionStatus, ImpossibleActionError, advance
from executor.ledger.opening import ledger_file, open_ledger, sqlite_url
from executor.ledger.requests import LedgerAction, LedgerRequest, NewRequest, Signed
from executor.ledger.schema import metadata
from executor.ledger.writer import Writer
from executor.venue.port import TradeCursor, VenueOrder, VenueTrade
from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus, Side
from griddb.errors import LeaseLostError
from griddb.postgres_session import open_engine

MakePlace = Callable[..., PlaceOrder]

SYMBOL = "BTC/USDT"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_a_folder_may_have_any_signs_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "100%E5 of?a b#c"
    for now_ms in (1, 2):
        with open_ledger(sqlite_url(folder), now_ms) as ledger:
            assert ledger.born_ms == 1
    assert ledger_file(folder).stat().st_size > 0


def seen_as(place: PlaceOrder, status: OrderStatus, executed: str = "0") -> VenueOrder:
    return VenueOrder(
        SYMBOL, place.client_order_id, "7", place.side, place.price, place.quantity, Decimal(executed), status
    )


def trade_of(place: PlaceOrder, trade_id: str, quantity: str) -> VenueTrade:
    fill = Fill(trade_id, place.price, Decimal(quantity), Decimal("0.001"), "BTC", maker=True)
    return VenueTrade(SYMBOL, "7", place.side, fill, 5)


async def accept(writer: Writer, name: str, actions: list[Action], epoch: int = 1) -> LedgerRequest:
    return await writer.run(acceptance.accept, NewRequest(name, SYMBOL, epoch, tuple(actions)), 10)


async def test_a_request_passes_through_its_whole_life(url: str, make_place: MakePlace) -> None:
    place = make_place(quantity="2")
    with open_ledger(url, 1) as ledger:
        run = ledger.writer.run
        await run(fences.raise_to, SYMBOL, 1, "state", "gtest0", 5)
        (action,) = (await accept(ledger.writer, "a", [place])).actions
        begun = await run(outcomes.mark_sending, SYMBOL, 1, action, Signed(1_000, 5_000), 1_001)
        assert (begun.status, begun.timestamp_ms) == (ActionStatus.SENDING, 1_000)
        result = ActionResult(0, place.client_order_id, Outcome.ACCEPTED, "7", recorded_time_ms=12)
        await run(outcomes.record_result, begun, result)
        assert await run(updates.append_trade, trade_of(place, "1", "0.5"), place.client_order_id, 13)
        assert not await run(updates.append_trade, trade_of(place, "1", "0.5"), place.client_order_id, 14)
        name = place.client_order_id
        assert not await run(updates.append_end, name, seen_as(place, OrderStatus.CANCELED, "1"), 15)
        assert await run(updates.append_trade, trade_of(place, "2", "0.5"), name, 16)
        assert await run(updates.append_end, name, seen_as(place, OrderStatus.CANCELED, "1"), 17)
        birth_id = ledger.birth_id
    with open_ledger(url, 2) as ledger:
        run = ledger.writer.run
        assert (ledger.birth_id, ledger.born_ms) == (birth_id, 1)
        stored = await run(requests.find, "a")
        log = await run(updates.page, SYMBOL, 0, 10)
        order = await run(orders.by_exchange_id, SYMBOL, "7")
        fills = await run(updates.fills_page, SYMBOL, 1, 10)
    assert stored is not None
    assert stored.complete
    assert stored.actions[0].result == result
    assert [entry.offset for entry in log] == [1, 2, 3]
    assert [entry.news for entry in log][2] is OrderStatus.CANCELED
    assert [entry.offset for entry in fills] == [2]
    assert order is not None
    assert (order.executed, order.status) == (Decimal(1), OrderStatus.CANCELED)


async def test_only_one_executor_holds_a_ledger(url: str) -> None:
    with open_ledger(url, 1), pytest.raises(LeaseLostError, match="another executor"), open_ledger(url, 2):
        pass
    with open_ledger(url, 3):
        pass


def test_migrations_make_the_tables_that_the_code_means(url: str) -> None:
    with open_ledger(url, 1):
        pass
    where = sa.make_url(url)
    engine = open_engine(where, "executor", "test") if where.drivername != "sqlite" else sa.create_engine(where)
    with engine.connect() as connection:
        # `commits` is the session's own.
        ours = {"compare_type": True, "include_name": lambda name, kind, _parents: (kind, name) != ("table", "commits")}
        context = MigrationContext.configure(connection, opts=ours)
        differences = compare_metadata(context, metadata)
    engine.dispose()
    assert differences == []


async def test_jobs_that_share_a_commit_fail_alone(url: str) -> None:
    def fail(_connection: sa.Connection) -> None:
        raise ValueError("mine alone")

    def leave_a_trace_and_fail(connection: sa.Connection) -> None:
        cursors.advance(connection, "B", TradeCursor("9", 9))
        fail(connection)

    with open_ledger(url, 1) as ledger:
        run = ledger.writer.run
        endings = await asyncio.gather(
            run(cursors.advance, "A", TradeCursor("1", 1)),
            run(leave_a_trace_and_fail),
            run(cursors.advance, "C", TradeCursor("3", 3)),
            return_exceptions=True,
        )
        found = [await run(cursors.read, symbol) for symbol in "ABC"]
    assert [isinstance(ending, ValueError) for ending in endings] == [False, True, False]
    assert [cursor.after_id for cursor in found] == ["1", "", "3"]


async def test_a_writer_whose_caller_has_gone_writes_all_the_same(url: str) -> None:
    with open_ledger(url, 1) as ledger:
        task = asyncio.create_task(ledger.writer.run(cursors.advance, "A", TradeCursor("1", 1)))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await ledger.writer.run(cursors.read, "A") == TradeCursor("1", 1)


async def test_an_answer_once_given_is_frozen(url: str, make_place: MakePlace) -> None:
    place = make_place()
    with open_ledger(url, 1) as ledger:
        run = ledger.writer.run
        (action,) = (await accept(ledger.writer, "a", [place])).actions
        begun = await run(outcomes.mark_sending, SYMBOL, 1, action, Signed(1_000, 5_000), 1_001)
        unknown = ActionResult(0, place.client_order_id, Outcome.UNKNOWN, recorded_time_ms=3)
        doubted = await run(outcomes.record_result, begun, unknown)
        late = ActionResult(0, place.client_order_id, Outcome.ACCEPTED, "7", recorded_time_ms=4)
        assert (await run(outcomes.record_result, doubted, late)).result == unknown
        resolved = await run(transitions.move, doubted, ActionEvent.RESOLVE, result=late)
    assert (resolved.status, resolved.result) == (ActionStatus.DONE, unknown)


async def test_a_fence_between_acceptance_and_sending_wins(url: str, make_place: MakePlace) -> None:
    with open_ledger(url, 1) as ledger:
        run = ledger.writer.run
        (action,) = (await accept(ledger.writer, "a", [make_place()])).actions
        await run(fences.raise_to, SYMBOL, 2, "state", "gtest0", 11)
        begun = await run(outcomes.mark_sending, SYMBOL, 1, action, Signed(1_000, 5_000), 1_001)
    assert begun.result is not None
    assert (begun.status, begun.result.outcome) == (ActionStatus.DONE, Outcome.NOT_SENT)


@pytest.mark.parametrize("status", ActionStatus)
@pytest.mark.parametrize("event", ActionEvent)
def test_the_life_of_an_action_has_no_other_steps_than_its_table(status: ActionStatus, event: ActionEvent) -> None:
    if event in TRANSITIONS[status]:
        assert advance(status, event) is TRANSITIONS[status][event]
        assert status is not ActionStatus.DONE
    else:
        with pytest.raises(ImpossibleActionError, match=status.value):
            advance(status, event)


async def test_an_action_is_never_sent_twice_by_the_table(url: str, make_place: MakePlace) -> None:
    with open_ledger(url, 1) as ledger:
        (action,) = (await accept(ledger.writer, "a", [make_place()])).actions
        begun: LedgerAction = await ledger.writer.run(outcomes.mark_sending, SYMBOL, 1, action, Signed(1, 5_000), 1)
        with pytest.raises(ImpossibleActionError):
            await ledger.writer.run(transitions.move, begun, ActionEvent.SEND, signed=Signed(2))


@pytest.mark.parametrize("side", Side)
def test_what_is_written_is_read_again(make_place: MakePlace, side: Side) -> None:
    fill = Fill("1", Decimal("0.10"), Decimal("1e-8"), Decimal(0), "", maker=False)
    result = ActionResult(3, "a", Outcome.REJECTED, "", "WOULD_MATCH", 'says "ä"', 5)
    for action in (make_place(side=side), CancelOrder("a", "7", "100")):
        assert codec.read_action(codec.write_action(action)) == action
    assert codec.read_result(codec.write_result(result)) == result
    assert codec.read_news(codec.write_news(fill)) == fill
    assert codec.read_news(codec.write_news(OrderStatus.OPEN)) is OrderStatus.OPEN


def test_equal_numbers_make_equal_digests(make_place: MakePlace) -> None:
    one = make_place()
    same, other = (replace(one, price=Decimal(price)) for price in ("100.00", "100.01"))
    assert codec.digest(SYMBOL, [one]) == codec.digest(SYMBOL, [same])
    assert codec.digest(SYMBOL, [one]) != codec.digest(SYMBOL, [other])
    assert codec.digest(SYMBOL, [one]) != codec.digest("ETH/USDT", [one])
