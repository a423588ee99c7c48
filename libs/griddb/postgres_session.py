"""A long-lived Postgres session: holds advisory locks and commits each transaction exactly once.

A lost connection is reopened with back-off and its locks are taken again. The broken transaction is run again unless
it was committed. So an outage costs callers only time. Another process may have held a lock in between. The caller
must detect that in its own transactions, by a number that each holder raises.

If the answer to a commit was lost, the mark that each transaction writes (`commit_marks`) shows whether it succeeded.
"""

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import psycopg
import sqlalchemy as sa
from psycopg.errors import LockNotAvailable
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, OperationalError

from griddb.commit_marks import CommitMark
from griddb.errors import DamagedError, UnreachableError
from griddb.urls import shown
from gridservice.backoff import backoff_seconds
from gridservice.logs import without_secrets

log = logging.getLogger(__name__)
T = TypeVar("T")

Work = Callable[[sa.Connection], T]

_HUNG_SECONDS = 10.0
_LOCK_WAIT = "3s"  # the server ends a killed holder's session at once, unless its whole host is gone
# Defaults; the URL's query overrides them. A vanished peer is detected in seconds; the kernel's defaults take hours.
_CONNECT = {
    "connect_timeout": 5, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}  # fmt: skip
# The same for the server's side, so that it releases the locks of a vanished client. tcp_user_timeout covers a client
# that has not received its last answer: no keepalives are sent then. The last setting makes commits durable.
_SET_UP = """
    SET search_path TO {schema};
    SET tcp_keepalives_idle TO 5; SET tcp_keepalives_interval TO 2; SET tcp_keepalives_count TO 3;
    SET tcp_user_timeout TO 10000;
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
"""

# Temporary errors, by SQLSTATE: out of disk, memory or connections (53); a standby or a server set to read-only
# (25006); shutting down or starting (57P); a disk error (58030); a transaction rolled back in favour of another (40).
_PASSING = re.compile(r"53|25006|57P|58030|40")
_DAMAGED = frozenset({"XX001", "XX002"})  # a damaged page, a damaged index
_NO_SUCH_TRANSACTION = "22023"
_IS_STANDBY = sa.text("SELECT pg_is_in_recovery()")
_TRANSACTION_STATUS = sa.text("SELECT pg_xact_status(CAST(:id AS xid8))")


def lock_key(purpose: str) -> int:
    """Returns the advisory lock key of a purpose within one database."""
    return int.from_bytes(hashlib.sha256(f"gridwright {purpose}".encode()).digest()[:8], "big", signed=True)


def open_engine(url: sa.URL, schema: str, application: str, *, connections: int = 1) -> sa.Engine:
    """Returns an engine that uses one schema. It connects on first use.

    With several connections each is checked before use, because it may have been idle during an outage.
    """
    arguments: dict[str, int | str] = {key: value for key, value in _CONNECT.items() if key not in url.query}
    arguments["application_name"] = f"gridwright {application}"
    engine = sa.create_engine(
        url, pool_size=connections, max_overflow=0, pool_pre_ping=connections > 1, hide_parameters=True,
        connect_args=arguments,
    )  # fmt: skip

    @event.listens_for(engine, "connect")
    def set_up(connection: psycopg.Connection[Any], _record: object) -> None:
        connection.execute(_SET_UP.format(schema=schema).encode())
        connection.commit()

    return engine


