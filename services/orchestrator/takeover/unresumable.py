"""Workflows that the engine does not resume: from another contract version, or out of recovery attempts.

This version takes over those that it can finish. A predecessor's plan is settled from the ledger. A safe-mode procedure
is recorded again. A halt of any contract stays a halt. Any other such workflow blocks startup with an error that names
the command to cancel it.
"""

from collections.abc import Iterable

from gridcore.model.events import Plan
from gridcore.model.state import Rule
from gridrpc.convert_plan import plan_from_json
from orchestrator.engine import STEP_WORKFLOWS, WorkflowRecord
from orchestrator.errors import UnfinishableError
from orchestrator.symbol.procedures import ENTER_SAFE_MODE, PROCEDURES, EnterSafeModeRequest, Procedure
from orchestrator.takeover.recover_plan import UnreadablePlan, unreadable_plan


def refuse_unresumable(unfinished: Iterable[WorkflowRecord], contract: str) -> None:
    """Raises UnfinishableError if a workflow is not of our contract, dead-lettered or of an unknown kind.

    The message names each one and the command to cancel it.
    """
    reasons = [
        f"{record.workflow_id} ({record.name}) {reason}"
        for record in unfinished
        if (reason := _why_unresumable(record, contract))
    ]
    if reasons:
        raise UnfinishableError(f"unfinished workflows: {'; '.join(reasons)}")


def of_no_symbol(unfinished: Iterable[WorkflowRecord]) -> list[WorkflowRecord]:
    """Returns the workflows whose symbol this version cannot determine."""
    return [record for record in unfinished if not record.symbol]


def step_of(record: WorkflowRecord, bot: str, symbol: str) -> Plan | UnreadablePlan | None:
    """Returns the recorded plan, or an UnreadablePlan if its contract cannot be parsed; None if it is no step."""
    if not record.readable:
        return unreadable_plan(record.workflow_id, bot, symbol)
    return plan_from_json(record.argument) if record.name in STEP_WORKFLOWS else None


def adopted(record: WorkflowRecord) -> Procedure:
    """Returns the request that replaces an unresumable procedure. Of another contract only the symbol is used.

    Only for records that `refuse_unresumable` lets pass: of another contract, only a halt is adopted.
    """
    if record.readable:
        return PROCEDURES[record.name].from_json(record.argument).again()
    reason = f"{record.workflow_id} of contract {record.version} had not halted the grid yet"
    workflow_id = f"{record.workflow_id}/again"
    return EnterSafeModeRequest(workflow_id, record.symbol, Rule.OPERATOR, reason, record.version, clears_itself=False)


def _why_unresumable(record: WorkflowRecord, contract: str) -> str:
    settled = f"cancel it: gridwright cancel-workflow {record.workflow_id}"
    if not record.readable and not (record.name == ENTER_SAFE_MODE and record.symbol):
        return (
            f"is of contract {record.version}, this version keeps {contract}: start the version that made it and let "
            f"it finish, or {settled}"
        )
    if record.name not in {*STEP_WORKFLOWS, *PROCEDURES}:
        return f"is of no kind that this version knows: {settled}"
    if record.dead and record.name != ENTER_SAFE_MODE:
        return f"is out of recovery attempts: {settled}"
    return ""
