"""Stopped processes: waits until one has stopped, and ends its database sessions as for a silent host."""

import asyncio
import contextlib
import re
from pathlib import Path

import psycopg

_LOOK_SECONDS = 0.01
_SOCKET = re.compile(r"socket:\[(\d+)\]")


async def until_stopped(pid: int, deadline_seconds: float) -> None:
    """Returns once the process is stopped. Raises AssertionError if it does not stop in time, or ends."""
    try:
        async with asyncio.timeout(deadline_seconds):
            while _status(pid) != "T":
                assert _status(pid) not in {"", "Z"}, f"process {pid} ended and was to stop"
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"process {pid} did not stop within {deadline_seconds:g} s") from None


def cut_off(pid: int, database_url: str) -> int:
    """Ends the server's sessions of a process, as for a host that is silent for too long; returns how many."""
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_port = ANY(%s)"
    with psycopg.connect(database_url, autocommit=True) as server:
        row = server.execute(end, [_ports(pid)]).fetchone()
    assert row is not None
    return int(row[0])


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0]
    except FileNotFoundError:
        return ""


def _ports(pid: int) -> list[int]:
    """Returns the local ports of its TCP connections."""
    inodes: set[str] = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            inodes.update(_SOCKET.findall(str(link.readlink())))
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text(encoding="utf-8").splitlines()[1:]]
    return [int(row[1].rpartition(":")[2], 16) for row in rows if row[9] in inodes]
