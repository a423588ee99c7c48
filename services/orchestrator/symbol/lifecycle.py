"""Lifecycle of one symbol: startup sequence, trading, refusal with a reason, retry.

A symbol's error does not affect the others. Only three things stop the process: a lost lease, a lost database, or no
symbol that trades or can be retried.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import Any, Protocol, TypeVar

from gridcore.model.events import Plan
from gridcore.model.money import ZERO, canonical
from gridcore.model.state import Mode, State
from griddb.errors import DatabaseError
from gridrpc.errors import RpcError
from gridservice.backoff import backoff_seconds
from gridservice.crash_point import crash_point
from gridservice.troubles import Kind, Troubles
from orchestrator.config import Settings
from orchestrator.engine_dbos import client, unresumable
from orchestrator.engine_dbos.client import WorkflowRecord
from orchestrator.errors import (
    AddressTakenError,
    ConflictError,
    DatabaseStopError,
    LeaseLostError,
    StateLedgerMismatchError,
    StopError,
    SymbolRefusedError,
    UnfinishableError,
)
from orchestrator.symbol.safe_mode_requests import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.symbol.worker import SymbolWorker
from orchestrator.takeover import takeover
from orchestrator.takeover.rebuild import rebuild_state
from orchestrator.takeover.recover_plan import UnreadablePlan
from orchestrator.troubles.fee_watch import FeeWatch
from orchestrator.troubles.trouble_watch import TroubleWatch

log = logging.getLogger(__name__)
Request = TypeVar("Request", EnterSafeModeRequest, ExitSafeModeRequest)

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 10.0
_LONGEST_UNLISTED_SECONDS = 4.0  # the executor answers this without asking the venue; other tries may cost weight
_HEALTHY_SECONDS = 60.0  # after trading for this long the retry pauses start over

# Errors that concern the whole process: another process holds its data or address, or the database is lost.
_OF_THE_PROCESS = (LeaseLostError, ConflictError, DatabaseStopError, AddressTakenError)


class SymbolSurroundings(Protocol):
    """What a lifecycle needs of the engine."""

    @property
    def troubles(self) -> Troubles:
        """Where the refusal of a symbol is reported."""
        ...

    def renewed(self, worker: SymbolWorker) -> SymbolWorker:
        """Returns a new worker for the same symbol under a new epoch. Calls and workflows go to it from now on."""
        ...

    def start_halt(self, request: EnterSafeModeRequest) -> None:
        """Records enter_safe_mode and starts it."""
        ...

    def start_lift(self, request: ExitSafeModeRequest) -> None:
        """Records exit_safe_mode and starts it."""
        ...

    def fail(self, error: StopError) -> None:
        """Asks the process to stop."""
        ...

    def refused(self) -> None:
        """Called when a lifecycle is refused. It may have been the last active one."""
        ...


class SymbolLifecycle:
    """Runs one symbol. `lasting`: the error that stops it; None while it trades or waits for the venue."""

    def __init__(self, worker: SymbolWorker, house: SymbolSurroundings, settings: Settings) -> None:
        self.worker = worker
        self.lasting: StopError | None = None
        self.settled = asyncio.Event()  # set when the symbol trades, or is refused for the first time
        self._house = house
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
                self._house.fail(error)
                return
            abandoned |= await self._leave_off()
            self._refuse(error)
            if not _is_retried(error):
                return
            pauses = _pauses() if healthy else pauses
            longest = _LONGEST_UNLISTED_SECONDS if isinstance(error, SymbolRefusedError) else _LONGEST_PAUSE_SECONDS
            await asyncio.sleep(min(next(pauses), longest))
            left = await asyncio.to_thread(client.unfinished)
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
        opening = asyncio.create_task(self._open(unfinished, abandoned=abandoned))
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
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)

    def _trade(self) -> None:
        context = self.worker.context
        self._house.troubles.end(Kind.SYMBOL_REFUSED, symbol=context.symbol)
        self.lasting, context.refused = None, ""
        context.changes.beat()
        self.settled.set()

    def _refuse(self, error: StopError) -> None:
        context = self.worker.context
        context.refused = f"{error}{holding(context.state)}"
        self._house.troubles.begin(Kind.SYMBOL_REFUSED, context.refused, symbol=context.symbol)
        self.lasting = None if isinstance(error, SymbolRefusedError) else error
        context.changes.beat()
        self.settled.set()
        self._house.refused()

    async def _leave_off(self) -> bool:
        """Stops the work. Returns whether workflows may have been abandoned, which nothing in this process resumes."""
        await self._cancel_tasks()
        self.worker.context.trading = self.worker.context.busy = False
        if not self.worker.context.ready.is_set():
            return False  # workflows that DBOS has resumed still wait for the startup sequence
        self.worker.bridge.close()
        await asyncio.to_thread(self.worker.context.thread.shutdown)
        return True

    async def _begin_anew(self) -> None:
        context = self.worker.context
        epoch = await asyncio.to_thread(context.committed.store.raise_epoch)
        if context.ready.is_set():
            self.worker = self._house.renewed(self.worker)
        self.worker.context.epoch = epoch

    async def _cancel_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # The startup sequence

    async def _open(self, unfinished: list[WorkflowRecord], *, abandoned: bool) -> None:
        context = self.worker.context
        own = [record for record in unfinished if record.symbol == context.symbol]
        await takeover.check_config(context)
        unresumable.refuse_unresumable(own)
        try:
            await self._open_by_the_path(own, abandoned=abandoned)
        except RpcError as fault:
            raise UnfinishableError(f"{context.symbol}: the executor refuses to begin: {fault.message}") from fault

    async def _open_by_the_path(self, own: list[WorkflowRecord], *, abandoned: bool) -> None:
        worker, context = self.worker, self.worker.context
        crash_point("orchestrator.start.leased")
        try:
            end_offset = await takeover.take_over(context)
            crash_point("orchestrator.start.fenced")
            plans = await asyncio.to_thread(self._plans_beyond)
            await takeover.settle_requests(context, plans, worker.batches.execute)
        except StateLedgerMismatchError as broken:
            end_offset = await rebuild_state(context, broken)
        crash_point("orchestrator.start.cleared")
        self._spawn(worker.loop.run())
        self._spawn(self._follow_updates(worker.conditions.fees))
        self._spawn(TroubleWatch(context, worker.conditions.fees, self._house.troubles).watch())
        await self._resume_procedures(own, abandoned=abandoned)
        context.ready.set()
        await takeover.apply_backlog(context, end_offset)
        crash_point("orchestrator.start.drained")
        await takeover.reconcile_with_venue(context, self._settings.reconcile_timeout_ms / 1000)
        crash_point("orchestrator.start.agreed")
        await worker.conditions.look_first()
        worker.loop.begin_trading()
        self._spawn(worker.conditions.watch(self._settings.conditions_interval_ms / 1000))
        log.info("%s trades at step %d under epoch %d", context.symbol, context.state.seq, context.epoch)

    def _plans_beyond(self) -> list[Plan | UnreadablePlan]:
        context = self.worker.context
        records = client.newest_first(id_prefix=f"{context.bot}/{context.symbol}/")
        steps = (unresumable.step_of(record, context.bot, context.symbol) for record in records)
        return takeover.uncommitted_plans(context.committed, filter(None, steps))

    async def _resume_procedures(self, own: list[WorkflowRecord], *, abandoned: bool) -> None:
        """Registers the safe-mode workflows that DBOS resumes, and starts replacements for those it does not.

        Other workflows that DBOS does not resume are settled by now; they are cancelled.
        """
        context = self.worker.context

        def is_resumed(record: WorkflowRecord) -> bool:
            return not abandoned and unresumable.will_resume(record)

        async def go_on(
            record: WorkflowRecord,
            inherited: Callable[[WorkflowRecord], Request],
            begin: Callable[[Request], None],
        ) -> str:
            """Returns the id of the workflow that does the record's work: the record's own, or a replacement's."""
            if is_resumed(record):
                return record.workflow_id
            request = inherited(record)
            await asyncio.to_thread(begin, request)
            return request.workflow_id

        for record in own:
            if record.name == client.HALT and not await self._is_over(record):
                context.halts.add(await go_on(record, unresumable.adopted_halt, self._house.start_halt))
            if record.name == client.LIFT:
                context.lifts.add(await go_on(record, unresumable.adopted_exit, self._house.start_lift))
        left = [record.workflow_id for record in own if not is_resumed(record)]
        if left:
            await asyncio.to_thread(client.cancel, left)
            log.warning(
                "%s: finished for an earlier version, or taken over from it: %s", context.symbol, ", ".join(left)
            )
        if context.state.risk.mode is Mode.ENTERING and not context.halts:
            risk = context.state.risk
            again = EnterSafeModeRequest(
                f"{context.next_request_id()}/safe", context.symbol, risk.rule, risk.reason, risk.by, risk.clears_itself
            )
            context.halts.add(again.workflow_id)
            await asyncio.to_thread(self._house.start_halt, again)

    async def _is_over(self, record: WorkflowRecord) -> bool:
        """Whether an unfinished enter_safe_mode has done its work: after an exit it must not run again."""
        context = self.worker.context
        opened = await asyncio.to_thread(context.committed.find, f"{record.workflow_id}/open")
        return opened is not None and context.state.risk.mode is not Mode.ENTERING

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
    if isinstance(error, DatabaseError):
        return DatabaseStopError(error)
    log.warning("a task failed", exc_info=error)
    return StopError(f"stopped by {error!r}: start again")
