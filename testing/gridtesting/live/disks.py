"""Disks with real failures: a small one that is full, files that cannot be written. Both need root and Linux.

Elsewhere NotPermittedError is raised; the test is then skipped, since nothing was shown.
"""

import array
import contextlib
import errno
import fcntl
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_GET_FLAGS, _SET_FLAGS, _IMMUTABLE = 0x80086601, 0x40086602, 0x10  # linux/fs.h
_CHUNK = b"\0" * 65_536


class NotPermittedError(Exception):
    """This machine does not permit it."""


class SmallDisk:
    """A file system of its own, mounted at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Fills it to the last byte."""
        with self._ballast.open("ab", buffering=0) as file:
            size = len(_CHUNK)
            while size:
                try:
                    file.write(_CHUNK[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2

    def free(self) -> None:
        """Frees the space that `fill` took."""
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts a small file system for the block."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=0755"
    _permitted("mount", "-t", "tmpfs", "-o", options, "gridwright-tests", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607  # our own words


@contextlib.contextmanager
def unwritable(*paths: Path) -> Iterator[None]:
    """Makes files unwritable for the block, also for processes that have them open."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            _set_immutable(path, immutable=True)
            stack.callback(_set_immutable, path, immutable=False)
        yield


@contextlib.contextmanager
def black_hole(port: int) -> Iterator[None]:
    """Drops every packet from and to a local port for the block, without a reset."""
    rules = [("INPUT", "--dport"), ("INPUT", "--sport")]
    words = [("-i", "lo", "-p", "tcp", side, str(port), "-j", "DROP") for _, side in rules]
    with contextlib.ExitStack() as stack:
        for (chain, _), rule in zip(rules, words, strict=True):
            _permitted("iptables", "-I", chain, *rule)
            stack.callback(_permitted, "iptables", "-D", chain, *rule)
        yield


def _set_immutable(path: Path, *, immutable: bool) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    flags = array.array("l", [0])
    try:
        fcntl.ioctl(descriptor, _GET_FLAGS, flags)
        flags[0] = flags[0] | _IMMUTABLE if immutable else flags[0] & ~_IMMUTABLE
        fcntl.ioctl(descriptor, _SET_FLAGS, flags)
    except OSError as error:
        raise NotPermittedError(f"{path} cannot be made unwritable ({error.strerror}): it takes root") from error
    finally:
        os.close(descriptor)


def _permitted(*words: str) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise NotPermittedError(f"there is no {words[0]} here") from error
    if done.returncode:
        raise NotPermittedError(f"{words[0]} is not permitted here: it takes root ({done.stderr.strip()})")
