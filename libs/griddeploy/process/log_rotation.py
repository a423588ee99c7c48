"""Rotates a service's log from inside the service's process, without losing a line.

Standard output and error are redirected to the log. The rotation renames the file, then points both descriptors at a
new one. Writers need not cooperate: each line is in the old file or in the new one.
"""

import contextlib
import os
import time
from pathlib import Path

LARGEST_BYTES = 16 * 1024 * 1024
KEPT = 3  # number of old logs; NAME.log.1 is the newest
_LOOK_SECONDS = 1.0  # a log may exceed its limit by what is written in this time
_OUTPUTS = (1, 2)


def rotate_forever(log: Path) -> None:
    """Checks the log once a second and rotates it if needed. For a daemon thread of the process that writes it."""
    while True:
        time.sleep(_LOOK_SECONDS)
        with contextlib.suppress(OSError):  # the disk is full or read-only: keep the current log
            rotate_if_large(log)


def rotate_if_large(log: Path, largest_bytes: int = LARGEST_BYTES) -> bool:
    """Rotates a log that has reached its limit; returns whether it did. Raises OSError if a file operation fails."""
    if log.stat().st_size < largest_bytes:
        return False
    written = [descriptor for descriptor in _OUTPUTS if _is_file(descriptor, log)]
    for number in range(KEPT, 1, -1):
        older = _old(log, number - 1)
        if older.exists():
            older.replace(_old(log, number))
    log.replace(_old(log, 1))
    with log.open("ab") as fresh:
        for descriptor in written:
            os.dup2(fresh.fileno(), descriptor)
    return True


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the descriptor is open on that file. A descriptor redirected elsewhere, such as a pipe, is left alone."""
    return os.path.samestat(os.fstat(descriptor), path.stat())


def _old(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
