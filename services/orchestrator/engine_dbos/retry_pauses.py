"""Shortens the pauses before DBOS retries a broken transaction to those that we use ourselves.

By itself DBOS waits one second and doubles the pause each time, up to a minute and a half. Its engine waits out an
outage (`engine_dbos.database`), so DBOS gets the error only when the outage is over. But with a database that fails
repeatedly each broken transaction doubles the next pause, and a step slept for half a minute while the database was
available. DBOS has no setting for this. The bounds are defaults of its decorator `db_retry`, and each decorated method
closes over them. Statements about DBOS hold for version 3.4.
"""

from collections.abc import Callable, Iterator
from types import CellType
from typing import Any

from dbos import _sys_db, _sys_db_postgres, _sys_db_sqlite

from gridservice.backoff import FIRST_SECONDS, LONGEST_SECONDS

_BOUNDS = {"initial_backoff": FIRST_SECONDS, "max_backoff": LONGEST_SECONDS}


def shorten_pauses() -> None:
    """Bounds the pauses of all DBOS retries in this process. Idempotent."""
    _sys_db.db_retry.__defaults__ = tuple(_BOUNDS.values())  # for functions that are decorated inside a method
    for method in retried_methods():
        for name, seconds in _BOUNDS.items():
            bound_of(method, name).cell_contents = seconds


def retried_methods() -> Iterator[Callable[..., Any]]:
    """Yields the methods of DBOS's database classes that have the retry decorator."""
    for kind in (
        _sys_db.SystemDatabase,
        _sys_db_postgres.PostgresSystemDatabase,
        _sys_db_sqlite.SQLiteSystemDatabase,
    ):
        for method in vars(kind).values():
            if set(_BOUNDS) <= set(getattr(getattr(method, "__code__", None), "co_freevars", ())):
                yield method


def bound_of(method: Callable[..., Any], name: str) -> CellType:
    """Returns the closure cell of a method's `initial_backoff` or `max_backoff`, in seconds before jitter."""
    code = method.__code__
    cell: CellType = method.__closure__[code.co_freevars.index(name)]  # type: ignore[index]
    return cell
