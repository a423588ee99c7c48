"""The `dbos` command, made able to write with any SQLite: `python -m gridtesting.live.dbos_command …`.

DBOS's own command opens its own connections, so with SQLite below 3.42 and Python 3.12 or newer it can only read.
"""

import sqlite3

import sqlalchemy as sa
from dbos.cli.cli import app
from sqlalchemy import event

from orchestrator.engine_dbos.sqlite import supply_unixepoch


def _supply(connection: object, _record: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        supply_unixepoch(connection)


if __name__ == "__main__":
    event.listen(sa.Engine, "connect", _supply)
    app()
