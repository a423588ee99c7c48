"""Workflows that nobody would ever finish: DBOS leaves them lying without a word, so the start refuses to go on."""

from collections.abc import Iterable

from orchestrator.dbos_runtime import DEAD, WorkflowRecord
from orchestrator.errors import UnfinishableError
from orchestrator.workflows import CONTRACT


def refuse_stranded(unfinished: Iterable[WorkflowRecord], symbols: set[str]) -> None:
    """Raises UnfinishableError, naming the workflows that are of another contract, dead, or of an unknown symbol."""
    reasons = [
        f"{record.workflow_id} ({record.name}) {reason}"
        for record in unfinished
        if (reason := _why_stranded(record, symbols))
    ]
    if reasons:
        raise UnfinishableError(f"unfinished workflows: {'; '.join(reasons)}")


def _why_stranded(record: WorkflowRecord, symbols: set[str]) -> str:
    if record.status == DEAD:
        return (
            "was resumed too often and given up: cancel it (dbos workflow cancel), and the next start settles it from "
            "the ledger"
        )
    if record.version != CONTRACT:
        return (
            f"is of contract {record.version}, this version keeps {CONTRACT}: start the version that made it and let "
            "it finish, or cancel it (dbos workflow cancel), and the next start settles it from the ledger"
        )
    if record.symbol not in symbols:
        return f"is about {record.symbol}, which the config lacks: add its [[grids]] until it is done"
    return ""
