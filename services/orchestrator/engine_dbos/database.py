"""The workflow database for DBOS: an SQLAlchemy engine that waits out outages before DBOS sees the error.

By itself DBOS pauses up to a minute and a half before it retries a lost connection or a locked file (`retry_pauses`
shortens that). On a full disk it gives up, which would record an error as the workflow's outcome. A broken transaction
is rolled back before DBOS gets the error.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.errors import CannotConnectNow
from sqlalchemy import event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, OperationalError

from griddb.errors import DamagedError, DatabaseError
from griddb.postgres_session import first_line, is_damage, is_passing, open_engine
from griddb.sqlite_file import BUSY_MS, RetryingFile
from griddb.urls import shown
from gridservice.backoff import backoff_seconds
from orchestrator.engine_dbos.sqlite import create_dbos_engine

log = logging.getLogger(__name__)

T = TypeVar("T")

_CONNECTIONS = 20  # DBOS's own default
# DBOS's own default: how long a client that hangs may keep its locks.
_SET_UP = b"SET idle_in_transaction_session_timeout TO '60s'"
_PROBE = b"CREATE TEMP TABLE gridwright_probe ON COMMIT DROP AS SELECT repeat('x', 8000) AS filler"


class WorkflowDatabase(Protocol):
    """The database that DBOS uses."""

    @property
    def engine(self) -> sa.Engine:
        """The engine that DBOS takes its connections from."""
        ...

    @property
    def away(self) -> str:
        """Why it is unavailable; empty while it is available."""
        ...

    def unbroken(self, work: Callable[[], T]) -> T:
        """Returns the result of `work`; after an outage all of it is run again."""
        ...

    def ping(self) -> None:
        """Raises DatabaseError if the process must not continue with it."""
        ...

    def stop_waiting(self) -> None:
        """Makes outages raise in DBOS at once, instead of waiting."""
        ...


def sqlite_path(data_dir: Path) -> Path:
    """Returns the path of the SQLite file of the workflows."""
    return data_dir / "dbos.sqlite"


@contextmanager
def open_workflow_database(where: Path | sa.URL) -> Iterator[WorkflowDatabase]:
    """Opens a SQLite file or a Postgres server. Raises DatabaseError if a file cannot be used."""
    database = _WorkflowFile(where) if isinstance(where, Path) else _WorkflowServer(where)
    try:
        yield database
    finally:
        database.stop_waiting()
        event.listen(database.engine, "checkin", _close)  # a DBOS thread may still hold a connection
        database.engine.dispose()


def read(database: WorkflowDatabase, look: Callable[[sa.Connection], T]) -> T:
    """Returns the result of a query; waits during an outage."""

    def once() -> T:
        with database.engine.connect() as connection:
            return look(connection)

    return database.unbroken(once)


class _WorkflowFile:
    def __init__(self, path: Path) -> None:
        self._file = RetryingFile(path)
        self._damage: DatabaseError | None = None
        self._file.open(self._use_wal)
        self.engine = create_dbos_engine(sa.URL.create("sqlite", database=str(path)))
        event.listen(self.engine, "handle_error", self._wait)

    @property
    def away(self) -> str:
        return self._file.away

    def unbroken(self, work: Callable[[], T]) -> T:
        while True:
            try:
                return work()
            except OperationalError as error:
                if not isinstance(error.orig, _OverError):
                    raise

    def ping(self) -> None:
        if self._damage is not None:
            raise self._damage
        self._file.ping()

    def stop_waiting(self) -> None:
        self._file.stop_waiting()

    def _use_wal(self) -> None:
        # DBOS leaves SQLite in journal mode `delete`; WAL writes half the bytes. The mode is stored in the file.
        with self._connected() as connection:
            connection.execute("PRAGMA journal_mode=WAL")

    def _wait(self, context: ExceptionContext) -> Exception | None:
        """Waits until the file can be written again; returns an error that makes DBOS retry the whole transaction."""
        try:
            reason = self._file.why_passing(context.original_exception)
        except DamagedError as error:
            self._damage = error
            raise
        if reason is None:
            return None
        self._file.note_away(reason)
        _roll_back(context)
        for pause in backoff_seconds():
            if not self._file.wait(pause):
                return None
            if self._writable():
                break
        self._file.note_back()
        return OperationalError(None, None, _OverError(f"database is locked no longer ({reason})"))

    def _writable(self) -> bool:
        try:
            with self._connected() as connection:
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                connection.execute(f"PRAGMA user_version={version}")  # a page is written
        except sqlite3.Error:
            return False
        return True

    def _connected(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self._file.path, timeout=BUSY_MS / 1000))


class _OverError(sqlite3.OperationalError):
    """The outage is over: the transaction can be retried."""


class _WorkflowServer:
    def __init__(self, url: sa.URL) -> None:
        self._url = url
        self._away = ""
        self._damage: DamagedError | None = None
        self._closing = threading.Event()
        self.engine = open_engine(url, "public", "workflows", connections=_CONNECTIONS)
        event.listen(self.engine, "do_connect", self._connect)
        event.listen(self.engine, "connect", _set_up)
        event.listen(self.engine, "handle_error", self._wait)

    @property
    def away(self) -> str:
        return self._away

    def unbroken(self, work: Callable[[], T]) -> T:
        for pause in backoff_seconds():
            try:
                value = work()
            except OperationalError as error:  # a connection that breaks during its setup has no other sign
                self._note_broken(first_line(error))
                if self._closing.wait(pause):
                    raise
            else:
                self._away = ""
                return value
        raise AssertionError("the back-off never ends")

    def ping(self) -> None:
        """Raises a damage found earlier. Whether the server answers is checked by the stores' sessions."""
        if self._damage is not None:
            raise self._damage

    def stop_waiting(self) -> None:
        self._closing.set()

    def _note_broken(self, reason: str) -> None:
        if not self._away:
            log.warning(
                "the workflows in %s cannot be read yet (%s): retrying until they can", shown(self._url), reason
            )
        self._away = f"the workflows in {shown(self._url)} cannot be read yet ({reason})"

    def _connect(self, dialect: sa.Dialect, _record: object, words: list[str], names: dict[str, Any]) -> object:
        """Connects, with retries until it succeeds."""
        for pause in backoff_seconds():
            try:
                connection = dialect.connect(*words, **names)
            except psycopg.OperationalError as error:
                self._away = f"the database {shown(self._url)} does not answer ({first_line(error)})"
                if self._closing.wait(pause):
                    raise
            else:
                self._away = ""
                return connection
        raise AssertionError("the back-off never ends")

    def _wait(self, context: ExceptionContext) -> Exception | None:
        """Waits until the server can write again; returns an error that makes DBOS retry the whole transaction."""
        error = context.sqlalchemy_exception
        if not isinstance(error, DBAPIError) or context.is_disconnect:
            return None
        if is_damage(error):
            self._damage = DamagedError(
                f"the workflows in {shown(self._url)} are damaged ({first_line(error)}): stop all services and "
                "restore a backup of the whole database (docs/operations.md, Backups)"
            )
            raise self._damage
        if not is_passing(error):
            return None
        reason = first_line(error)
        self._away = f"the database {shown(self._url)} cannot go on ({reason})"
        _roll_back(context)
        for pause in backoff_seconds():
            if self._closing.wait(pause):
                return None
            if self._writable():
                break
        self._away = ""
        return OperationalError(None, None, CannotConnectNow(f"could not for a while ({reason})"))

    def _writable(self) -> bool:
        text = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            with psycopg.connect(text, connect_timeout=2) as connection:
                connection.execute(_PROBE)
        except psycopg.Error:
            return False
        return True


def _close(_connection: object, record: sa.pool.ConnectionPoolEntry) -> None:
    record.invalidate()


def _set_up(connection: psycopg.Connection[Any], _record: object) -> None:
    connection.execute(_SET_UP)
    connection.commit()


def _roll_back(context: ExceptionContext) -> None:
    """Rolls back, so that a waiting thread holds no database lock."""
    if context.connection is not None and context.connection.connection.dbapi_connection is not None:
        context.connection.connection.dbapi_connection.rollback()
