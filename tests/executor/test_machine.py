"""Any mixture of faults, crashes, fences, repetitions and operator statements, on venues whose requests expire and on
ones whose do not: at most one effect per action, one answer per request, and everything recorded correctly in the end.
"""

import asyncio
import contextlib
import itertools
import os
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from executor.dispatch.sender import Sender
from executor.ledger import fences, updates
from executor.ledger.opening import Ledger, open_ledger
from executor.ledger.operator_evidence import OperatorStatement, StatementKind
from executor.ledger.requests import LedgerAction, NewRequest
from executor.resolution.lookup import LookUp
from executor.service import Executor
from executor.venue.clock import VenueClock
from executor.venue.port import ReadFailedError, VenueTrade
from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridrpc.errors import AlreadyExists, FailedPrecondition
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, CrashError, CrashPoint, fresh_ledger, mortal

PLACE_FAULTS = st.lists(st.none() | st.sampled_from([fault for fault in Fault if fault is not Fault.HANG]), max_size=4)
PICKS = st.integers(0, 1_000)
EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "15"))
IN_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # the machine itself never dies


class ExecutorMachine(RuleBasedStateMachine):
    """A caller that repeats, a venue that misbehaves, a process that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self.clock = ManualClock()
        self.numbers = itertools.count(1)
        self.epoch = 1
        self.fenced = False
        self.requests: dict[str, NewRequest] = {}
        self.answers: dict[str, list[ActionResult]] = {}
        self.seen_log: list[OrderUpdate] = []

    def open_executor(self) -> None:
        self.crash = CrashPoint()
        self.stack = contextlib.ExitStack()
        opened = self.stack.enter_context(open_ledger(fresh_ledger(Path(self.folder.name), self.clock()), self.clock()))
        self.ledger: Ledger = mortal(opened, self.crash)
        self.executor = Executor(self.ledger, self.venue, (SYMBOL,), STEPWISE, VenueClock(self.clock))
        self.runner.run(self.executor.start())

    def close_executor(self) -> None:
        self.runner.run(self.executor.close())
        self.stack.close()

    def send(self, request: NewRequest) -> None:
        async def call() -> list[ActionResult]:
            return [result async for result in self.executor.batches.execute(request)]

        try:
            results = sorted(self.runner.run(call()), key=lambda result: result.index)
        except CrashError:
            return
        known = self.answers.setdefault(request.request_id, results)
        assert results == known, "an answer changed"

    def new_request(self, actions: list[Action]) -> NewRequest:
        request = NewRequest(f"bot/{SYMBOL}/{self.epoch}/{next(self.numbers)}", SYMBOL, self.epoch, tuple(actions))
        self.requests[request.request_id] = request
        return request

    def new_place(self) -> PlaceOrder:
        name = f"gtest0{next(self.numbers)}"
        return PlaceOrder(
            *(name, Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(100), Decimal(2), self.clock() + 6_000, "100")
        )

    @initialize(count=st.integers(1, 3), expires=st.sampled_from([True, True, False]))
    def begin(self, count: int, expires: bool) -> None:
        self.venue = FakeVenue(self.clock, window_ms=5_000 if expires else None)
        self.open_executor()
        self.send(self.new_request([self.new_place() for _ in range(count)]))

    @rule(count=st.integers(1, 3), faults=PLACE_FAULTS, hide_ms=st.sampled_from([0, 0, 1_500]))
    def place(self, count: int, faults: list[Fault | None], hide_ms: int) -> None:
        self.venue.hide_new_orders_ms = hide_ms
        self.venue.faults.extend(faults)
        self.send(self.new_request([self.new_place() for _ in range(count)]))
        self.venue.faults.clear()

    @rule(pick=PICKS, faults=PLACE_FAULTS)
    def cancel(self, pick: int, faults: list[Fault | None]) -> None:
        places = [one for request in self.requests.values() for one in request.actions if isinstance(one, PlaceOrder)]
        place = places[pick % len(places)]
        if not self.known(place.client_order_id):
            return
        self.venue.faults.extend(faults)
        self.send(self.new_request([CancelOrder(place.client_order_id, "", place.slot)]))
        self.venue.faults.clear()

    def known(self, name: str) -> bool:
        """Whether the ledger has the order; a crash may have come before the acceptance."""
        return any(
            place.client_order_id == name for answered in self.answers for place in self.requests[answered].actions
        )

    @rule(pick=PICKS, at=st.integers(0, 12), after_commit=st.booleans(), faults=PLACE_FAULTS, all_fill=st.booleans())
    def repeat_and_die(
        self, pick: int, at: int, after_commit: bool, faults: list[Fault | None], all_fill: bool
    ) -> None:
        self.crash.at, self.crash.after_commit = self.crash.commits + at, after_commit
        self.venue.faults.extend(faults)
        known = list(self.requests.values())
        self.send(known[pick % len(known)])
        self.send(self.new_request([self.new_place(), self.new_place()]))
        self.venue.faults.clear()
        if all_fill:  # now the venue would take their names again
            for order in [one for one in self.venue.orders.values() if not one.status.ended]:
                self.venue.fill(order.client_order_id)
        self.restart()

    @rule(pick=PICKS)
    def repeat(self, pick: int) -> None:
        known = list(self.requests.values())
        self.send(known[pick % len(known)])

    @rule(pick=PICKS, new=st.booleans(), faults=PLACE_FAULTS)
    def two_callers_at_once(self, pick: int, new: bool, faults: list[Fault | None]) -> None:
        known = list(self.requests.values())
        request = self.new_request([self.new_place(), self.new_place()]) if new else known[pick % len(known)]

        async def call() -> list[ActionResult]:
            return [result async for result in self.executor.batches.execute(request)]

        async def both() -> tuple[list[ActionResult], list[ActionResult]]:
            return await asyncio.gather(call(), call())

        self.venue.faults.extend(faults)
        one, other = self.runner.run(both())
        self.venue.faults.clear()
        assert sorted(one, key=lambda result: result.index) == sorted(other, key=lambda result: result.index)
        self.send(request)

    @rule(pick=PICKS)
    def other_contents_under_a_known_name(self, pick: int) -> None:
        if self.answers:
            name = list(self.answers)[pick % len(self.answers)]
            other = NewRequest(name, SYMBOL, self.epoch, (self.new_place(),))
            with pytest.raises(AlreadyExists):
                self.send(other)

    @rule(count=st.integers(1, 2))
    def a_late_call_of_an_older_epoch(self, count: int) -> None:
        if self.fenced:
            received = self.venue.places_received
            actions: list[Action] = [self.new_place() for _ in range(count)]
            request = NewRequest(
                f"bot/{SYMBOL}/{self.epoch - 1}/{next(self.numbers)}", SYMBOL, self.epoch - 1, (*actions,)
            )
            self.requests[request.request_id] = request
            self.send(request)
            assert {result.outcome for result in self.answers[request.request_id]} == {Outcome.NOT_SENT}
            assert self.venue.places_received == received

    @rule(pick=PICKS)
    def an_operator_says_what_is_true(self, pick: int) -> None:
        unknown = self.unknown()
        if unknown:
            self.say(unknown[pick % len(unknown)])

    def unknown(self) -> list[str]:
        """Places that were answered UNKNOWN and whose fate the log has not recorded."""
        recorded = {one.client_order_id for one in self.seen_log if isinstance(one.news, OrderStatus)}
        return sorted(self.doubted() - recorded)

    def say(self, name: str) -> None:
        """States what an operator would see on the venue's own page; waits for a request that is still in flight."""
        shown = self.venue.named(name)
        self.venue.deliver()
        placed = StatementKind.PLACED if shown else StatementKind.NEVER_PLACED
        number = shown[0].exchange_order_id if shown else ""
        word = OperatorStatement(f"w{next(self.numbers)}", SYMBOL, name, placed, number, "ann", "seen")
        if self.venue.named(name) == shown:
            with contextlib.suppress(FailedPrecondition):  # too early, or evidence came first
                self.runner.run(self.executor.operator_resolution.resolve(word))

    @rule(reads=st.integers(1, 4), streams=st.booleans())
    def the_venue_does_not_answer(self, reads: int, streams: bool) -> None:
        self.venue.reads_to_fail = reads
        with contextlib.suppress(ReadFailedError):
            self.poll()
        self.venue.reads_to_fail = 0
        if streams:
            self.venue.break_streams()

    @rule(pick=PICKS)
    def a_trade_is_not_shown_for_a_while(self, pick: int) -> None:
        self.venue.hidden_trades = {str(pick % (len(self.venue.trades) + 1))}

    @rule()
    def restart(self) -> None:
        self.close_executor()
        self.open_executor()

    @rule()
    def take_over(self) -> None:
        self.epoch += 1
        raised = self.ledger.writer.run(fences.raise_to, SYMBOL, self.epoch, "state", "gtest0", self.clock())
        self.runner.run(raised)
        self.fenced = True

    @rule(pick=PICKS, quantity=st.sampled_from([Decimal(1), None]))
    def fill(self, pick: int, quantity: Decimal | None) -> None:
        open_names = [order.client_order_id for order in self.venue.orders.values() if not order.status.ended]
        if open_names:
            self.venue.fill(open_names[pick % len(open_names)], quantity)

    @rule(pick=PICKS)
    def end_by_another_hand(self, pick: int) -> None:
        open_names = [order.client_order_id for order in self.venue.orders.values() if not order.status.ended]
        if open_names:
            self.venue.end(open_names[pick % len(open_names)])

    @rule(ms=st.sampled_from([1, 900, 3_000, 7_001]))
    def time_passes(self, ms: int) -> None:
        self.clock.advance(ms)

    @rule()
    def late_requests_arrive(self) -> None:
        self.venue.deliver()

    @rule(copies=st.integers(0, 2))
    def the_stream_misbehaves(self, copies: int) -> None:
        self.venue.bend_hints = lambda hints: hints[::-1] * copies

    @rule()
    def poll(self) -> None:
        (watch,) = self.executor.watches
        self.runner.run(watch.poll_once())

    @invariant()
    def each_action_has_at_most_one_effect(self) -> None:
        names = [order.client_order_id for order in self.venue.orders.values()]
        assert len(names) == len(set(names))

    @invariant()
    def the_log_is_only_appended(self) -> None:
        log = self.runner.run(self.ledger.writer.run(updates.page, SYMBOL, 0, 100_000))
        assert log[: len(self.seen_log)] == self.seen_log
        assert [entry.offset for entry in log] == list(range(1, len(log) + 1))
        ended: set[str] = set()
        for entry in log:
            assert entry.client_order_id not in ended
            if isinstance(entry.news, OrderStatus) and entry.news.ended:
                ended.add(entry.client_order_id)
        self.seen_log = log

    def teardown(self) -> None:
        """In the end everything is recorded, and recorded correctly."""
        try:
            self.venue.bend_hints = lambda hints: hints
            self.venue.hidden_trades = set()
            self.venue.deliver()
            self.clock.advance(10_000)
            for request in self.requests.values():
                self.send(request)
            self.clock.advance(10_000)
            for name in [] if self.venue.request_window_ms else self.unknown():
                self.say(name)
            self.runner.run(self.everything_recorded())
            self.the_log_is_only_appended()
            self.check_the_end()
        finally:
            self.close()

    def close(self) -> None:
        self.close_executor()
        self.runner.close()
        self.folder.cleanup()

    async def everything_recorded(self) -> None:
        (watch,) = self.executor.watches
        deadline = time.monotonic() + 60
        while True:
            await watch.poll_once()
            log = await self.ledger.writer.run(updates.page, SYMBOL, 0, 100_000)
            settled = {entry.client_order_id for entry in log if isinstance(entry.news, OrderStatus)}
            doubted = self.doubted()
            ended = {order.client_order_id for order in self.venue.orders.values() if order.status.ended}
            if settled >= doubted | ended:
                return
            assert time.monotonic() < deadline, f"not recorded: {(doubted | ended) - settled}"

    def doubted(self) -> set[str]:
        """Places that were answered UNKNOWN."""
        return {
            result.client_order_id
            for name, results in self.answers.items()
            for action, result in zip(self.requests[name].actions, results, strict=True)
            if result.outcome is Outcome.UNKNOWN and isinstance(action, PlaceOrder)
        }

    def check_the_end(self) -> None:
        assert self.executor.readiness.trouble == ""
        reported = [entry.news.trade_id for entry in self.seen_log if isinstance(entry.news, Fill)]
        assert sorted(reported, key=int) == [trade.fill.trade_id for trade in self.venue.trades]
        on_venue = {order.client_order_id for order in self.venue.orders.values()}
        denied = {entry.client_order_id for entry in self.seen_log if entry.news is OrderStatus.NOT_PLACED}
        assert not denied & on_venue
        for name, results in self.answers.items():
            for action, result in zip(self.requests[name].actions, results, strict=True):
                if not isinstance(action, PlaceOrder):
                    continue
                if result.outcome is Outcome.ACCEPTED:
                    assert result.client_order_id in on_venue
                elif result.outcome is not Outcome.UNKNOWN:
                    assert result.client_order_id not in on_venue


