"""The engine on DBOS: one life per symbol, their plans and procedures as durable workflows.

Leases first, then DBOS, which begins at once to recover what was running; recovered steps wait until their symbol's
start path has raised the fence and settled what was in flight, and then find that it is. So a restart does not wait for
DBOS's queue, and a workflow that DBOS would not recover is settled all the same.
"""

import asyncio
import logging
import uuid
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

from gridcore.model.actions import OrderUpdate
from gridcore.model.config import GridConfig
from gridcore.model.events import OrdersUpdated, Plan
from gridcore.model.state import State
from griddb.errors import DatabaseError
from gridrpc.convert_plan import plan_json
from gridservice.troubles import Kind, Troubles
from orchestrator.clients.batch_execute import BatchExecuteClient
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceClient, PriceHeard
from orchestrator.clock import now_ms, now_ns
from orchestrator.config import Settings
from orchestrator.engine_dbos import client, unresumable, workflows
from orchestrator.engine_dbos.database import WorkflowDatabase
from orchestrator.engine_dbos.retention import prune_forever
from orchestrator.engine_dbos.step_bodies import StepBodies
from orchestrator.errors import DatabaseStopError, StopError
from orchestrator.store import Store
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.downtime import note_looks
from orchestrator.symbol.lifecycle import SymbolLifecycle, combined
from orchestrator.symbol.safe_mode_requests import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.worker import SymbolWorker, build_worker
from orchestrator.takeover.abandoned_grids import StoredGrid, report_abandoned
from orchestrator.thread_bridge import ThreadBridge

log = logging.getLogger(__name__)
_CLOCKS_AGREE_MS = 1_000
_CLOCK_SECONDS = 1.0


