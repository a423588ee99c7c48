"""Reads DBOS's records of workflows as values of the engine port."""

from collections.abc import Iterator

from dbos import DBOS, WorkflowStatus

from orchestrator.engine import StepRecord, WorkflowRecord
from orchestrator.engine_dbos import workflows

PAGE = 100
UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
DEAD = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"


def listed(
    *,
    workflow_ids: list[str] | None = None,
    status: list[str] | None = None,
    workflow_id_prefix: str | None = None,
) -> Iterator[WorkflowRecord]:
    """Yields the workflows that match, by creation time, newest first; reads them page by page."""
    offset = 0
    while True:
        page = DBOS.list_workflows(
            workflow_ids=workflow_ids,
            status=status,
            workflow_id_prefix=workflow_id_prefix,
            sort_desc=True,
            limit=PAGE,
            offset=offset,
            load_output=False,
        )
        yield from map(record_of, page)
        if len(page) < PAGE:
            return
        offset += PAGE


def record_of(found: WorkflowStatus) -> WorkflowRecord:
    """Converts DBOS's status of a workflow. DBOS resumes only workflows of our contract."""
    arguments = found.input["args"] if found.input else ()
    version = found.app_version or ""
    return WorkflowRecord(
        workflow_id=found.workflow_id,
        name=found.name,
        status=found.status,
        version=version,
        created_time_ms=found.created_at or 0,
        updated_time_ms=found.updated_at or 0,
        attempts=found.recovery_attempts or 0,
        argument=str(arguments[0]) if arguments else "",
        readable=version == workflows.CONTRACT or version in workflows.PREDECESSORS,
        resumed=version == workflows.CONTRACT and found.status != DEAD,
        dead=found.status == DEAD,
    )


def steps_of(workflow_id: str) -> list[StepRecord]:
    """Returns the completed steps of a workflow, in order."""
    return [
        StepRecord(
            number=step["function_id"],
            name=step["function_name"],
            started_time_ms=step["started_at_epoch_ms"] or 0,
            duration_ms=(step["completed_at_epoch_ms"] or 0) - (step["started_at_epoch_ms"] or 0),
            outcome=f"error: {step['error']}" if step["error"] is not None else str(step["output"]),
        )
        for step in DBOS.list_workflow_steps(workflow_id)
    ]
