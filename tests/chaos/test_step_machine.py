"""The step machine against a venue with all faults: decide, record, execute, commit, in any mixture with deaths of
either side, takeovers while the old one only sleeps, halts, fills, late requests and time.

Real are the core, Keeper and SqliteStore, the steps of a workflow, the start path and the whole executor with its
ledger; modelled are the venue and what DBOS remembers, which is a list of plans.
"""

import asyncio
import contextlib
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from executor.ports import ReadFailedError, VenueOrder
from gridcore.actions import ActionResult, Fill, OrderUpdate, PlaceOrder
from gridcore.config import RiskConfig
from gridcore.decide import decide
from gridcore.errors import CoreError
from gridcore.ids import OrderName, parse_client_order_id
from gridcore.market import MarketRules
from gridcore.money import ZERO
from gridcore.orders import OrderStatus, Role
from gridcore.reconcile import live_openings, reconcile
from gridcore.state import Mode, Rule, State
from gridcore.triggers import EnterSafeMode, ExitSafeMode, OrdersUpdated, Plan, PriceChanged, Ticked, Trigger
from gridrpc.convert_plan import plan_from_json, plan_json
from gridtesting.direct import DirectExecutor
from gridtesting.grids import MARKET, grid
from gridtesting.venue import FakeVenue, Fault, ManualClock
from orchestrator import start
from orchestrator.activities import Activities, RequestBelowFloorError
from orchestrator.bridge import Bridge
from orchestrator.desk import Desk
from orchestrator.errors import StopError
from orchestrator.halting import Halting
from orchestrator.journal import JournalRow, Phase
from orchestrator.keeper import Keeper
from orchestrator.requests import HaltRequest, LiftRequest
from orchestrator.store.sqlite import SqliteStore
from orchestrator.team import Team, gather

T = TypeVar("T")

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "8"))
CONFIG = grid(
    order_ttl_ms=6_000, retry_after_ms=50, risk=RiskConfig(unknown_too_old_ms=9_000, calm_ms=1_000, max_rejects=12)
)
FAULTS = st.lists(st.none() | st.sampled_from([fault for fault in Fault if fault is not Fault.HANG]), max_size=4)
PICKS = st.integers(0, 1_000)
IN_MEMORY = next((str(path) for path in [Path("/dev/shm")] if path.is_dir()), None)  # the machine itself never dies


class JudgingVenue(FakeVenue):
    """Knows how high the fence is, and remembers what was sent below it."""

    fence = 0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.sent_below: list[str] = []

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        name = parse_client_order_id(order.client_order_id)
        if name is None or name.epoch < self.fence:
            self.sent_below.append(order.client_order_id)
        return await super().place(symbol, order, timestamp_ms)


class Orchestrator:
    """One process's memory: a team, and the step that it is in the middle of."""

    def __init__(self, team: Team, store: SqliteStore) -> None:
        self.team = team
        self.store = store
        self.step: Iterator[str] | None = None

    @property
    def desk(self) -> Desk:
        return self.team.desk

    def forget(self) -> None:
        self.desk.thread.shutdown()
        self.store.close()