class Session:
    """A session that survives outages. Thread-safe; calls run one after another."""

    def __init__(self, url: sa.URL, schema: str, application: str) -> None:
        """Does not connect yet. `application` must be unique among the sessions that write to one schema."""
        self.shown = shown(url)
        self._lost = ""
        self._asked_at: float | None = None  # monotonic seconds; None if no call waits for an answer
        self._engine = open_engine(url, schema, application)
        self._mark = CommitMark(application)
        self._locks: dict[int, Callable[[], Exception]] = {}
        self._verify: Callable[[psycopg.Connection[Any]], None] | None = None
        self._mutex = threading.Lock()
        self._closing = threading.Event()
        event.listen(self._engine, "connect", self._take_locks)

    @property
    def away(self) -> str:
        """Why the database is unavailable; empty while it is available."""
        asked_at = self._asked_at
        if asked_at is not None and time.monotonic() - asked_at > _HUNG_SECONDS:
            return f"the database {self.shown} has not answered for {time.monotonic() - asked_at:.0f} s"
        return self._lost

    def hold(self, key: int, refusal: Callable[[], Exception]) -> None:
        """Takes an advisory lock until `close`, and again after each reconnect.

        Raises the refusal, here and from any later call, if another session keeps the lock for three seconds.
        """
        self._locks[key] = refusal
        try:
            with self._mutex:
                self._persist(_Attempt(lambda connection: _lock(_driver(connection), key, refusal)))
        except BaseException:
            del self._locks[key]
            raise

    def verify_by(self, verify: Callable[[psycopg.Connection[Any]], None]) -> None:
        """Sets a check of each new connection, made when it has the locks. The waiting call raises what it raises."""
        self._verify = verify

    def run(self, work: Work[T]) -> T:
        """Runs `work` in a transaction, commits it and returns its result. Waits during an outage, until `close`.

        `work` may run several times, but its writes are committed once. Raises UnreachableError after `close`, and
        CommitUnknownError if the table `commits` does not have this session's mark.
        """
        with self._mutex:
            attempt = _Attempt(work, self._mark)
            try:
                value = self._persist(attempt)
            except BaseException:
                self._mark = self._mark.anew()  # this transaction's mark must not count for the next
                raise
            if attempt.wrote:
                self._mark = self._mark.next()
            return value

    def read(self, work: Work[T]) -> T:
        """As `run`, for work that only reads; also works on a read-only server."""
        with self._mutex:
            return self._persist(_Attempt(work))

    def _persist(self, attempt: "_Attempt[T]") -> T:
        for pause in backoff_seconds():
            try:
                value = self._try(attempt)
            except _LostError as error:
                self._note_away(error)
            else:
                self._note_back()
                return value
            if self._closing.wait(pause):
                break
        raise UnreachableError(f"{self._lost}: start again once it can be used")

    def ping(self) -> None:
        """Detects that the server became unavailable or available, without waiting.

        Raises the refusal of a lock that was lost.
        """
        if not self._mutex.acquire(blocking=False):
            return  # a call in progress will detect it
        try:
            self._look()
        finally:
            self._mutex.release()

    def stop_waiting(self) -> None:
        """Makes calls raise UnreachableError during an outage, instead of waiting."""
        self._closing.set()

    def close(self) -> None:
        """Ends the session, which releases its locks."""
        self._closing.set()
        if self._mutex.acquire(timeout=_HUNG_SECONDS):  # if the server hangs, the session ends with the process
            self._engine.dispose()
            self._mutex.release()

    def _look(self) -> None:
        looking: _Attempt[int] = _Attempt(lambda connection: connection.execute(sa.text("SELECT 1")).scalar_one())
        for last in (False, True):  # after a server restart the first attempt fails and the second one reconnects
            try:
                self._try(looking)
            except _LostError as error:
                if last:
                    self._note_away(error)
            else:
                self._note_back()
                return

    def _try(self, attempt: "_Attempt[T]") -> T:
        self._asked_at = time.monotonic()
        try:
            return self._on_connection(attempt)
        finally:
            self._asked_at = None

    def _on_connection(self, attempt: "_Attempt[T]") -> T:
        try:
            connection = self._engine.connect()
        except (OperationalError, psycopg.OperationalError) as error:
            raise _LostError(f"does not answer ({first_line(error)})") from error
        with connection:
            try:
                return attempt.on(connection)
            except DBAPIError as error:
                meaning = self._what_it_means(error)
                if meaning is None:
                    raise
                raise meaning from error

    def _what_it_means(self, error: DBAPIError) -> Exception | None:
        """Maps a driver error to _LostError (outage or temporary) or DamagedError; None for an error of the work."""
        if error.connection_invalidated:
            return _LostError(f"does not answer ({first_line(error)})")
        if is_damage(error):
            return DamagedError(
                f"the database {self.shown} is damaged ({first_line(error)}): stop all services and restore a backup "
                "of the whole database (docs/operations.md, Backups)"
            )
        return _LostError(f"cannot go on ({first_line(error)})") if is_passing(error) else None

    def _take_locks(self, connection: psycopg.Connection[Any], _record: object) -> None:
        try:
            for key, refusal in self._locks.items():
                _lock(connection, key, refusal)
            if self._verify is not None:
                self._verify(connection)
            connection.commit()
        except BaseException:
            connection.close()
            raise

    def _note_away(self, error: "_LostError") -> None:
        if not self._lost:
            log.warning("the database %s %s: retrying until it can be used", self.shown, error)
        self._lost = f"the database {self.shown} {error}"

    def _note_back(self) -> None:
        if self._lost:
            log.warning("the database %s can be used again", self.shown)
            self._lost = ""


