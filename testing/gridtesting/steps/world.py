"""Orchestrators over one executor, with each step split into as many pieces as it has durable states.

Between any two pieces an orchestrator may crash, or sleep while another takes over. Core, CommittedState, SqliteStore,
workflow steps, takeover and the whole executor with its ledger are real. The venue is modelled, and so is DBOS's
record, which is a list of plans. Tests disable a rule by a subclass.
"""

import asyncio
import itertools
import tempfile
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from executor.venue.port import VenueOrder
from gridcore.bookkeeping.reconcile import live_openings
from gridcore.decide import decide
from gridcore.model.actions import ActionResult, OrderUpdate, PlaceOrder
from gridcore.model.config import RiskConfig
from gridcore.model.errors import CoreError
from gridcore.model.events import EnterSafeMode, ExitSafeMode, Plan, Trigger
from gridcore.model.ids import OrderName, parse_client_order_id
from gridcore.model.orders import Role
from gridcore.model.state import Mode, Rule, State
from gridrpc.convert_plan import plan_from_json, plan_json
from gridservice.errors import StopError
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.grids import MARKET, grid
from gridtesting.live.direct_executor import DirectExecutor
from orchestrator.store.sqlite import SqliteStore
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.procedures import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.running_step import RunningStep
from orchestrator.symbol.safe_mode import SafeModeProcedure
from orchestrator.symbol.worker import SymbolWorker, build_worker
from orchestrator.takeover import takeover
from orchestrator.thread_bridge import ThreadBridge

T = TypeVar("T")

CONFIG = grid(
    order_ttl_ms=6_000, retry_after_ms=50, risk=RiskConfig(unknown_too_old_ms=9_000, calm_ms=1_000, max_rejects=12)
)
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # files of a machine that itself never dies


def order_name(order: VenueOrder) -> OrderName:
    """The parsed name of an order; every order of this venue is ours."""
    name = parse_client_order_id(order.client_order_id)
    assert name is not None
    return name


class JudgingVenue(FakeVenue):
    """Knows the current fence, and records what was sent below it."""

    fence = 0

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.sent_below: list[str] = []

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        """Places like the fake."""
        name = parse_client_order_id(order.client_order_id)
        if name is None or name.epoch < self.fence:
            self.sent_below.append(order.client_order_id)
        return await super().place(symbol, order, timestamp_ms)


class Process:
    """An orchestrator's memory: a worker, and the step in progress."""

    def __init__(self, worker: SymbolWorker, store: SqliteStore) -> None:
        self.worker = worker
        self.store = store
        self.step: Iterator[str] | None = None

    @property
    def context(self) -> SymbolContext:
        """The worker's context."""
        return self.worker.context

    @property
    def state(self) -> State:
        """The state that it has committed, or loaded at startup."""
        return self.context.state

    def forget(self) -> None:
        """Clears it after a crash."""
        self.context.thread.shutdown()
        self.store.close()