class DbosEngine:
    """An Engine and a Launcher. `failure` resolves to the error that the process has to stop with."""

    def __init__(
        self,
        settings: Settings,
        stores: Mapping[str, Store],
        workflow_database: WorkflowDatabase,
        others: Callable[[], list[StoredGrid]],
        executor: ExecutorClient,
        prices: PriceClient,
        batches: Callable[[ThreadBridge, Callable[[], bool]], BatchExecuteClient],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self._workflow_database = workflow_database
        self._others = others
        self._executor = executor
        self._prices = prices
        self._batches = batches
        self._lives: dict[str, SymbolLifecycle] = {}
        self._asyncio = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: asyncio.Future[StopError] = self._asyncio.create_future()
        self.troubles = Troubles(now_ms)
        self.teams: dict[str, SymbolWorker] = {}
        self._gathered: dict[
            str, SymbolWorker
        ] = {}  # the same, before calls are answered: recovered workflows ask for theirs
        self._steps = StepBodies(self._gathered, self._fail_from_thread)

    async def start(self) -> None:
        """Takes the leases, launches DBOS, begins with every symbol; returns once each trades or is refused.

        Raises StopError where the process must not go on, or no symbol of it can.
        """
        contexts = [await self._open_desk(grid, self._stores[grid.symbol]) for grid in self._settings.grids]
        self._gathered.update({context.symbol: self._worker(context) for context in contexts})
        workflows.bind(self._steps)
        await asyncio.to_thread(client.launch, self._workflow_database)
        self.teams.update(self._gathered)  # now calls are answered: before, there is no record to put a halt on
        unfinished = await asyncio.to_thread(client.unfinished)
        unresumable.refuse_unresumable(unresumable.of_no_symbol(unfinished))
        report_abandoned(await asyncio.to_thread(self._others), unfinished, self.teams, self.troubles)
        self._spawn(self._follow_prices())
        if self._settings.tick_interval_ms:
            self._spawn(self._tick())
        self._spawn(self._watch_clocks())
        self._spawn(note_looks(self._contexts))
        self._spawn(prune_forever(self._contexts, self._settings.retention_hours))
        self._lives.update(
            {worker.context.symbol: SymbolLifecycle(worker, self, self._settings) for worker in self.teams.values()}
        )
        for life in self._lives.values():
            self._spawn(life.live(unfinished))
        await self._all_settled()

    async def _all_settled(self) -> None:
        settled = asyncio.gather(*(life.settled.wait() for life in self._lives.values()))
        ends: set[asyncio.Future[Any]] = {settled, self.failure}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        settled.cancel()
        if self.failure.done():
            raise self.failure.result()

    async def stop(self) -> None:
        """Abandons running steps to the next start and ends everything."""
        for worker in self._gathered.values():
            worker.bridge.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for life in self._lives.values():
            await life.close()
        await asyncio.to_thread(client.shut_down)
        workflows.bind(None)

    async def on_price_update(self, heard: PriceHeard) -> None:
        """Gives it to the symbol's loop."""
        worker = self.teams.get(heard.symbol)
        if worker is not None:
            worker.loop.hear_price(heard)

    async def on_order_update(self, update: OrderUpdate) -> None:
        """Gives it to the symbol's inbox."""
        await self.teams[update.symbol].context.events.put_update(update)

    def run_plan(self, plan: Plan) -> None:
        """Blocks until the plan's workflow has committed it."""
        name = "on_order_update" if isinstance(plan.trigger, OrdersUpdated) else "trading_step"
        text = plan_json(plan)
        with self._steps.knowing(text, plan):
            client.run_plan(name, plan.request_id, text)

    def start_halt(self, request: EnterSafeModeRequest) -> None:
        """Puts enter_safe_mode on record and lets it run."""
        client.start_enter_safe_mode(request.workflow_id, request.to_json())

    def start_lift(self, request: ExitSafeModeRequest) -> None:
        """Puts exit_safe_mode on record and lets it run."""
        client.start_exit_safe_mode(request.workflow_id, request.to_json())

    def any_unfinished(self, workflow_ids: Iterable[str]) -> bool:
        """Whether one of them will still be run to its end."""
        return client.any_unfinished(workflow_ids)

    def fail(self, error: StopError) -> None:
        """Asks the process to stop; the first reason counts."""
        if not self.failure.done():
            self.failure.set_result(error)

    def refused(self) -> None:
        """Asks the process to stop where no symbol is left that works or can be waited for."""
        reasons = [life.lasting for life in self._lives.values() if life.lasting is not None]
        if len(reasons) == len(self._lives):
            self.fail(combined(reasons))

    def renewed(self, worker: SymbolWorker) -> SymbolWorker:
        """A team at a fresh desk, with a bridge that is open."""
        fresh = self._worker(worker.context.renewed())
        self._gathered[fresh.context.symbol] = self.teams[fresh.context.symbol] = fresh
        return fresh

    def _fail_symbol(self, symbol: str, error: StopError) -> None:
        life = self._lives.get(symbol)
        if life is None:
            self.fail(error)
        else:
            life.fail(error)

    def _fail_from_thread(self, symbol: str, error: StopError) -> None:
        self._asyncio.call_soon_threadsafe(self._fail_symbol, symbol, error)

    def _worker(self, context: SymbolContext) -> SymbolWorker:
        bridge = ThreadBridge(self._asyncio)
        return build_worker(context, self, self._batches(bridge, lambda: context.raising_fence), bridge)

    def _contexts(self) -> list[SymbolContext]:
        return [worker.context for worker in self.teams.values()]

    async def _open_desk(self, grid: GridConfig, store: Store) -> SymbolContext:
        committed, epoch = await asyncio.to_thread(_open_committed_state, grid, store)
        return SymbolContext(
            self._settings.bot,
            grid,
            committed,
            self._executor,
            epoch=epoch,
            max_update_batch=self._settings.max_update_batch,
            stop=partial(self._fail_symbol, grid.symbol),
        )

    async def _follow_prices(self) -> None:
        limits = [grid.risk.stale_price_ms for grid in self._settings.grids]
        heartbeat_ms = max(100, min(1_000, min(limits) // 3))
        async for heard in self._prices.prices([grid.symbol for grid in self._settings.grids], heartbeat_ms):
            await self.on_price_update(heard)

    async def _watch_clocks(self) -> None:
        while True:
            difference_ms = self._executor.clock.difference_ms
            if abs(difference_ms) <= _CLOCKS_AGREE_MS:
                self.troubles.end(Kind.CLOCKS_DIFFER)
            else:
                self.troubles.begin(Kind.CLOCKS_DIFFER, clocks_differ(difference_ms))
            await asyncio.sleep(_CLOCK_SECONDS)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._settings.tick_interval_ms / 1000)
            for worker in self.teams.values():
                if worker.context.trading:
                    worker.context.events.put_tick()
                    await worker.loop.look_aside()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or task.exception() is None:
            return
        error = task.exception()
        log.warning("a task failed", exc_info=error)
        if isinstance(error, DatabaseError):
            error = DatabaseStopError(error)
        self.fail(error if isinstance(error, StopError) else StopError(f"stopped by {error!r}: start again"))


def clocks_differ(difference_ms: int) -> str:
    """The sentence for a clock of the executor's that is so far ahead of ours."""
    return (
        f"the executor's clock is {difference_ms / 1000:+.1f} s from the orchestrator's: orders are given their "
        "deadlines by the executor's, and nothing is lost, but journal and ledger disagree on when things were; let "
        "both hosts follow one time server"
    )


def _open_committed_state(grid: GridConfig, store: Store) -> tuple[CommittedState, int]:
    """The state, made where there is none, and the epoch under which it is held from now on."""
    epoch = store.take_lease()
    state = store.load_state()
    if state is None:
        state = State(grid.symbol, uuid.uuid4().hex, grid.geometry, epoch=epoch, last_update_time=now_ns())
        store.save_state(state)
    return CommittedState(store, state), epoch