class _LostError(Exception):
    """There is no connection, or it broke, or the server cannot serve it for now."""


class _Attempt(Generic[T]):
    """A transaction that may be tried several times but is committed once. Without a mark it must write nothing."""

    def __init__(self, work: Work[T], mark: CommitMark | None = None) -> None:
        self._work = work
        self._mark = mark
        self._done: tuple[str, T] | None = None  # transaction id and value, set just before the commit

    @property
    def wrote(self) -> bool:
        """Whether it has written something. Valid after the end of the transaction."""
        return self._done is not None

    def on(self, connection: sa.Connection) -> T:
        if self._done is not None:
            assert self._mark is not None
            doubtful_id, value = self._done
            if self._mark.stands(connection):
                return value
            _refuse_unless_over(connection, doubtful_id)
            if self._mark.stands(connection):
                return value
            self._done = None
        with connection.begin():
            value = self._work(connection)
            transaction_id = None if self._mark is None else self._mark.put(connection)
            self._done = None if transaction_id is None else (transaction_id, value)
        return value


def _refuse_unless_over(connection: sa.Connection, transaction_id: str) -> None:
    """Raises _LostError while the transaction is in progress, or a standby may not have replayed its end yet."""
    if connection.execute(_IS_STANDBY).scalar_one():
        raise _LostError("is a standby")
    try:
        status = connection.execute(_TRANSACTION_STATUS, {"id": transaction_id}).scalar_one()
    except DBAPIError as error:
        if _sqlstate(error) != _NO_SUCH_TRANSACTION:
            raise
        status = None  # lost in a crash, and the id is not reused yet
    connection.rollback()
    if status == "in progress":
        raise _LostError("is still ending the transaction that broke")


def _lock(connection: psycopg.Connection[Any], key: int, refusal: Callable[[], Exception]) -> None:
    try:
        connection.execute(f"SET LOCAL lock_timeout TO '{_LOCK_WAIT}'")
        connection.execute("SELECT pg_advisory_lock(%s)", [key])
    except LockNotAvailable:
        raise refusal() from None


def _driver(connection: sa.Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def is_passing(error: DBAPIError) -> bool:
    """Whether the error is temporary: the server answers, but its disk is full, for example."""
    return bool(_PASSING.match(_sqlstate(error)))


def is_damage(error: DBAPIError) -> bool:
    """Whether the server has found a damaged page or index."""
    return _sqlstate(error) in _DAMAGED


def _sqlstate(error: DBAPIError) -> str:
    return str(getattr(error.orig, "sqlstate", None) or "")


def first_line(error: Exception) -> str:
    """Returns the first line of the driver's message, without SQLAlchemy's additions and without secrets."""
    origin = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return without_secrets(next(iter(str(origin).strip().splitlines()), type(origin).__name__))
