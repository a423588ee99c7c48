"""DBOS as we use it: its settings, its start and stop, and what its tables tell about workflows, as plain values.

All calls block, and none may be made on the asyncio loop. Facts about DBOS are those of version 3.4.
"""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer, SetWorkflowID, WorkflowStatus
from sqlalchemy.exc import OperationalError

from griddb.errors import SchemaError
from gridservice.crash_point import around
from orchestrator.engine_dbos import workflows
from orchestrator.engine_dbos.database import WorkflowDatabase, read
from orchestrator.engine_dbos.retry_pauses import shorten_pauses
from orchestrator.engine_dbos.schema import DbosSchema
from orchestrator.errors import UnfinishableError

# One orchestrator per database: DBOS recovers only what the same executor id left behind.
_EXECUTOR_ID = "orchestrator"
_PAGE = 100
UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
DEAD = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
STEP_WORKFLOWS = ("trading_step", "on_order_update")
HALT, LIFT = "enter_safe_mode", "exit_safe_mode"


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One workflow as DBOS has it. `argument` is its input: a plan or a request, as JSON."""

    workflow_id: str
    name: str
    status: str
    version: str
    created_time_ms: int
    updated_time_ms: int
    attempts: int
    argument: str

    @property
    def symbol(self) -> str:
        """What it is about; plans and requests both say. Empty where the input is none that this version can read."""
        try:
            return str(json.loads(self.argument)["symbol"])
        except (ValueError, LookupError, TypeError):
            return ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a workflow that has an outcome."""

    number: int
    name: str
    started_time_ms: int
    duration_ms: int
    outcome: str


def launch(database: WorkflowDatabase) -> None:
    """Starts DBOS on the database; on a server its tables are in a schema of their own.

    It re-enqueues the PENDING workflows of our contract at once: bind the steps before. An outage is waited for. Raises
    UnfinishableError for tables of a newer version, and for those of an older one that hold a workflow.
    """
    _check_tables(database)
    url = database.engine.url
    config: DBOSConfig = {
        "name": "gridwright",
        "system_database_url": url.render_as_string(hide_password=False),
        "system_database_engine": database.engine,
        "application_version": workflows.CONTRACT,
        "executor_id": _EXECUTOR_ID,
        "serializer": DBOSPortableJSONSerializer(),
        "log_level": "WARNING",
        "enable_otlp": False,
        # We use no notifications; the listener's pause between two empty looks only makes a stop take that long.
        "notification_listener_polling_interval_sec": 0.1,
    }
    # With a handler of its own in place DBOS adds none: its lines come out as ours do.
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    logging.getLogger("dbos").addFilter(_tells_no_outage)
    shorten_pauses()
    database.unbroken(lambda: _begin(config))


def _check_tables(database: WorkflowDatabase) -> None:
    schema, where, dialect = DbosSchema(), "the workflows' database", database.engine.dialect.name
    version, in_use = read(database, lambda connection: (schema.version(connection), schema.has_workflows(connection)))
    try:
        schema.refuse_newer(version, where, dialect)
        if in_use:
            schema.check(version, where, dialect)
    except SchemaError as error:
        raise UnfinishableError(str(error)) from error


def _begin(config: DBOSConfig) -> None:
    """DBOS tries its statements again after an outage, but for those that look after its tables and its version."""
    DBOS(config=config)
    try:
        with around("orchestrator.launch"):
            DBOS.launch()
    except OperationalError:
        DBOS.destroy()  # what has failed to launch is launched no more
        raise


def sqlite_path(data_dir: Path) -> Path:
    """Where the workflows are without a database."""
    return data_dir / "dbos.sqlite"


def shut_down() -> None:
    """Stops DBOS's threads and closes its database. Running workflows stay PENDING."""
    DBOS.destroy()


def run_plan(workflow_name: str, workflow_id: str, plan: str) -> None:
    """Runs a workflow of a plan on this thread, to its end."""
    workflow = {"trading_step": workflows.trading_step, "on_order_update": workflows.on_order_update}[workflow_name]
    with around("orchestrator.run"), SetWorkflowID(workflow_id):
        workflow(plan)


