"""The Engine: opens every symbol, passes prices, ticks and order updates to it, and keeps its workflows running.

It takes the leases first and launches the workflow engine next, which resumes unfinished workflows at once; their steps
wait for the symbol's startup sequence.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from gridcore.model.actions import OrderUpdate
from gridcore.model.config import GridConfig
from gridservice.clock import now_ms
from gridservice.errors import StopError
from gridservice.tasks import cancel_and_wait
from gridservice.troubles import Kind, Troubles
from orchestrator.clients.batch_execute import BatchExecuteClient
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceClient, PriceHeard
from orchestrator.config import Settings
from orchestrator.engine import Engine, WorkflowEngine
from orchestrator.lifecycle import SymbolLifecycle, combined
from orchestrator.retention import prune_forever
from orchestrator.store import Store
from orchestrator.symbol.committed_state import CommittedState
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.downtime import note_looks
from orchestrator.symbol.step_runner import StepRunner
from orchestrator.symbol.worker import SymbolWorker, build_worker
from orchestrator.takeover import unresumable
from orchestrator.takeover.abandoned_grids import StoredGrid, report_abandoned
from orchestrator.thread_bridge import ThreadBridge

log = logging.getLogger(__name__)
_CLOCKS_AGREE_MS = 1_000
_CLOCK_SECONDS = 1.0


class TradingEngine(Engine):
    """Implements Engine on any workflow engine. `failure` resolves to the error that the process must stop with."""

    def __init__(
        self,
        settings: Settings,
        stores: Mapping[str, Store],
        workflows: WorkflowEngine,
        others: Callable[[], list[StoredGrid]],
        executor: ExecutorClient,
        prices: PriceClient,
        batches: Callable[[ThreadBridge, Callable[[], bool]], BatchExecuteClient],
    ) -> None:
        self._settings = settings
        self._stores = stores
        self.workflows = workflows
        self._others = others
        self._executor = executor
        self._prices = prices
        self._batches = batches
        self._lives: dict[str, SymbolLifecycle] = {}
        self._asyncio = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.failure: asyncio.Future[StopError] = self._asyncio.create_future()
        self.troubles = Troubles(now_ms)
        self.workers: dict[str, SymbolWorker] = {}
        # The same workers, filled before RPCs are answered: resumed workflows need them.
        self._built: dict[str, SymbolWorker] = {}

    async def start(self) -> None:
        """Takes the leases, launches the workflow engine, opens every symbol; returns once each trades or is refused.

        Raises StopError if the process must not continue, or no symbol can.
        """
        contexts = [await self._open_context(grid, self._stores[grid.symbol]) for grid in self._settings.grids]
        self._built.update({context.symbol: self._worker(context) for context in contexts})
        await asyncio.to_thread(self.workflows.launch, StepRunner(self._built, self._fail_from_thread))
        self.workers.update(self._built)  # RPCs are answered from now on: before, a halt could not be recorded
        unfinished = await asyncio.to_thread(self.workflows.unfinished)
        unresumable.refuse_unresumable(unresumable.of_no_symbol(unfinished), self.workflows.contract)
        report_abandoned(await asyncio.to_thread(self._others), unfinished, self.workers, self.troubles)
        self._spawn(self._follow_prices())
        if self._settings.tick_interval_ms:
            self._spawn(self._tick())
        self._spawn(self._watch_clocks())
        self._spawn(note_looks(self._contexts))
        self._spawn(prune_forever(self._contexts, self.workflows, self._settings.retention_hours))
        self._lives.update(
            {worker.context.symbol: SymbolLifecycle(worker, self, self._settings) for worker in self.workers.values()}
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
        """Stops everything. The next startup resumes running steps."""
        for worker in self._built.values():
            worker.bridge.close()
        await cancel_and_wait(self._tasks)
        for life in self._lives.values():
            await life.close()
        await asyncio.to_thread(self.workflows.shut_down)

    async def on_price_update(self, heard: PriceHeard) -> None:
        """Passes the price to the symbol's loop."""
        worker = self.workers.get(heard.symbol)
        if worker is not None:
            worker.loop.hear_price(heard)

    async def on_order_update(self, update: OrderUpdate) -> None:
        """Puts the update into the symbol's event queue."""
        await self.workers[update.symbol].context.events.put_update(update)

    def fail(self, error: StopError) -> None:
        """Asks the process to stop. The first error counts."""
        if not self.failure.done():
            self.failure.set_result(error)

    def refused(self) -> None:
        """Asks the process to stop if no symbol is left that trades or can be retried."""
        reasons = [life.lasting for life in self._lives.values() if life.lasting is not None]
        if len(reasons) == len(self._lives):
            self.fail(combined(reasons))

    def renewed(self, worker: SymbolWorker) -> SymbolWorker:
        """Returns a new worker for the same symbol, with a new context and an open thread bridge."""
        fresh = self._worker(worker.context.renewed())
        self._built[fresh.context.symbol] = self.workers[fresh.context.symbol] = fresh
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
        return build_worker(context, self.workflows, self._batches(bridge, lambda: context.raising_fence), bridge)

    def _contexts(self) -> list[SymbolContext]:
        return [worker.context for worker in self.workers.values()]

    async def _open_context(self, grid: GridConfig, store: Store) -> SymbolContext:
        committed = await asyncio.to_thread(CommittedState.open, grid, store)
        return SymbolContext(
            self._settings.bot,
            grid,
            committed,
            self._executor,
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
            for worker in self.workers.values():
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
        self.fail(error if isinstance(error, StopError) else StopError(f"stopped by {error!r}: start again"))


def clocks_differ(difference_ms: int) -> str:
    """Returns the message for an executor clock that is `difference_ms` ahead of ours."""
    return (
        f"the executor's clock is {difference_ms / 1000:+.1f} s from the orchestrator's: order deadlines follow the "
        "executor's, and nothing is lost, but the times in journal and ledger disagree; let both hosts use the same "
        "time server"
    )
