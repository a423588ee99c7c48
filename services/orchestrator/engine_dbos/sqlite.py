"""SQLite engines for DBOS: connections on which `unixepoch('subsec')` works, whatever the version of SQLite.

From Python 3.12 on DBOS writes its times with that expression, in DEFAULTs and in statements, and SQLite below 3.42
returns NULL for it. There each connection gets a function of that name and our own. The function depends on the version
of SQLite alone: a file that was created under Python 3.12 has the DEFAULTs when 3.11 opens it.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy import event

_HAS_SUBSEC = (3, 42, 0)
_BUSY_MS = 5_000  # longer than a store's: the workflows of all symbols share this file


def create_dbos_engine(url: sa.URL) -> sa.Engine:
    """Creates an engine for a SQLite file; its connections are set up as DBOS sets up its own."""
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _set_up)
    return engine


@contextmanager
def dbos_engine(url: sa.URL) -> Iterator[sa.Engine | None]:
    """Yields an engine for a DBOS tool; None for Postgres, where DBOS's own engine is used."""
    if url.get_backend_name() != "sqlite":
        yield None
        return
    engine = create_dbos_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def supply_unixepoch(connection: sqlite3.Connection) -> None:
    """Creates `unixepoch(modifier)` on a connection of a SQLite that does not know 'subsec'; does nothing elsewhere."""
    if sqlite3.sqlite_version_info >= _HAS_SUBSEC:
        return
    # Not deterministic: its value is the time. DEFAULTs do not ask for that, only indexes and CHECKs do.
    connection.create_function("unixepoch", 1, _unixepoch)
    # Where SQLite was built not to trust schemas, a DEFAULT may not call a function of the application.
    connection.execute("PRAGMA trusted_schema=ON")


def _unixepoch(modifier: object) -> float:
    """Seconds since 1970 as SQLite 3.42 returns them: a float of whole milliseconds.

    Raises ValueError for anything but 'subsec', which makes the statement fail: NULL would be a silent wrong answer.
    """
    if not isinstance(modifier, str) or modifier.lower() not in {"subsec", "subsecond"}:
        raise ValueError(f"unixepoch({modifier!r}): only 'subsec' is known here")
    return time.time_ns() // 1_000_000 / 1000


def _set_up(connection: sqlite3.Connection, _record: object) -> None:
    supply_unixepoch(connection)
    connection.isolation_level = "IMMEDIATE"
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    connection.execute("PRAGMA foreign_keys=ON")
