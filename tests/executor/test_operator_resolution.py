"""ResolveOrder: an operator statement on an UNKNOWN order, accepted if the venue does not contradict it."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import grpc
import pytest

from executor.ledger import requests
from executor.ledger.action_status import ActionStatus
from executor.venue.port import TradeCursor, VenueOrder, VenueTrade
from gridcore.model.actions import Fill, OrderUpdate, PlaceOrder
from gridcore.model.orders import OrderStatus
from gridrpc.errors import RpcError as Refusal
from gridrpc.errors import rpc_error_of
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, CrashPoint, LiveExecutor, running_executor
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2

MakePlace = Callable[..., PlaceOrder]

LAG_MS, WINDOW_MS, DAY_MS = 2_000, 5_000, 86_400_000
BY_HAND = replace(STEPWISE, resolve_pause_ms=3_600_000)  # after its first look-up, only the test looks
PLACED, NEVER_PLACED = executor_pb2.EVIDENCE_PLACED, executor_pb2.EVIDENCE_NEVER_PLACED


class ForgetfulVenue(FakeVenue):
    """Its requests never expire, and it shows an order by its own id only."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, window_ms=None)
        self.remembers = False
        self.looks = 0  # that have come to the trades, which are asked for last

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        return await super().order_by_client_id(symbol, client_order_id) if self.remembers else None

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return [one for one in await super().open_orders(symbol) if self.remembers]

    async def orders_between(self, symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        return [one for one in await super().orders_between(symbol, since_ms, until_ms) if self.remembers]

    async def trades_after(self, symbol: str, cursor: TradeCursor) -> list[VenueTrade]:
        self.looks += 1
        return [one for one in await super().trades_after(symbol, cursor) if self.remembers]


@pytest.fixture
def endless(clock: ManualClock) -> FakeVenue:
    """A venue whose requests never expire."""
    return FakeVenue(clock, window_ms=None)


@pytest.fixture
def forgetful(clock: ManualClock) -> ForgetfulVenue:
    venue = ForgetfulVenue(clock)
    venue.bend_hints = lambda _: []
    return venue


def statement(
    place: PlaceOrder,
    evidence: executor_pb2.Evidence.ValueType = NEVER_PLACED,
    request_id: str = "w1",
    exchange_order_id: str = "",
    who: str = "ann",
    why: str = "not on the page of orders",
) -> executor_pb2.ResolveOrderRequest:
    return executor_pb2.ResolveOrderRequest(
        request_id=request_id,
        symbol=SYMBOL,
        client_order_id=place.client_order_id,
        evidence=evidence,
        exchange_order_id=exchange_order_id,
        who=who,
        why=why,
    )


async def refusal(live: LiveExecutor, request: executor_pb2.ResolveOrderRequest) -> Refusal:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await live.stub.ResolveOrder(request)
    fault = rpc_error_of(refused.value)
    assert fault is not None
    return fault


async def known(live: LiveExecutor, place: PlaceOrder) -> executor_pb2.LedgerOrder:
    return await live.stub.GetOrder(executor_pb2.GetOrderRequest(client_order_id=place.client_order_id))


async def in_flight(live: LiveExecutor) -> list[str]:
    answer = await live.stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=SYMBOL))
    return [order.client_order_id for order in answer.in_flight]


def news(log: list[OrderUpdate]) -> list[object]:
    return [entry.news.trade_id if isinstance(entry.news, Fill) else entry.news for entry in log]


async def poll(live: LiveExecutor) -> None:
    for watch in live.executor.watches:
        await watch.poll_once()


async def test_without_expiry_an_order_stays_unknown_until_an_operator_says_that_it_was_never_placed(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place, sent_ms = make_place(), clock()
    endless.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, endless, clock) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(30 * DAY_MS)
        await poll(live)
        assert await in_flight(live) == [place.client_order_id]
        before = await known(live, place)
        after = await live.stub.ResolveOrder(statement(place))
        log = await live.log(1)
        assert await in_flight(live) == []
    async with running_executor(tmp_path, endless, clock) as live:
        again = await known(live, place)
    assert (before.status, before.sent_time_ms) == (models_pb2.ORDER_STATUS_UNKNOWN, sent_ms)
    assert not before.HasField("word")
    assert after.status == models_pb2.ORDER_STATUS_NOT_PLACED
    assert (after.word.who, after.word.why) == ("ann", "not on the page of orders")
    assert (after.word.evidence, after.word.recorded_time_ms) == (NEVER_PLACED, clock())
    assert again == after
    assert news(log) == [OrderStatus.NOT_PLACED]


async def test_never_placed_is_refused_until_the_lag_has_passed(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    endless.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, endless, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(LAG_MS)
        fault = await refusal(live, statement(place))
        clock.advance(1)
        answer = await live.stub.ResolveOrder(statement(place))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "TOO_EARLY")
    assert answer.status == models_pb2.ORDER_STATUS_NOT_PLACED


