"""Opens a ledger on SQLite or Postgres: lease, tables, birth record. One executor per account's ledger (P7)."""

import contextlib
import fcntl
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection as SqliteConnection
from typing import Any, Protocol

import sqlalchemy as sa
from psycopg import Connection as PsycopgConnection
from sqlalchemy import event

from executor.ledger.schema import meta
from executor.ledger.writer import Transactions, Writer
from griddb.errors import LeaseLostError
from griddb.migrations import Schema
from griddb.postgres_session import Session, lock_key
from griddb.sqlite_file import BUSY_MS, RetryingFile
from gridservice.crash_point import around

SCHEMA = Schema("executor", "executor:migrations")
LOCK_KEY = lock_key("executor")  # the advisory lock that guards the ledger of a database
_LEASE_SENTENCE = "another executor holds this account's ledger: stop it first, or give this one a ledger of its own"


class Guard(Protocol):
    """Availability of the database, for the health service."""

    @property
    def away(self) -> str:
        """Why the database cannot be used; empty while it can."""
        ...

    def ping(self) -> None:
        """Checks the connection. Raises LeaseLostError if another executor has taken the ledger."""
        ...

    def stop_waiting(self) -> None:
        """Makes waits for an unreachable database fail from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Ledger:
    """An open ledger. `writer` runs the functions of the sibling modules; `birth_id` identifies this ledger."""

    writer: Writer
    birth_id: str
    born_ms: int
    guard: Guard


def sqlite_url(data_dir: Path) -> str:
    """Returns the URL of the ledger file in a data folder. Creates the folder."""
    data_dir.mkdir(parents=True, exist_ok=True)
    return sa.URL.create("sqlite", database=str(ledger_file(data_dir))).render_as_string()


def ledger_file(data_dir: Path) -> Path:
    """Returns the path of a SQLite ledger."""
    return data_dir / "ledger.sqlite"


def lock_file(path: Path) -> Path:
    """Returns the path of the lock file of a ledger file."""
    return Path(f"{path}.lock")


@contextlib.contextmanager
def open_ledger(url: str, now_ms: int) -> Iterator[Ledger]:
    """Takes the lease, creates the tables in an empty database and the birth record in an empty ledger.

    Raises LeaseLostError if another executor holds the ledger, SchemaError if its tables have another version,
    DamagedError for a file that cannot be read.
    """
    where = sa.make_url(url)
    opened = _open_file(where) if where.drivername == "sqlite" else _open_database(where)
    with opened as (transactions, guard), contextlib.ExitStack() as stack:
        holder = uuid.uuid4().hex
        with around("executor.birth"):
            birth_id, born_ms = transactions(lambda connection: _birth(connection, holder, now_ms))
        if isinstance(guard, Session):
            guard.verify_by(lambda connection: _refuse_if_taken(connection, holder))
        if isinstance(guard, RetryingFile):
            guard.move_in()
        writer = Writer(transactions)
        stack.callback(writer.close)
        stack.callback(guard.stop_waiting)
        yield Ledger(writer, birth_id, born_ms, guard)


@contextlib.contextmanager
def _open_file(url: sa.URL) -> Iterator[tuple[Transactions, Guard]]:
    assert url.database is not None
    engine = sa.create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _on_sqlite_connect)
    event.listen(engine, "begin", _begin_immediate)

    file = RetryingFile(Path(url.database))

    def once(work: Callable[[sa.Connection], Any]) -> Any:
        with engine.begin() as connection:
            return work(connection)

    def run(work: Callable[[sa.Connection], Any]) -> Any:
        return file.run(lambda: once(work))

    with contextlib.ExitStack() as stack:
        stack.callback(engine.dispose)
        lock = stack.enter_context(lock_file(file.path).open("w"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise LeaseLostError(_LEASE_SENTENCE) from error
        file.open(lambda: _prepare(once, f"the ledger {url.database}"))
        yield run, file


@contextlib.contextmanager
def _open_database(url: sa.URL) -> Iterator[tuple[Transactions, Guard]]:
    session = Session(url, SCHEMA.name, "executor")
    try:
        session.hold(LOCK_KEY, lambda: LeaseLostError(_LEASE_SENTENCE))
        _prepare(session.run, f"the ledger in {session.shown}")
        yield session.run, session
    finally:
        session.close()


def _prepare(transactions: Transactions, where: str) -> None:
    with around("executor.schema"):
        transactions(lambda connection: SCHEMA.prepare(connection, where))


def _on_sqlite_connect(connection: SqliteConnection, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy begins transactions, not the driver: savepoints need it
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", f"busy_timeout = {BUSY_MS}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _birth(connection: sa.Connection, holder: str, now_ms: int) -> tuple[str, int]:
    row = connection.execute(sa.select(meta)).first()
    if row is not None:
        connection.execute(sa.update(meta).values(holder=holder))
        return row.birth_id, row.born_ms
    birth_id = uuid.uuid4().hex
    connection.execute(sa.insert(meta).values(id=1, birth_id=birth_id, born_ms=now_ms, holder=holder))
    return birth_id, now_ms


def _refuse_if_taken(connection: PsycopgConnection[Any], holder: str) -> None:
    """Checks that nobody else has written the ledger: this process caches parts of it."""
    row = connection.execute("SELECT holder FROM meta").fetchone()
    if row is None or row[0] != holder:
        raise LeaseLostError("another executor has had this account's ledger since: stop one of them")
