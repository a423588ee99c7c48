"""Any mixture of faults, crashes, fences and repetitions: at most one effect per action, one answer per request."""

import asyncio
import contextlib
import itertools
import tempfile
import time
from decimal import Decimal
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from executor.clock import VenueClock
from executor.ledger import fences, updates
from executor.ledger.requests import NewRequest
from executor.ledger.store import Ledger, open_ledger
from executor.service import Executor
from gridcore.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.orders import OrderStatus, OrderType, Role, Side
from gridtesting.live_executor import STEPWISE, SYMBOL, CrashError, CrashPoint, fresh_ledger, mortal
from gridtesting.venue import FakeVenue, Fault, ManualClock

PLACE_FAULTS = st.lists(st.none() | st.sampled_from([fault for fault in Fault if fault is not Fault.HANG]), max_size=4)
PICKS = st.integers(0, 1_000)


class ExecutorMachine(RuleBasedStateMachine):
    """A caller that repeats, a venue that misbehaves, a process that dies."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.venue = FakeVenue(self.clock)
        self.numbers = itertools.count(1)
        self.epoch = 1
        self.requests: dict[str, NewRequest] = {}
        self.answers: dict[str, list[ActionResult]] = {}
        self.seen_log: list[OrderUpdate] = []
        self.open_executor()

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

    @initialize(count=st.integers(1, 3))
    def begin(self, count: int) -> None:
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

    @rule()
    def restart(self) -> None:
        self.close_executor()
        self.open_executor()

    @rule()
    def take_over(self) -> None:
        self.epoch += 1
        raised = self.ledger.writer.run(fences.raise_to, SYMBOL, self.epoch, "state", "gtest0", self.clock())
        self.runner.run(raised)

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
        """In the end everything is told, and told true."""
        try:
            self.venue.bend_hints = lambda hints: hints
            self.venue.deliver()
            self.clock.advance(10_000)
            for request in self.requests.values():
                self.send(request)
            self.clock.advance(10_000)
            self.runner.run(self.everything_told())
            self.the_log_is_only_appended()
            self.check_the_end()
        finally:
            self.close_executor()
            self.runner.close()
            self.folder.cleanup()

    async def everything_told(self) -> None:
        (watch,) = self.executor.watches
        deadline = time.monotonic() + 10
        while True:
            await watch.poll_once()
            log = await self.ledger.writer.run(updates.page, SYMBOL, 0, 100_000)
            settled = {entry.client_order_id for entry in log if isinstance(entry.news, OrderStatus)}
            doubted = {
                result.client_order_id
                for name, results in self.answers.items()
                for action, result in zip(self.requests[name].actions, results, strict=True)
                if result.outcome is Outcome.UNKNOWN and isinstance(action, PlaceOrder)
            }
            ended = {order.client_order_id for order in self.venue.orders.values() if order.status.ended}
            if settled >= doubted | ended:
                return
            assert time.monotonic() < deadline, f"not told: {(doubted | ended) - settled}"

    def check_the_end(self) -> None:
        assert self.executor.standing.trouble == ""
        told = [entry.news.trade_id for entry in self.seen_log if isinstance(entry.news, Fill)]
        assert sorted(told, key=int) == [trade.fill.trade_id for trade in self.venue.trades]
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
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