async def test_where_requests_expire_never_placed_waits_for_the_window_and_the_resolver_needs_no_statement(
    tmp_path: Path, venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, venue, clock) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(WINDOW_MS + LAG_MS)
        early = await refusal(live, statement(place))
        clock.advance(1)
        log = await live.log(1)
        late = await refusal(live, statement(place))
        assert not (await known(live, place)).HasField("word")
    assert early.reason == "TOO_EARLY"
    assert news(log) == [OrderStatus.NOT_PLACED]
    assert late.reason == "NOT_UNKNOWN"
    assert "is NOT_PLACED" in late.message


@pytest.mark.parametrize("filled", [False, True])
async def test_never_placed_is_refused_while_the_venue_shows_the_order_which_is_recorded_instead(
    tmp_path: Path, forgetful: ForgetfulVenue, clock: ManualClock, make_place: MakePlace, filled: bool
) -> None:
    place = make_place()
    forgetful.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, forgetful, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        await until(lambda: forgetful.looks == 2, "the sender's and the resolver's first look")
        if filled:
            forgetful.fill(place.client_order_id)
        clock.advance(LAG_MS + 1)
        forgetful.remembers = True
        fault = await refusal(live, statement(place))
        log = await live.whole_log()
        order = await known(live, place)
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "SHOWN")
    assert news(log) == (["1", OrderStatus.FILLED] if filled else [OrderStatus.OPEN])
    assert order.exchange_order_id == "1"
    assert not order.HasField("word")


@pytest.mark.parametrize("request_of", [statement, lambda place: statement(place, PLACED, exchange_order_id="1")])
async def test_no_statement_is_accepted_while_the_venue_does_not_answer(
    tmp_path: Path,
    endless: FakeVenue,
    clock: ManualClock,
    make_place: MakePlace,
    request_of: Callable[[PlaceOrder], executor_pb2.ResolveOrderRequest],
) -> None:
    place = make_place()
    endless.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, endless, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(DAY_MS)
        endless.reads_to_fail = 1_000
        fault = await refusal(live, request_of(place))
        endless.reads_to_fail = 0
        assert await in_flight(live) == [place.client_order_id]
    assert (fault.code, fault.reason) == (grpc.StatusCode.UNAVAILABLE, "VENUE_UNREACHABLE")


@pytest.mark.parametrize("filled", [False, True])
async def test_an_order_that_only_its_id_leads_to_is_recorded_once_an_operator_names_it(
    tmp_path: Path, forgetful: ForgetfulVenue, clock: ManualClock, make_place: MakePlace, filled: bool
) -> None:
    place = make_place()
    forgetful.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, forgetful, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        if filled:
            forgetful.fill(place.client_order_id)
        clock.advance(DAY_MS)
        assert await in_flight(live) == [place.client_order_id]
        answer = await live.stub.ResolveOrder(statement(place, PLACED, exchange_order_id="1"))
        log = await live.whole_log()
        assert await in_flight(live) == []
    assert answer.status == (models_pb2.ORDER_STATUS_FILLED if filled else models_pb2.ORDER_STATUS_OPEN)
    assert (answer.exchange_order_id, answer.word.exchange_order_id, answer.word.who) == ("1", "1", "ann")
    assert news(log) == (["1", OrderStatus.FILLED] if filled else [OrderStatus.OPEN])


async def test_a_named_order_whose_fills_are_not_shown_yet_stays_unknown_until_they_are(
    tmp_path: Path, forgetful: ForgetfulVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    forgetful.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, forgetful, clock) as live:
        await live.batch("bot/1/1", [place])
        forgetful.fill(place.client_order_id)
        forgetful.hidden_trades.add("1")
        first = await live.stub.ResolveOrder(statement(place, PLACED, exchange_order_id="1"))
        other = await refusal(live, statement(place, PLACED, "w2", exchange_order_id="2"))
        never = await refusal(live, statement(place, request_id="w3"))
        forgetful.hidden_trades.clear()
        log = await live.log(2)
    assert first.status == models_pb2.ORDER_STATUS_UNKNOWN
    assert first.word.request_id == "w1"
    assert (other.reason, never.reason) == ("SHOWN", "SHOWN")
    assert news(log) == ["1", OrderStatus.FILLED]


