"""A SQLite file that may be locked, full or read-only for a while: what waits for it, and what must not go on with it.

A transaction that such a fault broke has been rolled back by SQLite, so it is run again, whole, until it is committed.
A file that is damaged, or is no longer the one that was opened, ends the process: nothing is begun anew in its place.
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
from griddb.pauses import pauses

log = logging.getLogger(__name__)
T = TypeVar("T")

BUSY_MS = 1_000  # how long SQLite itself waits for a lock; whoever waits longer says so
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
    """One SQLite file. Calls may come from several threads."""

    def __init__(self, path: Path, opening_seconds: float = 10.0) -> None:
        """`opening_seconds`: how long `open` waits; nothing serves yet then, and nobody could see why."""
        self.path = path
        self._opening_seconds = opening_seconds
        self._away = ""
        self._identity: tuple[int, int] | None = None  # of the file that was opened
        self._closing = threading.Event()

    @property
    def away(self) -> str:
        """Why the file cannot be used; empty while it can."""
        return self._away

    def open(self, prepare: Callable[[], None]) -> None:
        """Looks whether the file is whole, has it prepared, and remembers which one it is.

        Raises DamagedError, and UnreachableError where it cannot be used in time.
        """
        ends = time.monotonic() + self._opening_seconds
        self.run(self._refuse_damaged, ends)
        self.run(prepare, ends)
        self._identity = _identity(self.path)

    def run(self, transaction: Callable[[], T], ends: float = math.inf) -> T:
        """What a whole transaction returns, run again while the file cannot be used, until `stop_waiting`.

        Raises DamagedError where that would not help, UnreachableError after `stop_waiting`, or after `ends` on the
        monotonic clock.
        """
        for pause in pauses():
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
        raise UnreachableError(f"{self._away}: mend that, and start again")

    def why_passing(self, error: BaseException) -> str | None:
        """Why the file cannot be used now, None where the error is about something else.

        Raises DamagedError where waiting mends nothing.
        """
        origin = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(origin, sqlite3.Error):
            return None
        code = getattr(origin, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF  # without what kind of it it is
        if code in _DAMAGED:
            raise self._damaged(str(origin)) from error
        return f"{_PASSING[code]}: {origin}" if code in _PASSING else None

    def note_away(self, reason: str) -> None:
        """Tells once that it is away."""
        if not self._away:
            log.warning("the file %s cannot be used (%s): trying again until it can", self.path, reason)
        self._away = f"the file {self.path} cannot be used ({reason})"

    def note_back(self) -> None:
        """Tells that it can be used again, where it could not."""
        if self._away:
            log.warning("the file %s can be used again", self.path)
            self._away = ""

    def move_in(self) -> None:
        """Moves what is in the -wal file into the file itself: without the one the other is old, but never empty."""
        with contextlib.suppress(sqlite3.Error), self._connected() as connection:  # SQLite does it sooner or later
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def wait(self, seconds: float) -> bool:
        """Waits; whether to go on with it."""
        return not self._closing.wait(seconds)

    def ping(self) -> None:
        """Raises DamagedError where the file was removed or replaced: what is written from now on would be lost."""
        if self._identity is not None and _identity(self.path) != self._identity:
            raise DamagedError(
                f"the file {self.path} was removed or replaced while it was in use: stop all services, then put back "
                "the one that was there, or see docs/operations.md, Backups"
            )

    def stop_waiting(self) -> None:
        """From now on nothing waits for it."""
        self._closing.set()

    def _refuse_damaged(self) -> None:
        if not self.path.exists():
            return
        if self.path.stat().st_size == 0:  # one that is new is so for microseconds
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
