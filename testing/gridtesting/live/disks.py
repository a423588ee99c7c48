"""Disks that fail for real: a small one that is full, files that nobody may write. Both take root and Linux.

Where that is not allowed, NotPermittedError says so: whoever asked skips, since nothing was shown.
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
    """This machine does not let us do that."""


class SmallDisk:
    """A file system of its own. `folder` is where it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Leaves not a byte."""
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
        """Gives back what `fill` took."""
        self._ballast.unlink(missing_ok=True)


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mounts one for the block."""
    folder.mkdir(parents=True, exist_ok=True)
    options = f"size={megabytes}m,mode=0755"
    _permitted("mount", "-t", "tmpfs", "-o", options, "gridwright-tests", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607  # our own words


@contextlib.contextmanager
def unwritable(*paths: Path) -> Iterator[None]:
    """Files that nobody may write for the block, not even whoever has them open."""
    with contextlib.ExitStack() as stack:
        for path in paths:
            _set_immutable(path, immutable=True)
            stack.callback(_set_immutable, path, immutable=False)
        yield


@contextlib.contextmanager
def black_hole(port: int) -> Iterator[None]:
    """Drops every packet from and to a port of this machine for the block: nobody is told that nobody is there."""
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
        raise NotPermittedError(f"{words[0]} is not for us here: it takes root ({done.stderr.strip()})")
