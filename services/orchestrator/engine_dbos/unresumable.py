"""Workflows that DBOS would silently never resume: from another contract version, or out of recovery attempts.

This version takes over those that it can finish. A predecessor's plan is settled from the ledger. A safe-mode procedure
is recorded again. A halt of any contract stays a halt. Any other such workflow blocks startup with an error that names
the command to cancel it.
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
    """Raises UnfinishableError if a workflow is of another contract, dead-lettered or of an unknown kind.

    The message names each one and the command to cancel it.
    """
    reasons = [
        f"{record.workflow_id} ({record.name}) {reason}"
        for record in unfinished
        if (reason := _why_unresumable(record))
    ]
    if reasons:
        raise UnfinishableError(f"unfinished workflows: {'; '.join(reasons)}")


def of_no_symbol(unfinished: Iterable[WorkflowRecord]) -> list[WorkflowRecord]:
    """Returns the workflows whose symbol this version cannot determine."""
    return [record for record in unfinished if not record.symbol]


def step_of(record: WorkflowRecord, bot: str, symbol: str) -> Plan | UnreadablePlan | None:
    """Returns the recorded plan, or an UnreadablePlan if its contract cannot be parsed; None if it is no step."""
    if not can_parse(record):
        return unreadable_plan(record.workflow_id, bot, symbol)
    return plan_from_json(record.argument) if record.name in STEP_WORKFLOWS else None


def can_parse(record: WorkflowRecord) -> bool:
    """Whether its contract has the names and inputs of ours."""
    return record.version == CONTRACT or record.version in PREDECESSORS


def will_resume(record: WorkflowRecord) -> bool:
    """Whether DBOS resumes it by itself."""
    return record.version == CONTRACT and record.status != DEAD


def adopted_halt(record: WorkflowRecord) -> EnterSafeModeRequest:
    """Returns the request that replaces an unresumable enter_safe_mode. Of another contract only the symbol is used."""
    workflow_id = f"{record.workflow_id}/again"
    if can_parse(record):
        return replace(EnterSafeModeRequest.from_json(record.argument), workflow_id=workflow_id)
    reason = f"{record.workflow_id} of contract {record.version} had not halted the grid yet"
    return EnterSafeModeRequest(workflow_id, record.symbol, Rule.OPERATOR, reason, record.version, clears_itself=False)


def adopted_exit(record: WorkflowRecord) -> ExitSafeModeRequest:
    """Returns the request that replaces a predecessor's exit_safe_mode."""
    return replace(ExitSafeModeRequest.from_json(record.argument), workflow_id=f"{record.workflow_id}/again")


def _why_unresumable(record: WorkflowRecord) -> str:
    settled = f"cancel it: gridwright cancel-workflow {record.workflow_id}"
    if not can_parse(record) and not (record.name == HALT and record.symbol):
        return (
            f"is of contract {record.version}, this version keeps {CONTRACT}: start the version that made it and let "
            f"it finish, or {settled}"
        )
    if record.name not in {*STEP_WORKFLOWS, HALT, LIFT}:
        return f"is of no kind that this version knows: {settled}"
    if record.status == DEAD and record.name != HALT:
        return f"is out of recovery attempts: {settled}"
    return ""