class StepWorld:
    """`present` holds the lease; `sleepers` held it, and do not know that they have lost it."""

    def __init__(self) -> None:
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(dir=_SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "state.sqlite"
        self.clock = ManualClock()
        self.venue = JudgingVenue(self.clock)
        self.executor = DirectExecutor(Path(self.folder.name) / "executor", self.clock, self.venue)
        self.run(self.executor.open())
        self.records: list[str] = []  # DBOS's record: plans in the order in which they were recorded
        self.halt: EnterSafeModeRequest | None = None  # the recorded halt, with its recorded steps
        self.halt_steps = 0
        self.halt_epoch = 0
        self.numbers = itertools.count(1)
        self.answers: dict[str, tuple[ActionResult, ...]] = {}
        self.sleepers: list[Process] = []
        self.present = self.opened()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs the coroutine on the shared loop and returns its result."""
        return self.runner.run(work)

    def close(self) -> None:
        """Closes everything."""
        for who in [self.present, *self.sleepers]:
            who.forget()
        self.run(self.executor.close())
        self.runner.close()
        self.folder.cleanup()

    # -- a process, from its startup to its end

    def opened(self) -> Process:
        """Starts a process, which takes the lease from its holder."""
        self.path.with_suffix(".lock").unlink(missing_ok=True)  # a sleeper loses its lease without noticing
        store = self.store()
        epoch = store.take_lease()
        state = store.load_state()
        if state is None:
            state = State(MARKET.symbol, "state", CONFIG.geometry, epoch=epoch)
            store.save_state(state)
        stop: Any = self.stopped
        context = SymbolContext(
            "bot",
            CONFIG,
            self.committed(store, state, epoch),
            self.executor.client(),
            max_update_batch=100,
            stop=stop,
        )
        context.market = MARKET
        process = Process(self.worker(context), store)
        self.run(self._open_by_the_path(context))
        return process

    def die(self) -> None:
        """Crashes the holder of the lease, and starts another process."""
        self.present.forget()
        self.present = self.opened()

    def fall_asleep(self) -> None:
        """Pauses the holder of the lease, and another process takes over."""
        self.sleepers.append(self.present)
        self.present = self.opened()

    def worker(self, context: SymbolContext) -> SymbolWorker:
        """Builds the worker for the context's symbol."""
        executor_and_launcher: Any = self
        return build_worker(context, executor_and_launcher, executor_and_launcher, ThreadBridge(self.runner.get_loop()))

    def store(self) -> SqliteStore:
        """Opens the store of a process."""
        return SqliteStore(self.path)

    def committed(self, store: SqliteStore, state: State, epoch: int) -> CommittedState:
        """Builds the committed state of a process."""
        return CommittedState(store, state, epoch)

    async def _open_by_the_path(self, context: SymbolContext) -> None:
        await self.take_over(context)
        newest_first = [plan_from_json(text) for text in reversed(self.records)]
        await self.settle(context, newest_first)
        context.ready.set()
        if context.state.risk.mode is Mode.ENTERING and self.halt is None:
            risk = context.state.risk
            self.begin_halt(risk.rule, risk.reason, clears_itself=risk.clears_itself)

    async def take_over(self, context: SymbolContext) -> None:
        """Raises the fence, as the takeover does, and handles the answer."""
        await takeover.take_over(context)
        self.venue.fence = context.epoch

    async def settle(self, context: SymbolContext, newest_first: list[Plan]) -> None:
        """Settles what was in flight when the previous process crashed."""
        await takeover.settle_requests(
            context, takeover.uncommitted_plans(context.committed, newest_first), self.execute
        )

    def stopped(self, error: StopError) -> None:
        """A task gave up. Raises AssertionError."""
        raise AssertionError(f"the one that has the lease must not stop: {error}")

    def execute(self, plan: Plan) -> tuple[ActionResult, ...]:
        """The batch client of all orchestrators; called on a thread while the loop runs."""
        answer = asyncio.run_coroutine_threadsafe(self.executor.execute(plan), self.runner.get_loop()).result()
        assert self.answers.setdefault(plan.request_id, answer) == answer, "the same request has the same answer"
        return answer

    # -- a step, split at its durable states

    def act(self, pick: int, trigger: Trigger, pieces: int, faults: list[Fault | None]) -> None:
        """Executes some pieces of the picked process's step for the trigger, or of its step in progress."""
        who = self.pick(pick)
        self.venue.faults.extend(faults)
        if who.step is None:
            who.step = self._stepping(who, trigger)
        self.advance(who, pieces)
        self.venue.faults.clear()

    def pick(self, pick: int) -> Process:
        """One of the living processes; mostly the present one."""
        everyone = [self.present, self.present, *self.sleepers]
        return everyone[pick % len(everyone)]

    def advance(self, who: Process, pieces: int) -> None:
        """Executes some pieces of its step; a sleeper that finds itself fenced ends."""
        for _ in range(pieces):
            try:
                if who.step is None or next(who.step, None) is None:
                    who.step = None
                    return
            except (StopError, CoreError) as error:  # a sleeper may read updates of orders that it has never sent
                if who is self.present:
                    raise AssertionError("the one that has the lease must not stop") from error
                self.sleepers.remove(who)
                who.forget()
                return

    def _stepping(self, who: Process, trigger: Trigger) -> Iterator[str]:
        context, names = who.context, {"request_id": who.context.next_request_id(), "prefix": who.context.prefix}
        plan = decide(context.state, trigger, MARKET, CONFIG, epoch=context.epoch, **names)
        if isinstance(plan.procedure, EnterSafeMode) and self.halt is None:
            self.begin_halt(plan.procedure.rule, plan.procedure.reason, clears_itself=plan.procedure.clears_itself)
        elif isinstance(plan.procedure, ExitSafeMode):
            self.release(who)
        elif plan.procedure is None and plan.actions:
            yield "decided"
            text = plan_json(plan)
            self.records.append(text)
            yield "recorded"
            step = RunningStep.from_json(text)
            self.run(asyncio.to_thread(who.worker.trading_step.execute, step))
            yield "executed"
            self.run(asyncio.to_thread(who.worker.trading_step.commit, step))
        elif plan.procedure is None and not plan.empty:
            yield "decided"
            context.committed.commit(RunningStep(plan), MARKET)

    # -- halts: procedures whose steps may each run again

    def begin_halt(self, rule: Rule, reason: str, *, clears_itself: bool) -> None:
        """Records a halt."""
        self.halt = EnterSafeModeRequest(
            f"halt{next(self.numbers)}", MARKET.symbol, rule, reason, "test", clears_itself
        )
        self.halt_steps = 0

    def release(self, who: Process) -> None:
        """The present process exits safe mode; a sleeper's command does not arrive."""
        lift = ExitSafeModeRequest(
            f"lift{next(self.numbers)}", MARKET.symbol, "well again", "test", who.state.risk.since_ms
        )
        if who is self.present:
            self.run(self._through_the_inbox(who.worker.safe_mode.lift(lift)))

    def go_on_halting(self, steps: int, *, forget: bool) -> None:
        """Runs steps of the recorded halt; with `forget` the last one's record is lost, so that it runs again."""
        for _ in range(steps):
            if self.halt is None:
                return
            step = self._halt_step(self.present.worker.safe_mode, self.halt)
            if not self.run(self._through_the_inbox(step)):
                return
            self.halt_steps += 1
        self.halt_steps -= forget and self.halt is not None

    async def _through_the_inbox(self, work: Coroutine[Any, Any, T]) -> T:
        events, task = self.present.context.events, asyncio.ensure_future(work)
        while not task.done():
            await asyncio.sleep(0)
            if not events.empty and callable(item := await events.take()):
                await item()
        return await task

    async def _halt_step(self, safe_mode: SafeModeProcedure, halt: EnterSafeModeRequest) -> bool:
        """Runs the next step; returns whether it could be completed."""
        match self.halt_steps:
            case 0:
                self.halt_epoch = await safe_mode.open(halt)
            case 1:
                await safe_mode.fence(self.halt_epoch)
                self.venue.fence = max(self.venue.fence, self.halt_epoch)
            case 2:
                await safe_mode.cancel()
            case 3:
                if live_openings(self.present.state) or await self._openings_shown():
                    return False
                await safe_mode.verify()
            case _:
                await safe_mode.close(halt)
                self.halt = None
        return True

    async def _openings_shown(self) -> bool:
        snapshot = (await self.present.context.executor.open_orders(MARKET.symbol)).snapshot
        names = map(parse_client_order_id, snapshot.ours | snapshot.in_flight)
        return any(name is not None and name.role is Role.OPENING for name in names)

    # -- what can be observed

    def live(self) -> list[VenueOrder]:
        """The venue's orders that have not ended."""
        return [order for order in self.venue.orders.values() if not order.status.ended]

    def held(self) -> set[str]:
        """The client ids of the orders in the committed state."""
        return {slot.order.client_order_id for slot in self.present.state.slots.values() if slot.order is not None}

    def log(self) -> list[OrderUpdate]:
        """The executor's whole update log."""
        return self.run(self.executor.log())
