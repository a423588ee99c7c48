"""`gridwright cancel-workflow`: cancels a workflow that blocks startup. The orchestrator must be stopped.

Nothing is lost: the next startup settles what was sent from the executor's ledger. The caller holds the lease.
"""

import sqlalchemy as sa
from dbos import DBOSClient, DBOSPortableJSONSerializer

from orchestrator.admin.inventory import Workflows
from orchestrator.engine import WorkflowRecord
from orchestrator.engine_dbos.records import DEAD, UNFINISHED, record_of
from orchestrator.engine_dbos.sqlite import dbos_engine
from orchestrator.symbol.procedures import ENTER_SAFE_MODE, EXIT_SAFE_MODE

_BY_LEDGER = "the next startup settles what was sent of it from the executor's ledger"
_AFTER = {
    ENTER_SAFE_MODE: "the grid was not halted by it: `gridwright safe-mode on` does that once the orchestrator runs",
    EXIT_SAFE_MODE: "the grid stays in safe mode until `gridwright safe-mode off`",
}


class NotCancelledError(Exception):
    """The workflow cannot be cancelled; the message says why."""


def cancel_workflow(workflows: Workflows, workflow_id: str) -> str:
    """Cancels the workflow; returns a sentence on the effect. Raises NotCancelledError if it is unknown or ended."""
    if not workflows.there:
        raise NotCancelledError(f"{workflow_id}: there are no workflows in {workflows.where}")
    with dbos_engine(sa.make_url(workflows.url)) as engine:
        client = DBOSClient(
            system_database_url=workflows.url,
            system_database_engine=engine,
            serializer=DBOSPortableJSONSerializer(),
        )
        try:
            record = _cancel(client, workflows, workflow_id)
        finally:
            client.destroy()
    return f"{workflow_id} is cancelled: {_AFTER.get(record.name, _BY_LEDGER)}"


def _cancel(client: DBOSClient, workflows: Workflows, workflow_id: str) -> WorkflowRecord:
    found = client.list_workflows(workflow_ids=[workflow_id], load_output=False)
    if not found:
        raise NotCancelledError(f"{workflow_id}: there is no such workflow in {workflows.where}")
    record = record_of(found[0])
    if record.status not in {*UNFINISHED, DEAD}:
        raise NotCancelledError(f"{workflow_id} has ended ({record.status}): there is nothing to cancel")
    client.cancel_workflow(workflow_id)
    return record
