"""Runs the startup sequence of one symbol on a workflow engine; `takeover` describes its steps and their order."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from gridcore.model.events import Plan
from gridcore.model.state import Mode
from gridrpc.errors import RpcError
from gridservice.crash_point import crash_point
from orchestrator.engine import WorkflowEngine, WorkflowRecord
from orchestrator.errors import StateLedgerMismatchError, UnfinishableError
from orchestrator.symbol.context import SymbolContext
from orchestrator.symbol.procedures import ENTER_SAFE_MODE, PROCEDURES, EnterSafeModeRequest
from orchestrator.symbol.worker import SymbolWorker
from orchestrator.takeover import takeover, unresumable
from orchestrator.takeover.rebuild import rebuild_state
from orchestrator.takeover.recover_plan import UnreadablePlan

log = logging.getLogger(__name__)


async def open_symbol(
    worker: SymbolWorker,
    engine: WorkflowEngine,
    unfinished: Sequence[WorkflowRecord],
    *,
    abandoned: bool,
    run: Callable[[], None],
    reconcile_seconds: float,
) -> None:
    """Brings a symbol whose lease is held from any state of its data to trading.

    `unfinished`: all workflows without an outcome. `abandoned`: an earlier attempt of this process has left workflows
    that the engine no longer resumes. `run`: starts the loop and what else runs beside it. Raises StopError if the
    symbol cannot trade.
    """
    own = [record for record in unfinished if record.symbol == worker.context.symbol]
    await takeover.check_config(worker.context)
    unresumable.refuse_unresumable(own, engine.contract)
    try:
        await _open(worker, engine, own, abandoned=abandoned, run=run, reconcile_seconds=reconcile_seconds)
    except RpcError as fault:
        raise UnfinishableError(f"{worker.context.symbol}: the executor refuses to begin: {fault.message}") from fault


async def _open(
    worker: SymbolWorker,
    engine: WorkflowEngine,
    own: Sequence[WorkflowRecord],
    *,
    abandoned: bool,
    run: Callable[[], None],
    reconcile_seconds: float,
) -> None:
    context = worker.context
    crash_point("orchestrator.start.leased")
    try:
        end_offset = await takeover.take_over(context)
        crash_point("orchestrator.start.fenced")
        plans = await asyncio.to_thread(_plans_to_settle, context, engine)
        await takeover.settle_requests(context, plans, worker.batches.execute)
    except StateLedgerMismatchError as broken:
        end_offset = await rebuild_state(context, broken)
    crash_point("orchestrator.start.cleared")
    run()
    await _resume_procedures(worker, engine, own, abandoned=abandoned)
    context.ready.set()
    await takeover.apply_backlog(context, end_offset)
    crash_point("orchestrator.start.drained")
    await takeover.reconcile_with_venue(context, reconcile_seconds)
    crash_point("orchestrator.start.agreed")
    await worker.conditions.look_first()
    worker.loop.begin_trading()
    log.info("%s trades at step %d under epoch %d", context.symbol, context.state.seq, context.epoch)


def _plans_to_settle(context: SymbolContext, engine: WorkflowEngine) -> list[Plan | UnreadablePlan]:
    records = engine.newest_first(id_prefix=f"{context.bot}/{context.symbol}/")
    steps = (unresumable.step_of(record, context.bot, context.symbol) for record in records)
    return takeover.uncommitted_plans(context.committed, filter(None, steps))


async def _resume_procedures(
    worker: SymbolWorker, engine: WorkflowEngine, own: Sequence[WorkflowRecord], *, abandoned: bool
) -> None:
    """Registers the procedures that the engine resumes, and starts replacements for those that it does not.

    Plans that the engine does not resume are settled by now; their workflows are cancelled.
    """
    context, procedures = worker.context, worker.procedures
    resumed = {record.workflow_id for record in own if record.resumed and not abandoned}
    for record in own:
        if record.name not in PROCEDURES or await _is_over(context, record):
            continue
        if record.workflow_id in resumed:
            procedures.resumed(record.name, record.workflow_id)
        else:
            await procedures.start(unresumable.adopted(record))
    left = [record.workflow_id for record in own if record.workflow_id not in resumed]
    if left:
        await asyncio.to_thread(engine.cancel, left)
        log.warning("%s: finished for an earlier version, or taken over from it: %s", context.symbol, ", ".join(left))
    risk = context.state.risk
    if risk.mode is Mode.ENTERING and not procedures.of(ENTER_SAFE_MODE):
        workflow_id = f"{context.next_request_id()}/safe"
        await procedures.start(
            EnterSafeModeRequest(workflow_id, context.symbol, risk.rule, risk.reason, risk.by, risk.clears_itself)
        )


async def _is_over(context: SymbolContext, record: WorkflowRecord) -> bool:
    """Whether an unfinished enter_safe_mode has done its work: after an exit it must not run again."""
    if record.name != ENTER_SAFE_MODE:
        return False
    opened = await asyncio.to_thread(context.committed.find, f"{record.workflow_id}/open")
    return opened is not None and context.state.risk.mode is not Mode.ENTERING
