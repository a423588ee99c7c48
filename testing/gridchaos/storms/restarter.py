"""Restarts the services that a storm kills: at once, as a supervisor would, unless a service gave up."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable

import psycopg

from gridservice.change_signal import ChangeSignal
from gridservice.crash_point import ANY, CRASH
from gridtesting.live.forked import TELL
from gridtesting.live.postgres import PostgresServer
from gridtesting.live.processes import Process

_FOR_EVER = 1e9
# Port, lease or database may be held or unavailable for a moment; a supervisor starts those again after a pause. Every
# other exit that is no kill means that the service gave up.
_PASSING = frozenset({3, 4, 6})
_PAUSE_SECONDS = 0.3


class GaveUpError(Exception):
    """A service ended in a way that a restart does not repair; the message has its last output line."""


class Kept:
    """Keeps one service running. `restarted` is called whenever it has been started again."""

    def __init__(self, process: Process, restarted: Callable[[], None]) -> None:
        self.kills = 0
        self.runs = 0
        self.exits: list[int] = []  # exit codes other than kills
        self._process = process
        self._restarted = restarted
        self._passes: deque[int] = deque()
        self._ended = ChangeSignal()
        self._up = asyncio.Event()

    async def keep(self) -> None:
        """Runs the service repeatedly until cancelled. Raises GaveUpError."""
        while True:
            environment = {CRASH: f"{ANY}:{self._passes.popleft()}"} if self._passes else {}
            await self._process.start(environment)
            self.runs += 1
            self._up.set()
            if self.runs > 1:
                self._restarted()
            code = await self._process.ended(_FOR_EVER)
            self._up.clear()
            await self._judge(code)
            self._ended.beat()

    async def kill(self, passes: Iterable[int] = ()) -> None:
        """Sends SIGKILL as soon as it runs; each of the next runs dies at its n-th pass of any crash point."""
        await self._up.wait()
        self._passes.extend(passes)
        self.shoot()

    def shoot(self) -> None:
        """Sends SIGKILL now, if it runs."""
        if self._up.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)

    def tell(self) -> None:
        """Makes it log its current activity, if it runs."""
        if self._up.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, TELL)

    def freeze(self) -> None:
        """Sends SIGSTOP, if it runs."""
        if self._up.is_set():
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                self._process.freeze()

    def thaw(self) -> None:
        """Sends SIGCONT, if it runs."""
        if self._up.is_set():
            self._process.thaw()

    async def ended(self, run: int) -> None:
        """Returns once the run of that number has ended."""
        await self._ended.until(lambda: self.runs > run or (self.runs == run and not self._up.is_set()))

    async def _judge(self, code: int) -> None:
        if code == -signal.SIGKILL:
            self.kills += 1
            return
        self.exits.append(code)
        if code not in _PASSING:
            said = self._process.output.splitlines() or [""]
            raise GaveUpError(f"{self._process.service.name} ended with {code}: {said[-1]}")
        await asyncio.sleep(_PAUSE_SECONDS)


class RestartedPostgres:
    """Keeps the database server running; `database` is ours on it."""

    def __init__(self, server: PostgresServer, database: str, restarted: Callable[[], None]) -> None:
        self.kills = 0
        self._server = server
        self._database = database
        self._restarted = restarted

    def freeze(self) -> None:
        """Sends SIGSTOP to all of its processes: it accepts connections and does not answer."""
        self._server.freeze()

    def thaw(self) -> None:
        """Sends SIGCONT to all of its processes."""
        self._server.thaw()

    async def kill(self) -> None:
        """Sends SIGKILL to all of its processes, and starts it again."""
        self.kills += 1
        await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(self._server.start)
        self._restarted()

    async def kill_backend(self) -> None:
        """Sends SIGKILL to a backend of one of our sessions: Postgres then cuts all sessions, and recovers."""
        self.kills += 1
        await asyncio.to_thread(_kill_backend, self._server.url(self._database))
        self._restarted()


def _kill_backend(url: str) -> None:
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with contextlib.suppress(psycopg.OperationalError, ProcessLookupError), psycopg.connect(url) as connection:
        found = connection.execute(query).fetchone()
        if found is not None:
            os.kill(found[0], signal.SIGKILL)
