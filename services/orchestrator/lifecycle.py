"""Lifecycle of one symbol: startup sequence, trading, refusal with a reason, retry.

A symbol's error does not affect the others. Only three things stop the process: a lost lease, a lost database, or no
symbol that trades or can be retried.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any, Protocol

from gridcore.model.money import ZERO, canonical
from gridcore.model.state import State
from griddb.errors import DatabaseError
from gridrpc.errors import RpcError
from gridservice.backoff import backoff_seconds
from gridservice.errors import StopError
from gridservice.tasks import cancel_and_wait
from gridservice.troubles import Kind, Troubles
from orchestrator.config import Settings
from orchestrator.engine import WorkflowEngine, WorkflowRecord
from orchestrator.errors import AddressTakenError, ConflictError, SymbolRefusedError, UnfinishableError
from orchestrator.symbol.fee_watch import FeeWatch
from orchestrator.symbol.worker import SymbolWorker
from orchestrator.takeover.open_symbol import open_symbol
from orchestrator.troubles.trouble_watch import TroubleWatch

log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 10.0
_LONGEST_UNLISTED_SECONDS = 4.0  # the executor answers this without asking the venue; other tries may cost weight
_HEALTHY_SECONDS = 60.0  # after trading for this long the retry pauses start over

# Errors that concern the whole process: another process holds its data or address, or the database is lost.
_OF_THE_PROCESS = (DatabaseError, ConflictError, AddressTakenError)


class LifecycleOwner(Protocol):
    """What a lifecycle needs of the trading engine."""

    @property
    def workflows(self) -> WorkflowEngine:
        """The engine of the symbol's plans and procedures."""
        ...

    @property
    def troubles(self) -> Troubles:
        """Where the refusal of a symbol is reported."""
        ...

    def renewed(self, worker: SymbolWorker) -> SymbolWorker:
        """Returns a new worker for the same symbol under a new epoch. Calls and workflows go to it from now on."""
        ...

    def fail(self, error: StopError) -> None:
        """Asks the process to stop."""
        ...

    def refused(self) -> None:
        """Called when a lifecycle is refused. It may have been the last active one."""
        ...


