"""How long DBOS pauses before it does a broken transaction again: as short as we do.

By itself it waits a second and twice as long each further time, up to a minute and a half. Its engine waits for a
database that is away (`workflow_database`), so it is told of an outage only when that is over; but where the database
comes and goes, each transaction that breaks doubles the next pause, and a step slept for half a minute beside a
database that was well again. DBOS has no setting for it: the bounds are defaults of its decorator `db_retry`, and
closed over by each method that is decorated. Facts about DBOS are those of version 3.4.
"""

from collections.abc import Callable, Iterator
from types import CellType
from typing import Any

from dbos import _sys_db, _sys_db_postgres, _sys_db_sqlite

from griddb.pauses import FIRST_SECONDS, LONGEST_SECONDS

_BOUNDS = {"initial_backoff": FIRST_SECONDS, "max_backoff": LONGEST_SECONDS}


def shorten_pauses() -> None:
    """Bounds the pauses of all that DBOS tries again, in this process. It may be repeated."""
    _sys_db.db_retry.__defaults__ = tuple(_BOUNDS.values())  # of what is decorated in the middle of a method
    for method in retried_methods():
        for name, seconds in _BOUNDS.items():
            bound_of(method, name).cell_contents = seconds


def retried_methods() -> Iterator[Callable[..., Any]]:
    """The methods of DBOS's databases that are tried again."""
    for kind in (
        _sys_db.SystemDatabase,
        _sys_db_postgres.PostgresSystemDatabase,
        _sys_db_sqlite.SQLiteSystemDatabase,
    ):
        for method in vars(kind).values():
            if set(_BOUNDS) <= set(getattr(getattr(method, "__code__", None), "co_freevars", ())):
                yield method


def bound_of(method: Callable[..., Any], name: str) -> CellType:
    """Where a retried method has its `initial_backoff` or `max_backoff`, in seconds before jitter."""
    code = method.__code__
    cell: CellType = method.__closure__[code.co_freevars.index(name)]  # type: ignore[index]
    return cell
