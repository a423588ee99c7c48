"""The step machine against a venue with all faults: decide, record, execute, commit, in any mixture with deaths of
either side, takeovers while the old one only sleeps, halts, fills, late requests and time.

What is real and what is modelled, [the world](../../testing/gridtesting/steps/world.py) says.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from executor.venue.port import ReadFailedError
from gridcore.model.actions import ActionResult
from gridcore.model.events import OrdersUpdated, Plan, PriceChanged, Ticked
from gridcore.model.market_rules import MarketRules
from gridcore.model.state import Mode, Rule, State
from gridrpc.convert_plan import plan_from_json
from gridservice.errors import StopError
from gridtesting.fakes.venue import Fault
from gridtesting.steps.promises import StepPromises
from gridtesting.steps.world import StepWorld
from orchestrator.store.journal import JournalRow, Phase
from orchestrator.store.sqlite import SqliteStore
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.running_step import RunningStep
from orchestrator.symbol.trading_step import RequestBelowFloorError, TradingStep
from orchestrator.symbol.worker import SymbolWorker
from orchestrator.thread_bridge import ThreadBridge

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "8"))
FAULTS = st.lists(st.none() | st.sampled_from([fault for fault in Fault if fault is not Fault.HANG]), max_size=4)
PICKS = st.integers(0, 1_000)
PIECES = st.sampled_from([1, 2, 3, 9, 9])


class StepMachine(RuleBasedStateMachine):
    """What may be done to a world of steps, in any order."""

    def __init__(self, world: type[StepWorld] = StepWorld) -> None:
        super().__init__()
        self.world = world()
        self.promises = StepPromises(self.world)
        self.price = Decimal("60100")

    @initialize(faults=FAULTS)
    def begin(self, faults: list[Fault | None]) -> None:
        self.world.act(0, PriceChanged(self.world.clock(), self.price), 9, faults)

    @rule(pick=PICKS, cents=st.integers(5_880_000, 6_120_000), pieces=PIECES, faults=FAULTS)
    def price_moves(self, pick: int, cents: int, pieces: int, faults: list[Fault | None]) -> None:
        self.price = Decimal(cents) / 100
        self.world.act(pick, PriceChanged(self.world.clock(), self.price), pieces, faults)

    @rule(pick=PICKS, age_ms=st.sampled_from([0, 0, 20_000]), pieces=PIECES, faults=FAULTS)
    def tick(self, pick: int, age_ms: int, pieces: int, faults: list[Fault | None]) -> None:
        self.world.act(pick, Ticked(self.world.clock(), self.price, self.world.clock() - age_ms), pieces, faults)

    @rule(pick=PICKS, count=st.sampled_from([1, 3, 100]), pieces=PIECES, faults=FAULTS)
    def updates_arrive(self, pick: int, count: int, pieces: int, faults: list[Fault | None]) -> None:
        who = self.world.pick(pick)
        news = self.world.run(self.world.executor.log(who.state.event_offset, count))
        now_ms = self.world.clock()
        if news:
            self.world.act(pick, OrdersUpdated(now_ms, self.price, now_ms, tuple(news)), pieces, faults)

    @rule(pick=PICKS, pieces=st.integers(1, 4))
    def a_step_goes_on(self, pick: int, pieces: int) -> None:
        self.world.advance(self.world.pick(pick), pieces)

    @rule()
    def the_orchestrator_dies(self) -> None:
        self.world.die()

    @precondition(lambda self: len(self.world.sleepers) < 2)
    @rule()
    def another_takes_over_while_it_sleeps(self) -> None:
        self.world.fall_asleep()

    @precondition(lambda self: self.world.records)
    @rule(pick=PICKS)
    def a_workflow_is_run_again(self, pick: int) -> None:
        plan = plan_from_json(self.world.records[pick % len(self.world.records)])
        before = self.world.present.state
        if plan.seq > before.seq:
            return  # that one is in progress
        trading_step, step = self.world.present.worker.trading_step, RunningStep(plan)
        with contextlib.suppress(RequestBelowFloorError):  # a sleeper's, recorded late for a step that another had made
            self.world.run(asyncio.to_thread(trading_step.execute, step))
            self.world.run(asyncio.to_thread(trading_step.commit, step))
        assert self.world.present.state == before

    @rule(transactions=st.integers(0, 15), after_commit=st.booleans())
    def the_executor_will_die(self, transactions: int, after_commit: bool) -> None:
        self.world.executor.die_after(transactions, after_commit=after_commit)

    @rule()
    def the_executor_dies(self) -> None:
        self.world.run(self.world.executor.reopen())

    @precondition(lambda self: self.world.halt is None)
    @rule()
    def an_operator_halts(self) -> None:
        self.world.begin_halt(Rule.OPERATOR, "a drill", clears_itself=False)

    @precondition(lambda self: self.world.present.state.risk.mode is Mode.SAFE and self.world.present.step is None)
    @rule()
    def an_operator_releases(self) -> None:
        self.world.release(self.world.present)

    @precondition(lambda self: self.world.halt is not None and self.world.present.step is None)
    @rule(steps=st.integers(1, 5), forget=st.booleans())
    def a_halt_goes_on(self, steps: int, forget: bool) -> None:
        self.world.go_on_halting(steps, forget=forget)

    @rule(pick=PICKS, quantity=st.sampled_from([Decimal("0.0005"), None]))
    def an_order_fills(self, pick: int, quantity: Decimal | None) -> None:
        if live := self.world.live():
            self.world.venue.fill(live[pick % len(live)].client_order_id, quantity)

    @rule(pick=PICKS)
    def an_order_ends_by_another_hand(self, pick: int) -> None:
        if live := self.world.live():
            self.world.venue.end(live[pick % len(live)].client_order_id)

    @rule(ms=st.sampled_from([1, 60, 900, 3_000, 7_001]), hide_ms=st.sampled_from([0, 0, 1_500]))
    def time_passes(self, ms: int, hide_ms: int) -> None:
        self.world.clock.advance(ms)
        self.world.venue.hide_new_orders_ms = hide_ms

    @rule(copies=st.integers(0, 2))
    def late_requests_arrive_and_the_stream_misbehaves(self, copies: int) -> None:
        self.world.venue.deliver()
        self.world.venue.bend_hints = lambda hints: hints[::-1] * copies

    @rule(failing_reads=st.sampled_from([0, 0, 1, 3]))
    def the_executor_polls(self, failing_reads: int) -> None:
        self.world.venue.reads_to_fail = failing_reads
        with contextlib.suppress(ReadFailedError):
            self.world.run(self.world.executor.poll())
        self.world.venue.reads_to_fail = 0

    @invariant()
    def the_promises_hold(self) -> None:
        self.promises.hold()

    def teardown(self) -> None:
        """In the end everything is recorded, applied and reconciled."""
        try:
            self.come_to_rest()
        finally:
            self.world.close()

    def come_to_rest(self) -> None:
        world = self.world
        world.venue.bend_hints = lambda hints: hints
        world.venue.hide_new_orders_ms = 0
        world.venue.deliver()
        for sleeper in list(world.sleepers):
            world.advance(sleeper, 9)
        world.clock.advance(10_000)
        self.the_executor_dies()
        self.the_orchestrator_dies()
        deadline = time.monotonic() + 60
        while not self.promises.at_rest():
            assert time.monotonic() < deadline, "it does not come to rest"
            world.run(world.executor.poll())
            self.updates_arrive(0, 100, 9, [])
        self.promises.hold_at_rest()


TestStepMachine = StepMachine.TestCase
TestStepMachine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


# -- the machine has teeth: each story goes well, and breaks the promise where one rule is taken out


class Unfenced(StepWorld):
    async def take_over(self, context: SymbolContext) -> None:
        self.venue.fence = context.epoch


class Unsettled(StepWorld):
    async def settle(self, context: SymbolContext, newest_first: list[Plan]) -> None:
        """What was in flight is taken for nothing sent."""


class AnyEpochStore(SqliteStore):
    def _refuse_other_epoch(self, stored: int) -> None:
        """Any process may write."""


class WithoutEpochs(StepWorld):
    def store(self) -> SqliteStore:
        return AnyEpochStore(self.path)


class OffsetlessStore(SqliteStore):
    def commit(
        self,
        plan: Plan,
        results: Sequence[ActionResult],
        state: State,
        phases: Sequence[Phase],
        *,
        plan_text: str = "",
    ) -> JournalRow:
        return super().commit(plan, results, replace(state, event_offset=0), phases, plan_text=plan_text)


class WithoutOffsets(StepWorld):
    def store(self) -> SqliteStore:
        return OffsetlessStore(self.path)


class Forgetful(TradingStep):
    def _committed(self, plan: Plan) -> None:
        """No journal."""


class Repeating(CommittedState):
    """Settles again any plan that it is given, as the next step."""

    def commit(self, step: RunningStep, market: MarketRules) -> JournalRow:
        if (plan := step.plan).seq <= self.state.seq:
            again = replace(plan, seq=self.state.seq + 1, request_id=f"{plan.request_id}/{self.state.seq}")
            results, step = step.results, RunningStep(again)
            step.results = results
        return super().commit(step, market)


class WithoutSeqs(StepWorld):
    def worker(self, context: SymbolContext) -> SymbolWorker:
        batches: Any = self
        return replace(
            super().worker(context), trading_step=Forgetful(context, batches, ThreadBridge(self.runner.get_loop()))
        )

    def committed(self, store: SqliteStore, state: State, epoch: int) -> CommittedState:
        return Repeating(store, state, epoch)


def stopped_before_its_call(machine: StepMachine) -> None:
    machine.price_moves(0, 6_040_000, 2, [])
    machine.another_takes_over_while_it_sleeps()


def killed_before_its_commit(machine: StepMachine) -> None:
    machine.price_moves(0, 6_040_000, 3, [])
    machine.the_orchestrator_dies()
    machine.tick(0, 0, 9, [])


def asleep_over_a_commit_without_a_call(machine: StepMachine) -> None:
    machine.an_order_fills(0, Decimal("0.0005"))
    machine.the_executor_polls(0)
    machine.updates_arrive(0, 1, 1, [])
    machine.another_takes_over_while_it_sleeps()
    machine.a_step_goes_on(2, 1)
    machine.updates_arrive(0, 1, 9, [])


def killed_after_a_fill(machine: StepMachine) -> None:
    machine.an_order_fills(0, None)
    machine.the_executor_polls(0)
    machine.updates_arrive(0, 100, 9, [])
    machine.the_orchestrator_dies()


def run_twice_by_its_workflow(machine: StepMachine) -> None:
    machine.an_order_fills(0, None)
    machine.the_executor_polls(0)
    machine.updates_arrive(0, 100, 3, [])
    machine.the_orchestrator_dies()
    machine.a_workflow_is_run_again(1)


STORIES = [
    pytest.param(stopped_before_its_call, Unfenced, "P7", id="fence"),
    pytest.param(killed_before_its_commit, Unsettled, "P1", id="settling from the ledger"),
    pytest.param(asleep_over_a_commit_without_a_call, WithoutEpochs, "must not stop", id="epoch of the commit"),
    pytest.param(killed_after_a_fill, WithoutOffsets, "P3", id="offset with the state"),
    pytest.param(run_twice_by_its_workflow, WithoutSeqs, "does not follow", id="seq and journal of the commit"),
]


@contextlib.contextmanager
def scenario(world: type[StepWorld]) -> Iterator[StepMachine]:
    machine = StepMachine(world)
    try:
        machine.begin([])
        yield machine
        machine.the_promises_hold()
    except BaseException:
        machine.world.close()
        raise
    machine.teardown()


@pytest.mark.parametrize(("story", "broken", "promise"), STORIES)
def test_each_rule_is_missed_where_it_is_taken_out(
    story: Callable[[StepMachine], None], broken: type[StepWorld], promise: str
) -> None:
    with scenario(StepWorld) as machine:
        story(machine)

    with pytest.raises((AssertionError, StopError), match=promise), scenario(broken) as machine:
        story(machine)


# -- what the machine has found, as regression tests


def two_sleepers_record_the_step_that_a_third_has_settled(machine: StepMachine) -> None:
    machine.price_moves(0, 6_040_000, 1, [])
    machine.another_takes_over_while_it_sleeps()
    machine.tick(0, 0, 1, [])
    machine.a_step_goes_on(2, 1)  # the plan of the first paused process is recorded, and the next startup settles it
    machine.another_takes_over_while_it_sleeps()
    machine.a_step_goes_on(3, 1)  # and then the second sleeper's, for the same step under a newer epoch
    late = [plan_from_json(text) for text in machine.world.records[-2:]]
    assert [plan.seq for plan in late] == [machine.world.present.state.seq] * 2
    assert late[0].epoch == machine.world.present.state.epoch < late[1].epoch
    machine.a_workflow_is_run_again(len(machine.world.records) - 1)


def the_executor_dies_while_the_next_orchestrator_asks(machine: StepMachine) -> None:
    killed_after_a_fill(machine)
    for transactions in range(8):
        for after_commit in (False, True):
            machine.the_executor_will_die(transactions, after_commit)
            machine.the_orchestrator_dies()


@pytest.mark.parametrize(
    "story",
    [two_sleepers_record_the_step_that_a_third_has_settled, the_executor_dies_while_the_next_orchestrator_asks],
)
def test_what_was_found_is_fixed(story: Callable[[StepMachine], None]) -> None:
    with scenario(StepWorld) as machine:
        story(machine)
