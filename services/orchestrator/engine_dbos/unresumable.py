"""Workflows that DBOS would leave lying without a word: of another contract, or resumed too often.

What this version can finish is handed over to it: the ledger settles a predecessor's plan, a procedure is put on record
anew, and a halt of whatever contract stays one. Anything else stops the start, with the command that settles it.
"""

from collections.abc import Iterable
from dataclasses import replace

from gridcore.model.events import Plan
from gridcore.model.state import Rule
from gridrpc.convert_plan import plan_from_json
from orchestrator.engine_dbos.client import DEAD, HALT, LIFT, STEP_WORKFLOWS, WorkflowRecord
from orchestrator.engine_dbos.workflows import CONTRACT, PREDECESSORS
from orchestrator.errors import UnfinishableError
from orchestrator.symbol.safe_mode_requests import EnterSafeModeRequest, ExitSafeModeRequest
from orchestrator.takeover.recover_plan import UnreadablePlan, unreadable_plan


def refuse_unresumable(unfinished: Iterable[WorkflowRecord]) -> None:
    """Raises UnfinishableError, naming what is of another contract, dead, or of no kind, and its command."""
    reasons = [
        f"{record.workflow_id} ({record.name}) {reason}"
        for record in unfinished
        if (reason := _why_unresumable(record))
    ]
    if reasons:
        raise UnfinishableError(f"unfinished workflows: {'; '.join(reasons)}")


def of_no_symbol(unfinished: Iterable[WorkflowRecord]) -> list[WorkflowRecord]:
    """Those of which this version cannot tell what symbol they are about."""
    return [record for record in unfinished if not record.symbol]


def step_of(record: WorkflowRecord, bot: str, symbol: str) -> Plan | UnreadablePlan | None:
    """The plan on record, or what its id says where its contract is none that this version reads; None for no step."""
    if not can_parse(record):
        return unreadable_plan(record.workflow_id, bot, symbol)
    return plan_from_json(record.argument) if record.name in STEP_WORKFLOWS else None


def can_parse(record: WorkflowRecord) -> bool:
    """Whether names and inputs of its contract are those of ours."""
    return record.version == CONTRACT or record.version in PREDECESSORS


def will_resume(record: WorkflowRecord) -> bool:
    """Whether DBOS goes on with it by itself."""
    return record.version == CONTRACT and record.status != DEAD


def adopted_halt(record: WorkflowRecord) -> EnterSafeModeRequest:
    """What an enter_safe_mode that nobody resumes asked for. Of another contract only the symbol is relied on."""
    workflow_id = f"{record.workflow_id}/again"
    if can_parse(record):
        return replace(EnterSafeModeRequest.from_json(record.argument), workflow_id=workflow_id)
    reason = f"{record.workflow_id} of contract {record.version} had not halted the grid yet"
    return EnterSafeModeRequest(workflow_id, record.symbol, Rule.OPERATOR, reason, record.version, clears_itself=False)


def adopted_exit(record: WorkflowRecord) -> ExitSafeModeRequest:
    """The same for an exit_safe_mode of a predecessor."""
    return replace(ExitSafeModeRequest.from_json(record.argument), workflow_id=f"{record.workflow_id}/again")


def _why_unresumable(record: WorkflowRecord) -> str:
    settled = f"settle it: gridwright cancel-workflow {record.workflow_id}"
    if not can_parse(record) and not (record.name == HALT and record.symbol):
        return (
            f"is of contract {record.version}, this version keeps {CONTRACT}: start the version that made it and let "
            f"it finish, or {settled}"
        )
    if record.name not in {*STEP_WORKFLOWS, HALT, LIFT}:
        return f"is of no kind that this version knows: {settled}"
    if record.status == DEAD and record.name != HALT:
        return f"was resumed too often and given up: {settled}"
    return ""
