"""Wraps DBOS: settings, launch and shutdown, and queries that return workflows as plain values.

All calls block and must not be made on the asyncio loop. Statements about DBOS hold for version 3.4.
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

# Constant, as there is one orchestrator per database: DBOS recovers only workflows of the same executor id.
_EXECUTOR_ID = "orchestrator"
_PAGE = 100
UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
DEAD = "MAX_RECOVERY_ATTEMPTS_EXCEEDED"
STEP_WORKFLOWS = ("trading_step", "on_order_update")
HALT, LIFT = "enter_safe_mode", "exit_safe_mode"


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """One workflow as DBOS has recorded it. `argument` is its input: a plan or a request, as JSON."""

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
        """The symbol in its input, a plan or a request. Empty if this version cannot parse the input."""
        try:
            return str(json.loads(self.argument)["symbol"])
        except (ValueError, LookupError, TypeError):
            return ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One completed step of a workflow."""

    number: int
    name: str
    started_time_ms: int
    duration_ms: int
    outcome: str


def launch(database: WorkflowDatabase) -> None:
    """Launches DBOS on the database; on Postgres its tables are in a schema of their own.

    DBOS re-enqueues the PENDING workflows of our contract at once, so the steps must be bound before. Waits during an
    outage. Raises UnfinishableError for tables of a newer version, and of an older one if they hold a workflow.
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
        # We use no notifications; a shutdown waits for the listener's polling interval.
        "notification_listener_polling_interval_sec": 0.1,
    }
    # DBOS adds no handler if its logger has one, so its lines are formatted as ours are.
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
    """Launches once. DBOS does not retry the statements that check its tables and its version after an outage."""
    DBOS(config=config)
    try:
        with around("orchestrator.launch"):
            DBOS.launch()
    except OperationalError:
        DBOS.destroy()  # an instance that failed to launch cannot be launched again
        raise


def sqlite_path(data_dir: Path) -> Path:
    """Returns the path of the SQLite file of the workflows."""
    return data_dir / "dbos.sqlite"


def shut_down() -> None:
    """Stops DBOS's threads and closes its database. Running workflows stay PENDING."""
    DBOS.destroy()


def run_plan(workflow_name: str, workflow_id: str, plan: str) -> None:
    """Runs the workflow of a plan to its end on this thread."""
    workflow = {"trading_step": workflows.trading_step, "on_order_update": workflows.on_order_update}[workflow_name]
    with around("orchestrator.run"), SetWorkflowID(workflow_id):
        workflow(plan)


def start_enter_safe_mode(workflow_id: str, request: str) -> None:
    """Records enter_safe_mode and starts it in the background. Does nothing for an id that exists."""
    with around("orchestrator.halt"), SetWorkflowID(workflow_id):
        DBOS.start_workflow(workflows.enter_safe_mode, request)


def start_exit_safe_mode(workflow_id: str, request: str) -> None:
    """Records exit_safe_mode and starts it in the background. Does nothing for an id that exists."""
    with around("orchestrator.lift"), SetWorkflowID(workflow_id):
        DBOS.start_workflow(workflows.exit_safe_mode, request)


def cancel(workflow_ids: Iterable[str]) -> None:
    """Cancels workflows, so that they are never resumed."""
    with around("orchestrator.hand_over"):
        for workflow_id in workflow_ids:
            DBOS.cancel_workflow(workflow_id)


def unfinished() -> list[WorkflowRecord]:
    """Returns every workflow without an outcome, of any version, including dead-lettered ones."""
    return list(_listed(status=[*UNFINISHED, DEAD]))


def newest_first(*, names: tuple[str, ...] = (), status: str = "", id_prefix: str = "") -> Iterator[WorkflowRecord]:
    """Yields workflows by creation time, newest first, and reads them page by page."""
    return _listed(name=list(names) or None, status=[status] if status else None, workflow_id_prefix=id_prefix or None)


def find(workflow_id: str) -> WorkflowRecord | None:
    """Returns one workflow by its id, or None."""
    return next(_listed(workflow_ids=[workflow_id]), None)


def any_unfinished(workflow_ids: Iterable[str]) -> bool:
    """Whether at least one of them has no outcome yet and will be run to one."""
    return any(record.status in UNFINISHED for record in _listed(workflow_ids=list(workflow_ids)))


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


def delete_finished(before_ms: int) -> int:
    """Deletes up to 100 workflows that ended before; returns how many. Unfinished ones are never deleted."""
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
    """Converts DBOS's status of a workflow to a value."""
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
    """Log filter: drops DBOS's messages about an outage. Its threads repeat them every second, the store logs one."""
    text = record.getMessage()
    outage = record.exc_info is not None and isinstance(record.exc_info[1], OperationalError)
    return not outage and "OperationalError" not in text and "Notification listener error" not in text
