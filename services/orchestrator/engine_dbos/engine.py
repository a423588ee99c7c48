"""The workflow engine on DBOS. Statements about DBOS hold for version 3.4.

DBOS re-enqueues the unfinished workflows of our contract as soon as it is launched. Their steps wait until the symbol's
startup sequence has raised the fence and settled the requests in flight; then they find their plans committed. So a
restart does not wait for DBOS's queue, and plans whose workflow DBOS does not resume are settled too.
"""

import contextlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID

from gridcore.model.events import OrdersUpdated
from gridservice.crash_point import around
from orchestrator.engine import StepRecord, WorkflowRecord
from orchestrator.engine_dbos import records, workflows
from orchestrator.engine_dbos.database import WorkflowDatabase, open_workflow_database, sqlite_path
from orchestrator.engine_dbos.launch import launch, shut_down
from orchestrator.engine_dbos.records import DEAD, UNFINISHED, listed
from orchestrator.symbol.procedures import EnterSafeModeRequest, ExitSafeModeRequest, Procedure
from orchestrator.symbol.running_step import RunningStep
from orchestrator.symbol.step_runner import StepRunner


class DbosEngine:
    """Implements WorkflowEngine. DBOS is global: one of these at a time in a process."""

    def __init__(self, database: WorkflowDatabase) -> None:
        self._database = database
        self._runner: StepRunner | None = None

    @property
    def contract(self) -> str:
        """The contract of `workflows`."""
        return workflows.CONTRACT

    @property
    def away(self) -> str:
        """Why the database is unavailable; empty while it is available."""
        return self._database.away

    def ping(self) -> None:
        """Checks the database. Raises DatabaseError."""
        self._database.ping()

    def stop_waiting(self) -> None:
        """Makes outages raise at once."""
        self._database.stop_waiting()

    def launch(self, runner: StepRunner) -> None:
        """Binds the steps and launches DBOS on the database."""
        self._runner = runner
        workflows.bind(runner)
        launch(self._database)

    def shut_down(self) -> None:
        """Stops DBOS's threads. Running workflows stay PENDING."""
        shut_down()
        workflows.bind(None)

    def run_plan(self, step: RunningStep) -> None:
        """Runs trading_step or on_order_update on this thread. DBOS returns the recorded result of an id it knows."""
        assert self._runner is not None, "launch comes first"
        of_updates = isinstance(step.plan.trigger, OrdersUpdated)
        workflow = workflows.on_order_update if of_updates else workflows.trading_step
        with around("orchestrator.run"), SetWorkflowID(step.plan.request_id), self._runner.running(step):
            workflow(step.text)

    def start(self, procedure: Procedure) -> None:
        """Records the procedure's workflow and starts it in the background."""
        match procedure:
            case EnterSafeModeRequest():
                with around("orchestrator.halt"), SetWorkflowID(procedure.workflow_id):
                    DBOS.start_workflow(workflows.enter_safe_mode, procedure.to_json())
            case ExitSafeModeRequest():
                with around("orchestrator.lift"), SetWorkflowID(procedure.workflow_id):
                    DBOS.start_workflow(workflows.exit_safe_mode, procedure.to_json())

    def unfinished(self) -> list[WorkflowRecord]:
        """Returns every workflow without an outcome, of any version, including dead-lettered ones."""
        return list(listed(status=[*UNFINISHED, DEAD]))

    def any_unfinished(self, workflow_ids: Iterable[str]) -> bool:
        """Whether DBOS runs at least one of them, or will."""
        return any(record.status in UNFINISHED for record in listed(workflow_ids=list(workflow_ids)))

    def newest_first(self, *, status: str = "", id_prefix: str = "") -> Iterator[WorkflowRecord]:
        """Yields workflows by creation time, newest first, and reads them page by page."""
        return listed(status=[status] if status else None, workflow_id_prefix=id_prefix or None)

    def find(self, workflow_id: str) -> WorkflowRecord | None:
        """Returns one workflow by its id, or None."""
        return next(listed(workflow_ids=[workflow_id]), None)

    def steps_of(self, workflow_id: str) -> list[StepRecord]:
        """Returns the completed steps of a workflow, in order."""
        return records.steps_of(workflow_id)

    def cancel(self, workflow_ids: Iterable[str]) -> None:
        """Cancels workflows, so that they are never resumed."""
        with around("orchestrator.hand_over"):
            for workflow_id in workflow_ids:
                DBOS.cancel_workflow(workflow_id)

    def prune(self, before_ms: int) -> int:
        """Deletes workflows that ended before, page by page; returns how many."""
        before = datetime.fromtimestamp(before_ms / 1000, UTC).isoformat()
        gone = 0
        while old := _finished(before):
            with around("orchestrator.prune_workflows"):
                DBOS.delete_workflows(old)
            gone += len(old)
        return gone


@contextlib.contextmanager
def open_dbos_engine(data_dir: Path, url: sa.URL | None) -> Iterator[DbosEngine]:
    """Opens the workflow database: a SQLite file in `data_dir`, or Postgres if a URL is given."""
    with open_workflow_database(sqlite_path(data_dir) if url is None else url) as database:
        yield DbosEngine(database)


def _finished(before: str) -> list[str]:
    page = DBOS.list_workflows(completed_before=before, load_input=False, load_output=False, limit=records.PAGE)
    return [found.workflow_id for found in page if found.status not in {*UNFINISHED, DEAD}]