TestExecutorMachine = ExecutorMachine.TestCase
TestExecutorMachine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


# -- mutants: each scenario succeeds, and fails without one of the rules


@contextlib.contextmanager
def scenario() -> Iterator[ExecutorMachine]:
    machine = ExecutorMachine()
    machine.begin(1, expires=True)
    try:
        yield machine
    except BaseException:  # broken already: its end would be waited for in vain
        machine.close()
        raise
    machine.teardown()


def killed_over_a_send_whose_order_fills(machine: ExecutorMachine) -> None:
    # A fast stream would record the order before the process dies.
    machine.venue.bend_hints = lambda hints: [hint for hint in hints if isinstance(hint, VenueTrade)]
    for at in range(8):  # one of these transactions is the first after the order has reached the venue
        machine.repeat_and_die(0, at, False, [], True)
        for request in list(machine.requests.values()):
            machine.send(request)
        machine.each_action_has_at_most_one_effect()


def test_without_the_look_before_a_send_an_order_trades_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with scenario() as machine:
        killed_over_a_send_whose_order_fills(machine)

    async def send_again(sender: Sender, symbol: str, action: LedgerAction) -> ActionResult:
        return await sender._record(symbol, action, await sender._send(symbol, action))  # pyright: ignore[reportPrivateUsage]  # the rule is inside

    monkeypatch.setattr(Sender, "recover", send_again)
    with pytest.raises(AssertionError), scenario() as machine:
        killed_over_a_send_whose_order_fills(machine)


def test_without_the_window_an_order_under_way_is_called_never_placed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost_and_late(machine: ExecutorMachine) -> None:
        machine.place(1, [Fault.LATE], 0)
        machine.late_requests_arrive()

    with scenario() as machine:
        lost_and_late(machine)

    monkeypatch.setattr(LookUp, "conclusive_at_ms", lambda *_: 0)
    with pytest.raises(AssertionError), scenario() as machine:
        lost_and_late(machine)
