"""Retries transactions on a SQLite file that is locked, full or read-only for a while, and detects a damaged file.

SQLite rolls back a transaction that such an error broke, so the whole transaction is run again until it is committed.
A damaged file, or one that is no longer the file that was opened, ends the process. No new file is created in its
place.
"""

import contextlib
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from griddb.errors import DamagedError, UnreachableError
from gridservice.backoff import backoff_seconds

log = logging.getLogger(__name__)
T = TypeVar("T")

BUSY_MS = 1_000  # how long SQLite itself waits for a lock; a longer wait is logged
_PASSING = {
    sqlite3.SQLITE_BUSY: "another process holds its lock",
    sqlite3.SQLITE_LOCKED: "another process holds its lock",
    sqlite3.SQLITE_PROTOCOL: "another process holds its lock",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it may not be written",
    sqlite3.SQLITE_PERM: "it may not be written",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
    sqlite3.SQLITE_IOERR: "the disk fails",
}
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REMEDY = (
    "stop all services and restore state, workflows and ledger, all of one backup, with their -wal files "
    "(docs/operations.md, Backups)"
)


class RetryingFile:
    """One SQLite file with retries. Thread-safe."""

    def __init__(self, path: Path, opening_seconds: float = 10.0) -> None:
        """`opening_seconds` limits the wait of `open`: no RPC is served yet that could show the reason."""
        self.path = path
        self._opening_seconds = opening_seconds
        self._away = ""
        self._identity: tuple[int, int] | None = None  # of the file that was opened
        self._closing = threading.Event()

    @property
    def away(self) -> str:
        """Why the file is unavailable; empty while it is available."""
        return self._away

    def open(self, prepare: Callable[[], None]) -> None:
        """Checks the file's integrity, calls `prepare` and stores the file's identity.

        Raises DamagedError, and UnreachableError if the file is still unavailable after `opening_seconds`.
        """
        ends = time.monotonic() + self._opening_seconds
        self.run(self._refuse_damaged, ends)
        self.run(prepare, ends)
        self._identity = _identity(self.path)

    def run(self, transaction: Callable[[], T], ends: float = math.inf) -> T:
        """Runs a whole transaction, again while the file is unavailable, and returns its result.

        Raises DamagedError if retrying cannot help, UnreachableError after `stop_waiting` or after `ends` on the
        monotonic clock.
        """
        for pause in backoff_seconds():
            try:
                value = transaction()
            except (DBAPIError, sqlite3.Error) as error:
                reason = self.why_passing(error)
                if reason is None:
                    raise
                self.note_away(reason)
            else:
                self.note_back()
                return value
            if self._closing.wait(pause) or time.monotonic() > ends:
                break
        raise UnreachableError(f"{self._away}: fix that, and start again")

    def why_passing(self, error: BaseException) -> str | None:
        """Returns why the file is unavailable for now, None if the error has another cause.

        Raises DamagedError if waiting cannot help.
        """
        origin = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(origin, sqlite3.Error):
            return None
        code = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # primary code of an extended code
        if code in _DAMAGED:
            raise self._damaged(str(origin)) from error
        return f"{_PASSING[code]}: {origin}" if code in _PASSING else None

    def note_away(self, reason: str) -> None:
        """Records that the file is unavailable; logs it once."""
        if not self._away:
            log.warning("the file %s cannot be used (%s): retrying until it can", self.path, reason)
        self._away = f"the file {self.path} cannot be used ({reason})"

    def note_back(self) -> None:
        """Records that the file is available; logs the end of an outage."""
        if self._away:
            log.warning("the file %s can be used again", self.path)
            self._away = ""

    def move_in(self) -> None:
        """Checkpoints the -wal into the file, so that a copy without the -wal may be old but is never empty."""
        with contextlib.suppress(sqlite3.Error), self._connected() as connection:  # SQLite does it sooner or later
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def wait(self, seconds: float) -> bool:
        """Waits; returns False if `stop_waiting` was called."""
        return not self._closing.wait(seconds)

    def ping(self) -> None:
        """Raises DamagedError if the file was removed or replaced: further writes would be lost."""
        if self._identity is not None and _identity(self.path) != self._identity:
            raise DamagedError(
                f"the file {self.path} was removed or replaced while it was in use: stop all services, then put back "
                "the one that was there, or see docs/operations.md, Backups"
            )

    def stop_waiting(self) -> None:
        """Ends all waits; later calls fail at once while the file is unavailable."""
        self._closing.set()

    def _refuse_damaged(self) -> None:
        if not self.path.exists():
            return
        if self.path.stat().st_size == 0:  # a new file is empty only for microseconds
            raise DamagedError(f"the file {self.path} is empty: if it was never more, remove it; else {_REMEDY}")
        with self._connected() as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise self._damaged(" ".join(found.split()))

    def _connected(self) -> closing[sqlite3.Connection]:
        return closing(sqlite3.connect(self.path, timeout=BUSY_MS / 1000))

    def _damaged(self, reason: str) -> DamagedError:
        return DamagedError(f"the file {self.path} is damaged ({reason}): {_REMEDY}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