async def test_a_named_order_that_is_not_shown_or_not_ours_is_not_taken_for_it(
    tmp_path: Path, forgetful: ForgetfulVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    foreign = forgetful.add_foreign(SYMBOL, make_place(name="byhand"))
    bent = forgetful.add_foreign(SYMBOL, make_place(name=place.client_order_id, quantity="7"))
    forgetful.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, forgetful, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        found = {
            number: await refusal(live, statement(place, PLACED, exchange_order_id=number))
            for number in ("77", foreign.exchange_order_id, bent.exchange_order_id)
        }
        assert await in_flight(live) == [place.client_order_id]
        assert await live.whole_log() == []
    assert [fault.reason for fault in found.values()] == ["NOT_SHOWN", "DOES_NOT_FIT", "DOES_NOT_FIT"]
    assert "'byhand'" in found[foreign.exchange_order_id].message
    assert "quantity is '7', ours '1'" in found[bent.exchange_order_id].message


async def test_only_an_order_that_is_unknown_can_be_resolved(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place, hanging = make_place(), make_place()
    endless.faults.extend([None, Fault.HANG])
    async with running_executor(tmp_path, endless, clock) as live:
        await live.batch("bot/1/1", [place])
        sending = asyncio.create_task(live.batch("bot/1/2", [hanging]))
        await until(lambda: bool(endless.named(hanging.client_order_id)), "the place that hangs")
        clock.advance(DAY_MS)
        resting = await refusal(live, statement(place))
        being_sent = await refusal(live, statement(hanging))
        stranger = await refusal(live, statement(make_place()))
        endless.release()
        await sending
    assert (resting.code, resting.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "NOT_UNKNOWN")
    assert "is OPEN" in resting.message
    assert being_sent.reason == "NOT_UNKNOWN"
    assert "is being sent" in being_sent.message
    assert stranger.code is grpc.StatusCode.NOT_FOUND


async def test_a_repeated_statement_returns_the_same_and_another_under_its_id_is_refused(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    endless.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, endless, clock) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(DAY_MS)
        first = await live.stub.ResolveOrder(statement(place))
        clock.advance(1)
        again = await live.stub.ResolveOrder(statement(place))
        other = [
            await refusal(live, statement(place, PLACED, exchange_order_id="1")),
            await refusal(live, statement(place, who="bob")),
            await refusal(live, statement(make_place())),
        ]
        log = await live.whole_log()
    assert again == first
    assert news(log) == [OrderStatus.NOT_PLACED]
    assert {fault.code for fault in other} == {grpc.StatusCode.ALREADY_EXISTS}
    assert [field in fault.message for field, fault in zip(("evidence", "who", "client_order_id"), other, strict=True)]


async def test_of_two_operators_at_once_one_is_accepted_and_the_other_gets_an_error(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    endless.faults.append(Fault.TIMEOUT_BEFORE)
    async with running_executor(tmp_path, endless, clock) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(DAY_MS)
        words = [statement(place, request_id=f"w{number}", who=f"operator {number}") for number in range(4)]
        answers = await asyncio.gather(
            *(live.stub.ResolveOrder(one) for one in [*words, words[0]]), return_exceptions=True
        )
        order = await known(live, place)
        log = await live.whole_log()
    refused = [rpc_error_of(answer) for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    taken = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert {fault.reason for fault in refused if fault} == {"NOT_UNKNOWN"}
    assert taken
    assert all(answer == order for answer in taken)
    assert len(refused) + len(taken) == 5
    assert news(log) == [OrderStatus.NOT_PLACED]


async def test_two_operators_who_contradict_each_other_cannot_both_be_believed(
    tmp_path: Path, forgetful: ForgetfulVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    forgetful.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, forgetful, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(DAY_MS)
        answers = await asyncio.gather(
            live.stub.ResolveOrder(statement(place, request_id="never")),
            live.stub.ResolveOrder(statement(place, PLACED, "placed", exchange_order_id="1")),
            return_exceptions=True,
        )
        order = await known(live, place)
        log = await live.whole_log()
    assert [isinstance(answer, grpc.aio.AioRpcError) for answer in answers].count(True) == 1
    expected = {"never": OrderStatus.NOT_PLACED, "placed": OrderStatus.OPEN}[order.word.request_id]
    assert news(log) == [expected]


@pytest.mark.parametrize("filled", [False, True])
async def test_an_order_that_comes_after_it_was_said_never_to_have_been_placed_stops_the_executor(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace, filled: bool
) -> None:
    place = make_place()
    endless.bend_hints = lambda _: []
    endless.faults.append(Fault.LATE)
    async with running_executor(tmp_path, endless, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(DAY_MS)
        await live.stub.ResolveOrder(statement(place))
        await live.batch("bot/1/2", [make_place()])
        endless.deliver()
        if filled:
            endless.fill(place.client_order_id)
        await poll(live)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await live.batch("bot/1/3", [make_place()])
        log = await live.whole_log()
    fault = rpc_error_of(refused.value)
    assert fault is not None
    assert fault.reason == "UNKNOWN_OWN_ORDER"
    assert "on the statement of ann (not on the page of orders)" in fault.message
    assert news(log) == [OrderStatus.NOT_PLACED, *(["1"] if filled else [])]


async def test_a_look_up_that_finds_the_order_just_after_the_statement_stops_the_executor(
    tmp_path: Path, forgetful: ForgetfulVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    forgetful.faults.append(Fault.TIMEOUT_AFTER)
    async with running_executor(tmp_path, forgetful, clock, pace=BY_HAND) as live:
        await live.batch("bot/1/1", [place])
        ((_, action),) = await live.executor.ledger.writer.run(requests.in_status, ActionStatus.UNKNOWN)
        clock.advance(DAY_MS)
        find = forgetful.order_by_client_id

        async def find_after_the_statement(symbol: str, client_order_id: str) -> VenueOrder | None:
            forgetful.order_by_client_id = find  # type: ignore[method-assign]  # the operator's look sees nothing
            await live.stub.ResolveOrder(statement(place))
            forgetful.remembers = True
            return await find(symbol, client_order_id)

        forgetful.order_by_client_id = find_after_the_statement  # type: ignore[method-assign]  # a slow answer
        assert await live.executor.resolver.resolve_once(SYMBOL, action)
        with pytest.raises(grpc.aio.AioRpcError, match="on the statement of ann"):
            await live.batch("bot/1/2", [make_place()])
        log = await live.whole_log()
    assert news(log) == [OrderStatus.NOT_PLACED]


async def test_after_it_was_cancelled_manually_the_executor_accepts_requests_again(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    endless.faults.append(Fault.LATE)
    async with running_executor(tmp_path, endless, clock, pace=STEPWISE) as live:
        await live.batch("bot/1/1", [place])
        clock.advance(DAY_MS)
        await live.stub.ResolveOrder(statement(place))
        endless.deliver()
    async with running_executor(tmp_path, endless, clock, pace=STEPWISE) as live:
        with pytest.raises(grpc.aio.AioRpcError, match="cancel it manually"):
            await live.batch("bot/1/2", [make_place()])
    endless.end(place.client_order_id)
    async with running_executor(tmp_path, endless, clock, pace=STEPWISE) as live:
        (result,) = await live.batch("bot/1/2", [make_place()])
    assert result.exchange_order_id


@pytest.mark.parametrize("after_commit", [False, True], ids=["before-commit", "after-commit"])
@pytest.mark.parametrize("evidence", ["never", "placed", "placed-and-filled"])
async def test_death_at_any_transaction_of_a_statement_leaves_it_recorded_once_or_not_at_all(
    tmp_path: Path, clock: ManualClock, make_place: MakePlace, evidence: str, after_commit: bool
) -> None:
    survived = False
    for number in itertools.count():
        venue = ForgetfulVenue(clock)
        venue.bend_hints = lambda _: []
        venue.faults.append(Fault.TIMEOUT_BEFORE if evidence == "never" else Fault.TIMEOUT_AFTER)
        place = make_place()
        said = statement(place) if evidence == "never" else statement(place, PLACED, exchange_order_id="1")
        crash = CrashPoint(after_commit=after_commit)
        folder = tmp_path / str(number)
        async with running_executor(folder, venue, clock, pace=BY_HAND, crash=crash) as live:
            await live.batch("bot/1/1", [place])
            if evidence == "placed-and-filled":
                venue.fill(place.client_order_id)
            clock.advance(DAY_MS)
            crash.at = crash.commits + number
            try:
                await live.stub.ResolveOrder(said)
                survived = True
            except grpc.aio.AioRpcError:
                pass
        async with running_executor(folder, venue, clock, pace=BY_HAND) as live:
            await live.stub.ResolveOrder(said)
            log = await live.whole_log()
            order = await known(live, place)
            assert await in_flight(live) == []
            stranger = await live.batch("bot/1/2", [make_place()])
        assert order.word.request_id == "w1"
        assert (
            news(log)
            == {
                "never": [OrderStatus.NOT_PLACED],
                "placed": [OrderStatus.OPEN],
                "placed-and-filled": ["1", OrderStatus.FILLED],
            }[evidence]
        )
        assert stranger[0].exchange_order_id
        if survived:
            break
    assert number >= 3, "the crash points missed the procedure"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("request_id", ""),
        ("client_order_id", ""),
        ("who", ""),
        ("why", ""),
        ("symbol", "DOGE/USDT"),
        ("evidence", 0),
        ("exchange_order_id", "7"),
    ],
)
async def test_an_incomplete_statement_names_the_field(
    tmp_path: Path, endless: FakeVenue, clock: ManualClock, make_place: MakePlace, field: str, value: str | int
) -> None:
    request = statement(make_place())
    setattr(request, field, value)
    async with running_executor(tmp_path, endless, clock) as live:
        fault = await refusal(live, request)
    assert fault.code is grpc.StatusCode.INVALID_ARGUMENT
    assert field in fault.message
