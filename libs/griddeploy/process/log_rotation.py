"""Keeps a service's log small: the process moves its own log aside and goes on in a new one, without losing a line.

The log is what standard output and error are redirected to. Renaming the file and then pointing both descriptors at a
new one needs no help of whoever writes: a line is in the old file or in the new one.
"""

import contextlib
import os
import time
from pathlib import Path

LARGEST_BYTES = 16 * 1024 * 1024
KEPT = 3  # old ones beside the present one: NAME.log.1 is the newest
_LOOK_SECONDS = 1.0  # a log may grow beyond its size by what is written in that time
_OUTPUTS = (1, 2)


def rotate_for_ever(log: Path) -> None:
    """Looks at the log once a second and rotates it. For a daemon thread of the process that writes it."""
    while True:
        time.sleep(_LOOK_SECONDS)
        with contextlib.suppress(OSError):  # the disk is full or read-only: the present log goes on
            rotate_if_large(log)


def rotate_if_large(log: Path, largest_bytes: int = LARGEST_BYTES) -> bool:
    """Rotates a log that has reached its size; whether it did. Raises OSError where a file cannot be moved or made."""
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
    """Whether the descriptor is open on that file. One that is a pipe to somebody else stays that."""
    return os.path.samestat(os.fstat(descriptor), path.stat())


def _old(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
