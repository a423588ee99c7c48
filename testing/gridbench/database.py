"""The database under the step benchmark, and what can be measured of it from outside: its CPU, its bytes, its flushes.

SQLite works inside the worker: its CPU and bytes are the worker's own, its flushes are counted by strace where the
machine has one. Postgres tells its log's length at once, and counts its flushes for each session with up to a second's
delay; its CPU is that of its processes.
"""

import asyncio
import contextlib
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import psycopg

from gridbench.case import Case
from gridbench.process import Turn, Worker
from gridbench.usage import fine_cpu_seconds_of, with_children
from gridtesting.live.postgres import PostgresServer, running_postgres

_REPORT_SECONDS = 1.1  # a session of Postgres reports what it did once a second, at the end of a transaction
_ATTACH_SECONDS = 10.0


class Meter(Protocol):
    """Measures a database around the steps of one worker, while the others are idle."""

    def url_for(self, subject: str) -> str:
        """A database of the subject's own; empty for SQLite in its folder."""
        ...

    def mark(self) -> tuple[float, int]:
        """CPU seconds of the database's processes, and bytes that it has written, both since some beginning."""
        ...

    def bytes_of(self, turn: Turn, before: int, after: int) -> int:
        """What the turn wrote."""
        ...

    async def flushes(self, worker: Worker, case: Case, steps: int) -> float | None:
        """Flushes per step; None where this machine has no way to count them."""
        ...


class SqliteMeter:
    """Files in the worker's folder."""

    def url_for(self, subject: str) -> str:
        """Empty: the worker uses files."""
        del subject
        return ""

    def mark(self) -> tuple[float, int]:
        """Nothing beside the worker's own."""
        return 0.0, 0

    def bytes_of(self, turn: Turn, before: int, after: int) -> int:
        """As the kernel counted them for the worker."""
        del before, after
        return turn.bytes_written

    async def flushes(self, worker: Worker, case: Case, steps: int) -> float | None:
        """fsync and fdatasync calls, traced."""
        strace = shutil.which("strace")
        if strace is None:
            return None
        tracer = await asyncio.create_subprocess_exec(
            strace, "-f", "-e", "trace=fsync,fdatasync", "-p", str(worker.pid), stderr=asyncio.subprocess.PIPE
        )
        assert tracer.stderr is not None
        attached = await asyncio.wait_for(tracer.stderr.readline(), _ATTACH_SECONDS)
        if b"attached" not in attached:
            await tracer.wait()
            return None  # this machine does not let a process be traced
        await worker.run(case, steps)
        with contextlib.suppress(ProcessLookupError):
            tracer.send_signal(signal.SIGINT)
        trace = await tracer.stderr.read()
        await tracer.wait()
        # A call that another thread's line interrupts is written twice: its beginning, and "resumed".
        return len(re.findall(rb"(?m)^(?!.*resumed).*\bf(?:data)?sync\(", trace)) / steps


class PostgresMeter:
    """A server of the benchmark's own that flushes as one in production."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._connection: psycopg.Connection[Any] = psycopg.connect(server.url(), autocommit=True)
        row = self._one("SELECT setting FROM pg_settings WHERE name = 'data_directory'")
        self._postmaster = int(Path(str(row), "postmaster.pid").read_text(encoding="ascii").split()[0])

    def url_for(self, subject: str) -> str:
        """Creates a database for the subject."""
        del subject
        return self._server.url(self._server.create())

    def mark(self) -> tuple[float, int]:
        """Of all of the server's processes, and of its write-ahead log."""
        written = self._one("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        return sum(fine_cpu_seconds_of(pid) for pid in with_children(self._postmaster)), int(written)

    def bytes_of(self, turn: Turn, before: int, after: int) -> int:
        """Bytes of the write-ahead log."""
        del turn
        return after - before

    async def flushes(self, worker: Worker, case: Case, steps: int) -> float | None:
        """Flushes of the write-ahead log. Each count begins and ends with some steps after a second's rest: enough for
        every session of the worker's pool to have its turn, and with it to report what it did before.
        """
        turns = max(1, steps // 2)
        before = await self._reported(worker, case, turns)
        await worker.run(case, steps)
        return (await self._reported(worker, case, turns) - before) / (steps + turns)

    def close(self) -> None:
        """Closes the meter's own connection."""
        self._connection.close()

    async def _reported(self, worker: Worker, case: Case, turns: int) -> int:
        await asyncio.sleep(_REPORT_SECONDS)
        await worker.run(case, turns)
        return int(self._one("SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"))

    def _one(self, query: str) -> Any:
        row = self._connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


@contextlib.contextmanager
def postgres_meter() -> Iterator[PostgresMeter]:
    """A durable server for the block."""
    with running_postgres(durable=True) as server:
        meter = PostgresMeter(server)
        try:
            yield meter
        finally:
            meter.close()