class StepMachine(RuleBasedStateMachine):
    """`present` holds the lease; `sleepers` had it, and do not know that they have lost it."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(dir=IN_MEMORY)
        self.path = Path(self.folder.name) / "state.sqlite"
        self.clock = ManualClock()
        self.venue = JudgingVenue(self.clock)
        self.executor = DirectExecutor(Path(self.folder.name) / "executor", self.clock, self.venue)
        self.run(self.executor.open())
        self.price = Decimal("60100")
        self.records: list[str] = []  # what DBOS has: plans in the order in which they were put on record
        self.halt: HaltRequest | None = None  # and the halt that is on record, with the steps of it that are
        self.halt_steps = 0
        self.halt_epoch = 0
        self.numbers = itertools.count(1)
        self.answers: dict[str, tuple[ActionResult, ...]] = {}
        self.seen: set[str] = set()  # orders that a committed state has held
        self.sleepers: list[Orchestrator] = []
        self.present = self.opened()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # -- a process, from its start to its end

    def opened(self) -> Orchestrator:
        self.path.with_suffix(".lock").unlink(missing_ok=True)  # a sleeper's lease goes without its knowledge
        store = self.store()
        epoch = store.take_lease()
        state = store.load_state()
        if state is None:
            state = State(MARKET.symbol, "state", CONFIG.geometry, epoch=epoch)
            store.save_state(state)
        stop: Any = self.stopped
        desk = Desk(
            "bot",
            CONFIG,
            self.keeper(store, state),
            self.executor.client(),
            epoch=epoch,
            max_update_batch=100,
            stop=stop,
        )
        desk.market = MARKET
        orchestrator = Orchestrator(self.team(desk), store)
        self.run(self.open_by_the_path(desk))
        return orchestrator

    def team(self, desk: Desk) -> Team:
        executor_and_launcher: Any = self
        return gather(desk, executor_and_launcher, executor_and_launcher, Bridge(self.runner.get_loop()))

    def store(self) -> SqliteStore:
        return SqliteStore(self.path)

    def keeper(self, store: SqliteStore, state: State) -> Keeper:
        return Keeper(store, state)

    async def open_by_the_path(self, desk: Desk) -> None:
        await self.take_over(desk)
        newest_first = [plan_from_json(text) for text in reversed(self.records)]
        await self.settle(desk, newest_first)
        desk.ready.set()
        if desk.state.risk.mode is Mode.ENTERING and self.halt is None:
            risk = desk.state.risk
            self.begin_halt(risk.rule, risk.reason, clears_itself=risk.clears_itself)

    async def take_over(self, desk: Desk) -> None:
        await start.take_over(desk)
        self.venue.fence = desk.epoch

    async def settle(self, desk: Desk, newest_first: list[Plan]) -> None:
        await start.settle_requests(desk, start.plans_beyond(desk.keeper, newest_first), self.execute)

    def stopped(self, error: StopError) -> None:
        raise AssertionError(f"the one that has the lease must not stop: {error}")

    def execute(self, plan: Plan) -> tuple[ActionResult, ...]:
        """The batch client of all orchestrators; called on a thread while the loop runs."""
        answer = asyncio.run_coroutine_threadsafe(self.executor.execute(plan), self.runner.get_loop()).result()
        assert self.answers.setdefault(plan.request_id, answer) == answer, "the same request has the same answer"
        return answer

    # -- a step, in as many pieces as it has durable states

    def stepping(self, who: Orchestrator, trigger: Trigger) -> Iterator[str]:
        desk, names = who.desk, {"request_id": who.desk.next_request_id(), "prefix": who.desk.prefix}
        plan = decide(desk.state, trigger, MARKET, CONFIG, epoch=desk.epoch, **names)
        if isinstance(plan.procedure, EnterSafeMode) and self.halt is None:
            self.begin_halt(plan.procedure.rule, plan.procedure.reason, clears_itself=plan.procedure.clears_itself)
        elif isinstance(plan.procedure, ExitSafeMode):
            self.release(who)
        elif plan.procedure is None and plan.actions:
            yield "decided"
            text = plan_json(plan)
            self.records.append(text)
            yield "recorded"
            self.run(asyncio.to_thread(who.team.activities.execute, plan_from_json(text)))
            yield "executed"
            self.run(asyncio.to_thread(who.team.activities.commit, plan))
        elif plan.procedure is None and not plan.empty:
            yield "decided"
            desk.keeper.commit(plan, (), MARKET)

    def advance(self, who: Orchestrator, pieces: int) -> None:
        for _ in range(pieces):
            try:
                if who.step is None or next(who.step, None) is None:
                    who.step = None
                    return
            except (StopError, CoreError) as error:  # a sleeper may hear of orders that it has never sent
                if who is self.present:
                    raise AssertionError("the one that has the lease must not stop") from error
                self.sleepers.remove(who)
                who.forget()
                return

    def trigger(self, pick: int, trigger: Trigger, pieces: int, faults: list[Fault | None]) -> None:
        who = self.pick(pick)
        self.venue.faults.extend(faults)
        if who.step is None:
            who.step = self.stepping(who, trigger)
        self.advance(who, pieces)
        self.venue.faults.clear()

    def pick(self, pick: int) -> Orchestrator:
        everyone = [self.present, self.present, *self.sleepers]
        return everyone[pick % len(everyone)]

    # -- halts: procedures of which each step may run again

    def begin_halt(self, rule_: Rule, reason: str, *, clears_itself: bool) -> None:
        self.halt = HaltRequest(f"halt{next(self.numbers)}", MARKET.symbol, rule_, reason, "test", clears_itself)
        self.halt_steps = 0

    def release(self, who: Orchestrator) -> None:
        lift = LiftRequest(
            f"lift{next(self.numbers)}", MARKET.symbol, "well again", "test", who.desk.state.risk.since_ms
        )
        if who is self.present:
            self.run(self.through_the_inbox(who, who.team.halting.lift(lift)))

    async def through_the_inbox(self, who: Orchestrator, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        while not task.done():
            await asyncio.sleep(0)
            if not who.desk.inbox.empty and callable(item := await who.desk.inbox.take()):
                await item()
        return await task

    async def halt_step(self, halting: Halting, halt: HaltRequest) -> bool:
        """The next step; whether it could be done."""
        match self.halt_steps:
            case 0:
                self.halt_epoch = await halting.open(halt)
            case 1:
                await halting.fence(self.halt_epoch)
                self.venue.fence = max(self.venue.fence, self.halt_epoch)
            case 2:
                await halting.cancel()
            case 3:
                if live_openings(self.present.desk.state) or await self.openings_shown():
                    return False
                await halting.verify()
            case _:
                await halting.close(halt)
                self.halt = None
        return True

    async def openings_shown(self) -> bool:
        snapshot = (await self.present.desk.executor.open_orders(MARKET.symbol)).snapshot
        names = map(parse_client_order_id, snapshot.ours | snapshot.in_flight)
        return any(name is not None and name.role is Role.OPENING for name in names)

    # -- rules

    @initialize(faults=FAULTS)
    def begin(self, faults: list[Fault | None]) -> None:
        self.trigger(0, PriceChanged(self.clock(), self.price), 9, faults)

    @rule(pick=PICKS, cents=st.integers(5_880_000, 6_120_000), pieces=st.sampled_from([1, 2, 3, 9, 9]), faults=FAULTS)
    def price_moves(self, pick: int, cents: int, pieces: int, faults: list[Fault | None]) -> None:
        self.price = Decimal(cents) / 100
        self.trigger(pick, PriceChanged(self.clock(), self.price), pieces, faults)

    @rule(pick=PICKS, age_ms=st.sampled_from([0, 0, 20_000]), pieces=st.sampled_from([1, 2, 3, 9, 9]), faults=FAULTS)
    def tick(self, pick: int, age_ms: int, pieces: int, faults: list[Fault | None]) -> None:
        self.trigger(pick, Ticked(self.clock(), self.price, self.clock() - age_ms), pieces, faults)

    @rule(pick=PICKS, count=st.sampled_from([1, 3, 100]), pieces=st.sampled_from([1, 2, 3, 9, 9]), faults=FAULTS)
    def updates_arrive(self, pick: int, count: int, pieces: int, faults: list[Fault | None]) -> None:
        who = self.pick(pick)
        news = self.run(self.executor.log(who.desk.state.event_offset, count))
        if news:
            self.trigger(pick, OrdersUpdated(self.clock(), self.price, self.clock(), tuple(news)), pieces, faults)

    @rule(pick=PICKS, pieces=st.integers(1, 4))
    def a_step_goes_on(self, pick: int, pieces: int) -> None:
        self.advance(self.pick(pick), pieces)

    @rule()
    def the_orchestrator_dies(self) -> None:
        self.present.forget()
        self.present = self.opened()

    @precondition(lambda self: len(self.sleepers) < 2)
    @rule()
    def another_takes_over_while_it_sleeps(self) -> None:
        self.sleepers.append(self.present)
        self.present = self.opened()

    @precondition(lambda self: self.records)
    @rule(pick=PICKS)
    def a_workflow_is_run_again(self, pick: int) -> None:
        plan = plan_from_json(self.records[pick % len(self.records)])
        before = self.present.desk.state
        if plan.seq > before.seq:
            return  # that one is under way
        activities = self.present.team.activities
        with contextlib.suppress(RequestBelowFloorError):  # a sleeper's, recorded late for a step that another had made
            self.run(asyncio.to_thread(activities.execute, plan))
            self.run(asyncio.to_thread(activities.commit, plan))
        assert self.present.desk.state == before

    @rule(transactions=st.integers(0, 15), after_commit=st.booleans())
    def the_executor_will_die(self, transactions: int, after_commit: bool) -> None:
        self.executor.die_after(transactions, after_commit=after_commit)

    @rule()
    def the_executor_dies(self) -> None:
        self.run(self.executor.reopen())

    @precondition(lambda self: self.halt is None)
    @rule()
    def an_operator_halts(self) -> None:
        self.begin_halt(Rule.OPERATOR, "a drill", clears_itself=False)

    @precondition(lambda self: self.present.desk.state.risk.mode is Mode.SAFE and self.present.step is None)
    @rule()
    def an_operator_releases(self) -> None:
        self.release(self.present)

    @precondition(lambda self: self.halt is not None and self.present.step is None)
    @rule(steps=st.integers(1, 5), forget=st.booleans())
    def a_halt_goes_on(self, steps: int, forget: bool) -> None:
        for _ in range(steps):
            if self.halt is None:
                return
            step = self.halt_step(self.present.team.halting, self.halt)
            if not self.run(self.through_the_inbox(self.present, step)):
                return
            self.halt_steps += 1
        self.halt_steps -= forget and self.halt is not None  # its last step is not on record: it runs again

    @rule(pick=PICKS, quantity=st.sampled_from([Decimal("0.0005"), None]))
    def an_order_fills(self, pick: int, quantity: Decimal | None) -> None:
        if live := self.live():
            self.venue.fill(live[pick % len(live)].client_order_id, quantity)

    @rule(pick=PICKS)
    def an_order_ends_by_another_hand(self, pick: int) -> None:
        if live := self.live():
            self.venue.end(live[pick % len(live)].client_order_id)

    @rule(ms=st.sampled_from([1, 60, 900, 3_000, 7_001]), hide_ms=st.sampled_from([0, 0, 1_500]))
    def time_passes(self, ms: int, hide_ms: int) -> None:
        self.clock.advance(ms)
        self.venue.hide_new_orders_ms = hide_ms

    @rule(copies=st.integers(0, 2))
    def late_requests_arrive_and_the_stream_misbehaves(self, copies: int) -> None:
        self.venue.deliver()
        self.venue.bend_hints = lambda hints: hints[::-1] * copies

    @rule(failing_reads=st.sampled_from([0, 0, 1, 3]))
    def the_executor_polls(self, failing_reads: int) -> None:
        self.venue.reads_to_fail = failing_reads
        with contextlib.suppress(ReadFailedError):
            self.run(self.executor.poll())
        self.venue.reads_to_fail = 0

    # -- the promises

    @invariant()
    def the_promises_hold(self) -> None:
        """After each rule, for as much of the log as the state has heard."""
        log = self.log()
        self.no_duplicate()
        self.no_orphan(log)
        self.no_lost_fill(log)
        self.no_guess(log)
        self.a_halt_lasts()
        assert not self.venue.sent_below, "P7: what is below the fence is sent no more"

    def no_duplicate(self) -> None:
        names = [order.client_order_id for order in self.venue.orders.values()]
        assert len(names) == len(set(names)), "P1: an action has one effect"
        levels = Counter(_name(order).level for order in self.live())
        assert all(count == 1 for count in levels.values()), "P1: a slot has at most one order that has not ended"

    def no_orphan(self, log: list[OrderUpdate]) -> None:
        plans = [plan_from_json(text) for text in self.records]
        beyond = [plan for plan in plans if plan.seq > self.present.desk.state.seq]
        in_flight = {action.client_order_id for plan in beyond for action in plan.actions}
        assert {order.client_order_id for order in self.live()} <= self.held() | in_flight, "P2: nothing lives unknown"
        self.seen |= self.held()
        ended = {one.client_order_id for one in log if isinstance(one.news, OrderStatus) and one.news.ended}
        assert self.seen - self.held() <= ended, "P4: an order leaves the state by its recorded end"

    def no_lost_fill(self, log: list[OrderUpdate]) -> None:
        state = self.present.desk.state
        applied = [one for one in log if one.offset <= state.event_offset]
        fills = [(one.side.sign, one.news) for one in applied if isinstance(one.news, Fill)]
        assert state.totals.fills == len(fills), "P3: each fill once"
        assert state.totals.position == sum((sign * fill.quantity - fill.fee for sign, fill in fills), ZERO)

    def no_guess(self, log: list[OrderUpdate]) -> None:
        denied = {one.client_order_id for one in log if one.news is OrderStatus.NOT_PLACED}
        on_venue = {order.client_order_id for order in self.venue.orders.values()}
        assert not denied & on_venue, "P4: what is called never placed is not there and does not come"

    def a_halt_lasts(self) -> None:
        if self.present.desk.state.risk.mode is Mode.SAFE:
            assert not [order for order in self.live() if _name(order).role is Role.OPENING], "P5: none in safe mode"

    def live(self) -> list[VenueOrder]:
        return [order for order in self.venue.orders.values() if not order.status.ended]

    def held(self) -> set[str]:
        slots = self.present.desk.state.slots.values()
        return {slot.order.client_order_id for slot in slots if slot.order is not None}

    def log(self) -> list[OrderUpdate]:
        return self.run(self.executor.log())

    def teardown(self) -> None:
        """In the end everything is told, applied and agreed upon."""
        try:
            self.come_to_rest()
        finally:
            self.close()

    def close(self) -> None:
        for who in [self.present, *self.sleepers]:
            who.forget()
        self.run(self.executor.close())
        self.runner.close()
        self.folder.cleanup()

    def come_to_rest(self) -> None:
        self.venue.bend_hints = lambda hints: hints
        self.venue.hide_new_orders_ms = 0
        self.venue.deliver()
        for sleeper in list(self.sleepers):
            self.advance(sleeper, 9)
        self.clock.advance(10_000)
        self.the_executor_dies()
        self.the_orchestrator_dies()
        deadline = time.monotonic() + 10
        while not self.at_rest():
            assert time.monotonic() < deadline, "it does not come to rest"
            self.run(self.executor.poll())
            self.updates_arrive(0, 100, 9, [])
        snapshot = self.run(self.present.desk.executor.open_orders(MARKET.symbol)).snapshot
        assert reconcile(self.present.desk.state, snapshot).none
        self.the_promises_hold()
        traded = sum((t.side.sign * t.fill.quantity - t.fill.fee for t in self.venue.trades), ZERO)
        assert self.present.desk.state.totals.position == traded, "P3: what the venue's account shows"
        rows = self.present.store.last_steps(1_000)
        assert [row.plan.seq for row in rows] == list(range(self.present.desk.state.seq, 0, -1)), "each step once"

    def at_rest(self) -> bool:
        told = self.present.desk.state.event_offset == len(self.log())
        return told and self.held() == {order.client_order_id for order in self.live()}


def _name(order: VenueOrder) -> OrderName:
    name = parse_client_order_id(order.client_order_id)
    assert name is not None
    return name


TestStepMachine = StepMachine.TestCase
TestStepMachine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=25,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


# -- the machine has teeth: each story goes well, and breaks the promise where one rule is taken out


class Unfenced(StepMachine):
    async def take_over(self, desk: Desk) -> None:
        self.venue.fence = desk.epoch


class Unsettled(StepMachine):
    async def settle(self, desk: Desk, newest_first: list[Plan]) -> None:
        """What was in flight is taken for nothing sent."""


class AnyEpochStore(SqliteStore):
    def _refuse_other_epoch(self, stored: int) -> None:
        """Whoever comes may write."""


class WithoutEpochs(StepMachine):
    def store(self) -> SqliteStore:
        return AnyEpochStore(self.path)


class OffsetlessStore(SqliteStore):
    def commit(self, plan: Plan, results: Sequence[ActionResult], state: State, phases: Sequence[Phase]) -> JournalRow:
        return super().commit(plan, results, replace(state, event_offset=0), phases)


class WithoutOffsets(StepMachine):
    def store(self) -> SqliteStore:
        return OffsetlessStore(self.path)


class Forgetful(Activities):
    def _committed(self, plan: Plan) -> None:
        """No journal."""


class Repeating(Keeper):
    """Settles again whatever it is given, as the next step."""

    def commit(
        self, plan: Plan, results: Sequence[ActionResult], market: MarketRules, phases: Sequence[Phase] = ()
    ) -> JournalRow:
        if plan.seq <= self.state.seq:
            plan = replace(plan, seq=self.state.seq + 1, request_id=f"{plan.request_id}/{self.state.seq}")
        return super().commit(plan, results, market, phases)


class WithoutSeqs(StepMachine):
    def team(self, desk: Desk) -> Team:
        batches: Any = self
        return replace(super().team(desk), activities=Forgetful(desk, batches, Bridge(self.runner.get_loop())))

    def keeper(self, store: SqliteStore, state: State) -> Keeper:
        return Repeating(store, state)


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
def told(kind: type[StepMachine]) -> Iterator[StepMachine]:
    machine = kind()
    try:
        machine.begin([])
        yield machine
        machine.the_promises_hold()
    except BaseException:
        machine.close()
        raise
    machine.teardown()


@pytest.mark.parametrize(("story", "broken", "promise"), STORIES)
def test_each_rule_is_missed_where_it_is_taken_out(
    story: Callable[[StepMachine], None], broken: type[StepMachine], promise: str
) -> None:
    with told(StepMachine) as machine:
        story(machine)

    with pytest.raises((AssertionError, StopError), match=promise), told(broken) as machine:
        story(machine)


# -- what the machine has found, told again


def two_sleepers_record_the_step_that_a_third_has_settled(machine: StepMachine) -> None:
    machine.price_moves(0, 6_040_000, 1, [])
    machine.another_takes_over_while_it_sleeps()
    machine.tick(0, 0, 1, [])
    machine.a_step_goes_on(2, 1)  # the first sleeper's plan goes on record, and the next start settles it
    machine.another_takes_over_while_it_sleeps()
    machine.a_step_goes_on(3, 1)  # and then the second sleeper's, for the same step under a newer epoch
    late = [plan_from_json(text) for text in machine.records[-2:]]
    assert [plan.seq for plan in late] == [machine.present.desk.state.seq] * 2
    assert late[0].epoch == machine.present.desk.state.epoch < late[1].epoch
    machine.a_workflow_is_run_again(len(machine.records) - 1)


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
def test_what_was_found_is_mended(story: Callable[[StepMachine], None]) -> None:
    with told(StepMachine) as machine:
        story(machine)
