"""Exclusive file lock that the operating system releases when the process ends."""

import fcntl
import os
from pathlib import Path

from griddb.errors import LeaseLostError


class FileLock:
    """An exclusive lock on a lock file. Held from `take` until `release` or the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, what: str) -> None:
        """Takes the lock. Raises LeaseLostError, naming `what` it guards, if another process holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LeaseLostError(
                f"another orchestrator holds {what} (lock file {self._path}): stop it first, "
                "or give this one another orchestrator.data_dir"
            ) from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Releases the lock; does nothing if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