def start_enter_safe_mode(workflow_id: str, request: str) -> None:
    """Puts the workflow on record and lets it run; an id that exists starts nothing."""
    with around("orchestrator.halt"), SetWorkflowID(workflow_id):
        DBOS.start_workflow(workflows.enter_safe_mode, request)


def start_exit_safe_mode(workflow_id: str, request: str) -> None:
    """The same for the way out."""
    with around("orchestrator.lift"), SetWorkflowID(workflow_id):
        DBOS.start_workflow(workflows.exit_safe_mode, request)


def cancel(workflow_ids: Iterable[str]) -> None:
    """Lets nobody resume them any more."""
    with around("orchestrator.hand_over"):
        for workflow_id in workflow_ids:
            DBOS.cancel_workflow(workflow_id)


def unfinished() -> list[WorkflowRecord]:
    """Every workflow that has no outcome, dead-lettered ones included, whatever its version."""
    return list(_listed(status=[*UNFINISHED, DEAD]))


def newest_first(*, names: tuple[str, ...] = (), status: str = "", id_prefix: str = "") -> Iterator[WorkflowRecord]:
    """Workflows by their creation, page by page."""
    return _listed(name=list(names) or None, status=[status] if status else None, workflow_id_prefix=id_prefix or None)


def find(workflow_id: str) -> WorkflowRecord | None:
    """One workflow by its id."""
    return next(_listed(workflow_ids=[workflow_id]), None)


def any_unfinished(workflow_ids: Iterable[str]) -> bool:
    """Whether one of them has no outcome yet and will be run to one."""
    return any(record.status in UNFINISHED for record in _listed(workflow_ids=list(workflow_ids)))


def steps_of(workflow_id: str) -> list[StepRecord]:
    """The workflow's steps that have an outcome, in order."""
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


def delete_finished(before_ms: int) -> int:
    """Deletes workflows that ended before; returns how many. Unfinished ones always stay."""
    before = datetime.fromtimestamp(before_ms / 1000, UTC).isoformat()
    old = [
        status.workflow_id
        for status in DBOS.list_workflows(completed_before=before, load_input=False, load_output=False, limit=_PAGE)
        if status.status not in {*UNFINISHED, DEAD}
    ]
    if old:
        with around("orchestrator.prune_workflows"):
            DBOS.delete_workflows(old)
    return len(old)


def _listed(
    *,
    workflow_ids: list[str] | None = None,
    name: list[str] | None = None,
    status: list[str] | None = None,
    workflow_id_prefix: str | None = None,
) -> Iterator[WorkflowRecord]:
    offset = 0
    while True:
        page = DBOS.list_workflows(
            workflow_ids=workflow_ids,
            name=name,
            status=status,
            workflow_id_prefix=workflow_id_prefix,
            sort_desc=True,
            limit=_PAGE,
            offset=offset,
            load_output=False,
        )
        yield from map(record_of, page)
        if len(page) < _PAGE:
            return
        offset += _PAGE


def record_of(found: WorkflowStatus) -> WorkflowRecord:
    """What DBOS tells of a workflow, as a value."""
    arguments = found.input["args"] if found.input else ()
    return WorkflowRecord(
        workflow_id=found.workflow_id,
        name=found.name,
        status=found.status,
        version=found.app_version or "",
        created_time_ms=found.created_at or 0,
        updated_time_ms=found.updated_at or 0,
        attempts=found.recovery_attempts or 0,
        argument=str(arguments[0]) if arguments else "",
    )


def _tells_no_outage(record: logging.LogRecord) -> bool:
    """Threads of DBOS tell each second, with tracebacks, that the database is away; the store has said it once."""
    text = record.getMessage()
    outage = record.exc_info is not None and isinstance(record.exc_info[1], OperationalError)
    return not outage and "OperationalError" not in text and "Notification listener error" not in text