class SymbolLifecycle:
    """Runs one symbol. `lasting`: the error that stops it; None while it trades or waits for the venue."""

    def __init__(self, worker: SymbolWorker, engine: LifecycleOwner, settings: Settings) -> None:
        self.worker = worker
        self.lasting: StopError | None = None
        self.settled = asyncio.Event()  # set when the symbol trades, or is refused for the first time
        self._engine = engine
        self._settings = settings
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: asyncio.Future[StopError] = asyncio.get_running_loop().create_future()

    @property
    def symbol(self) -> str:
        """The symbol's name."""
        return self.worker.context.symbol

    async def live(self, unfinished: list[WorkflowRecord]) -> None:
        """Runs the startup sequence and trades; retries after an error. Returns if a retry cannot help."""
        left, abandoned = unfinished, False
        pauses = _pauses()
        while True:
            self._failure = asyncio.get_running_loop().create_future()
            error, healthy = await self._until_it_fails(left, abandoned=abandoned)
            if isinstance(error, _OF_THE_PROCESS):
                self._engine.fail(error)
                return
            abandoned |= await self._leave_off()
            self._refuse(error)
            if not _is_retried(error):
                return
            pauses = _pauses() if healthy else pauses
            longest = _LONGEST_UNLISTED_SECONDS if isinstance(error, SymbolRefusedError) else _LONGEST_PAUSE_SECONDS
            await asyncio.sleep(min(next(pauses), longest))
            left = await asyncio.to_thread(self._engine.workflows.unfinished)
            await self._begin_anew()

    def fail(self, error: StopError) -> None:
        """Ends the current attempt. The first error counts."""
        if not self._failure.done():
            self._failure.set_result(error)

    async def close(self) -> None:
        """Stops all work. The next startup resumes running workflows."""
        self.worker.bridge.close()
        await self._cancel_tasks()
        await asyncio.to_thread(self.worker.context.thread.shutdown)

    # One attempt

    async def _until_it_fails(self, unfinished: list[WorkflowRecord], *, abandoned: bool) -> tuple[StopError, bool]:
        """Returns the error that ended the attempt, and whether the symbol had traded for over a minute before."""
        loop = asyncio.get_running_loop()
        opening = asyncio.create_task(
            open_symbol(
                self.worker,
                self._engine.workflows,
                unfinished,
                abandoned=abandoned,
                run=self._run,
                reconcile_seconds=self._settings.reconcile_timeout_ms / 1000,
            )
        )
        ends: set[asyncio.Future[Any]] = {opening, self._failure}
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if not self._failure.done():
                opening.result()
                self._trade()
            began = loop.time()
            return await self._failure, loop.time() - began > _HEALTHY_SECONDS
        except Exception as error:  # noqa: BLE001  # any error of the startup sequence concerns this symbol only
            return _as_stop(error), False
        finally:
            await cancel_and_wait([opening])

    def _trade(self) -> None:
        context = self.worker.context
        self._spawn(self.worker.conditions.watch(self._settings.conditions_interval_ms / 1000))
        self._engine.troubles.end(Kind.SYMBOL_REFUSED, symbol=context.symbol)
        self.lasting, context.refused = None, ""
        context.changes.beat()
        self.settled.set()

    def _refuse(self, error: StopError) -> None:
        context = self.worker.context
        context.refused = f"{error}{holding(context.state)}"
        self._engine.troubles.begin(Kind.SYMBOL_REFUSED, context.refused, symbol=context.symbol)
        self.lasting = None if isinstance(error, SymbolRefusedError) else error
        context.changes.beat()
        self.settled.set()
        self._engine.refused()

    async def _leave_off(self) -> bool:
        """Stops the work. Returns whether workflows may have been abandoned, which nothing in this process resumes."""
        await self._cancel_tasks()
        self.worker.loop.stop_trading()
        if not self.worker.context.ready.is_set():
            return False  # workflows that DBOS has resumed still wait for the startup sequence
        self.worker.bridge.close()
        await asyncio.to_thread(self.worker.context.thread.shutdown)
        return True

    async def _begin_anew(self) -> None:
        context = self.worker.context
        await asyncio.to_thread(context.committed.raise_epoch)
        if context.ready.is_set():
            self.worker = self._engine.renewed(self.worker)

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        await cancel_and_wait(tasks)

    def _run(self) -> None:
        worker = self.worker
        self._spawn(worker.loop.run())
        self._spawn(self._follow_updates(worker.conditions.fees))
        self._spawn(TroubleWatch(worker.context, worker.conditions.fees, self._engine.troubles).watch())

    async def _follow_updates(self, fees: FeeWatch) -> None:
        context = self.worker.context
        async for update in context.executor.order_updates(
            context.symbol, context.state.event_offset, epoch=context.epoch
        ):
            fees.hear(update)
            await context.events.put_update(update)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        self.fail(_as_stop(error))


def holding(state: State) -> str:
    """Describes the orders and the position of a refused grid, as the end of a sentence; empty if there are none."""
    resting = sum(slot.order is not None for slot in state.slots.values())
    position = sum((slot.position for slot in state.slots.values()), ZERO)
    if not resting and not position:
        return ""
    return f"; meanwhile it has {resting} orders that may rest on the venue, and {canonical(position)} in base"


def combined(errors: Iterable[StopError]) -> StopError:
    """Returns one error with all messages and the highest exit code."""
    different = list({str(error): error for error in errors}.values())
    if len(different) == 1:
        return different[0]
    worst = max(different, key=lambda error: error.exit_code)
    told = StopError("; ".join(str(error) for error in different))
    told.exit_code = worst.exit_code
    return told


def _pauses() -> Iterator[float]:
    return backoff_seconds(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)


def _is_retried(error: StopError) -> bool:
    """Whether a retry may help. It does not for recorded data that cannot be parsed or finished."""
    return not isinstance(error, UnfinishableError) or isinstance(error.__cause__, RpcError)


def _as_stop(error: BaseException) -> StopError:
    if isinstance(error, StopError):
        return error
    log.warning("a task failed", exc_info=error)
    return StopError(f"stopped by {error!r}: start again")
