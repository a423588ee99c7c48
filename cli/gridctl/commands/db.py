"""`gridwright db`: shows the services' databases and their schema versions, and migrates them after a backup.

Also `gridwright cancel-workflow`, for workflows that an upgrade may leave behind. Like an operator, this module works
beside the services, so it may import them. No other part of the command line may, except `conformance`.
"""

import contextlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from executor.admin.inventory import holding as executor_holding
from griddb.first_connection import until_reachable
from griddb.inventory import DatabaseStatus, ServiceDatabases
from gridservice.config_file import read_toml
from orchestrator.admin.cancel_workflow import NotCancelledError, cancel_workflow
from orchestrator.admin.inventory import holding as orchestrator_holding
from orchestrator.admin.inventory import workflows

_REACH_SECONDS = 5.0


def holdings(config: Path) -> list[ServiceDatabases]:
    """Lists the services' databases of a config. Raises ConfigError, UnreachableError if a server does not answer."""
    root = read_toml(config)
    found = [orchestrator_holding(root, os.environ), executor_holding(root, os.environ)]
    for url in {unit.url for one in found for unit in one.units if unit.backups is not None}:
        until_reachable(url, _REACH_SECONDS)
    return found


def show_status(found: Sequence[ServiceDatabases], console: Console) -> int:
    """Prints one line per file or schema. Returns 0 if all have the newest version or do not exist yet, else 1."""
    table = Grid(box=None, header_style="dim", pad_edge=False)
    for column in ("kept", "engine", "version", "newest", "rows", "size", "lease"):
        table.add_column(column, justify="right" if column in {"rows", "size"} else "left")
    in_order = True
    for one in found:
        holder = one.holder()
        for unit in one.units:
            status = unit.status()
            in_order = in_order and status.version in {"", status.newest}
            table.add_row(unit.title, unit.engine, _version(status), status.newest, *_extent(status), holder or "free")
    console.print(table)
    for one in found:
        for unit in one.units:
            console.print(f"{unit.title}: {unit.where}", soft_wrap=True, markup=False, highlight=False)
    return 0 if in_order else 1


def upgrade_all(found: Sequence[ServiceDatabases], console: Console) -> int:
    """Backs up and migrates outdated databases, each under its service's lease. Raises LeaseLostError, SchemaError."""
    for one in found:
        with one.lease():
            for unit in one.units:
                before = unit.status()
                backup = unit.upgrade()
                if backup is None:
                    line = (
                        f"{unit.title}: {f'at {before.version}' if before.version else 'not there yet'}, nothing to do"
                    )
                else:
                    line = f"{unit.title}: {before.version} → {before.newest}, backup in {backup}"
                console.print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def begin_anew(found: Sequence[ServiceDatabases], console: Console, *, confirmed: bool) -> int:
    """Moves all databases of the services aside, so that the next startup begins empty. Deletes nothing.

    Returns 1 if it was not confirmed and nothing was done. After a crash, a second run moves aside what is left.
    Raises LeaseLostError.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d_%H%M%S")
    with contextlib.ExitStack() as leases:
        for one in found:
            leases.enter_context(one.lease())
        for unit in (unit for one in found for unit in one.units):
            if not unit.status().version:
                line = f"{unit.title}: not there, nothing to put aside"
            elif confirmed:
                line = f"{unit.title}: {unit.where} → {unit.set_aside(stamp)}"
            else:
                line = f"{unit.title}: {unit.where} would be put aside"
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    if not confirmed:
        warning = "nothing was done: the grids' positions and profits, and orders that still rest, would be forgotten"
        console.print(f"{warning}; repeat the command with --yes", soft_wrap=True, markup=False, highlight=False)
    return 0 if confirmed else 1


def cancel_workflows(config: Path, workflow_ids: Sequence[str], console: Console) -> int:
    """Cancels workflows that block startup. Returns 0 if all were cancelled, else 1. Raises LeaseLostError."""
    root = read_toml(config)
    holding, where = orchestrator_holding(root, os.environ), workflows(root, os.environ)
    code = 0
    with holding.lease():
        for workflow_id in workflow_ids:
            try:
                line = cancel_workflow(where, workflow_id)
            except NotCancelledError as error:
                line, code = str(error), 1
            console.print(line, soft_wrap=True, markup=False, highlight=False)
    return code


def _version(status: DatabaseStatus) -> Text:
    if not status.version:
        return Text("not there yet", style="dim")
    return Text(status.version, style="green" if status.version == status.newest else "bold red")


def _extent(status: DatabaseStatus) -> tuple[str, str]:
    return (str(status.rows), f"{status.size_bytes / 1024:.0f} kB") if status.version else ("–", "–")
