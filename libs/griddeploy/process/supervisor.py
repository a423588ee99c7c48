"""Keeps services running: starts them, restarts those that died, reports incidents. It knows nothing of trading."""

import asyncio
import enum
import re
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from griddeploy.process.child import Child, Service, Start, last_line
from griddeploy.process.health import until_serving
from gridservice.backoff import backoff_seconds
from gridservice.tasks import cancel_and_wait

STOP_GRACE_SECONDS = 10.0
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
# A service's exit codes: 2 bad config, 3 port in use, 4 lease held by another, 5 needs manual recovery, 6 database
# unreachable. After 2 and 5 a restart cannot help. Port and lease may be held by a dying predecessor. The database
# may come back, but not at the first start.
_HOPELESS = frozenset({2, 5})
_HOPELESS_AT_FIRST = _HOPELESS | {3, 4, 6}
_TIME = re.compile(r"^\S+Z ")  # timestamp at the beginning of a log line


@dataclass(frozen=True, slots=True)
class Killed:
    """The supervisor sent SIGKILL. `at_s` is on the supervisor's clock, in seconds since it started."""

    service: str
    at_s: float


@dataclass(frozen=True, slots=True)
class Died:
    """The service ended by itself and will be restarted."""

    service: str
    at_s: float
    returncode: int


@dataclass(frozen=True, slots=True)
class Returned:
    """The service serves again, `after_s` seconds after it went down."""

    service: str
    at_s: float
    after_s: float


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The service ended for a reason that a restart cannot fix; `sentence` is the last line of its log."""

    service: str
    at_s: float
    returncode: int
    sentence: str


Incident = Killed | Died | Returned | GaveUp


class Phase(enum.Enum):
    """The phase of a service's life."""

    DOWN = "down"
    STARTING = "starting"
    SERVING = "serving"
    GAVE_UP = "gave up"


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """A service's status as the view shows it."""

    name: str
    phase: Phase
    kills: int = 0
    restarts: int = 0
    pid: int | None = None  # process id, while it runs


class Supervisor:
    """Keeps several services running. `report` is called with each incident."""

    def __init__(
        self, services: Sequence[Service], logs: Path, report: Callable[[Incident], None], start: Start = Child.start
    ) -> None:
        self._began = time.monotonic()
        self._keepers = {service.name: _Restarter(service, logs, report, start, self._elapsed) for service in services}
        self.exit_codes: dict[str, int] = {}  # by service, after the shutdown

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def start(self, *names: str) -> None:
        """Starts the named services (all if no name is given) and keeps them running."""
        for name in names or tuple(self._keepers):
            self._keepers[name].start()

    async def until_serving(self, deadline_seconds: float) -> None:
        """Waits until all started services serve.

        Raises TimeoutError with those that do not in time, ServiceGaveUpError as soon as one gave up.
        """
        started = [keeper for keeper in self._keepers.values() if keeper.started]
        waiting = {asyncio.create_task(keeper.settled.wait()) for keeper in started}
        try:
            async with asyncio.timeout(deadline_seconds):
                while waiting:
                    _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                    self.raise_if_one_gave_up()
        except TimeoutError:
            late = "; ".join(keeper.last_word for keeper in started if keeper.phase is not Phase.SERVING)
            raise TimeoutError(f"not serving after {deadline_seconds:g} s: {late}") from None
        finally:
            for task in waiting:
                task.cancel()

    def raise_if_one_gave_up(self) -> None:
        """Raises ServiceGaveUpError for the first service that gave up, if one did."""
        for keeper in self._keepers.values():
            keeper.raise_if_gave_up()

    def kill(self, name: str) -> bool:
        """Sends SIGKILL to the service's process, which is then restarted. Returns False if none was running."""
        return self._keepers[name].kill()

    async def stop(self) -> None:
        """Stops all in reverse order and keeps their exit codes."""
        for name, keeper in reversed(self._keepers.items()):
            code = await keeper.stop()
            if code is not None:
                self.exit_codes[name] = code

    def statuses(self) -> tuple[ServiceStatus, ...]:
        """The current status of each service."""
        return tuple(keeper.status() for keeper in self._keepers.values())

    def _elapsed(self) -> float:
        return time.monotonic() - self._began


def _without_time(line: str) -> str:
    return _TIME.sub("", line)


class ServiceGaveUpError(Exception):
    """A service ended for a reason that a restart cannot fix; the message has the last line of its log."""


class _Restarter:
    """Keeps one service running."""

    def __init__(
        self,
        service: Service,
        logs: Path,
        report: Callable[[Incident], None],
        begin: Start,
        elapsed: Callable[[], float],
    ) -> None:
        self.service = service
        self.phase = Phase.DOWN
        self.settled = asyncio.Event()  # serving, or given up
        self._log = logs / f"{service.name}.log"
        self._report = report
        self._begin = begin
        self._elapsed = elapsed
        self._task: asyncio.Task[None] | None = None
        self._child: Child | None = None
        self._down_since: float | None = None
        self._killed = False
        self._kills = 0
        self._starts = 0
        self._served_once = False
        self._last_failure: tuple[int, str] | None = None

    @property
    def started(self) -> bool:
        return self._task is not None

    @property
    def last_word(self) -> str:
        return f"{self.service.name}, whose last line was {last_line(self._log)!r}"

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._keep(), name=f"keep {self.service.name}")

    def kill(self) -> bool:
        if self._child is None or self._child.returncode is not None or self._killed:
            return False
        self._killed = True
        self._kills += 1
        self._mark_down()
        self._report(Killed(self.service.name, self._elapsed()))
        self._child.send(signal.SIGKILL)
        return True

    async def stop(self) -> int | None:
        if self._task is None:
            return None
        await cancel_and_wait([self._task])
        self._task = None
        self._mark_down()
        return await self._child.stop(STOP_GRACE_SECONDS) if self._child else None

    def raise_if_gave_up(self) -> None:
        if self.phase is Phase.GAVE_UP:
            raise ServiceGaveUpError(f"{self.service.name} gave up: {last_line(self._log)}")

    def status(self) -> ServiceStatus:
        running = self._child is not None and self._child.returncode is None
        pid = self._child.pid if self._child is not None and running else None
        return ServiceStatus(self.service.name, self.phase, self._kills, max(0, self._starts - 1), pid)

    async def _keep(self) -> None:
        pauses = backoff_seconds(2 * _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
        while True:
            code, served = await self._run_once()
            killed, self._killed = self._killed, False
            self._served_once = self._served_once or served
            if killed:
                continue
            if code in (_HOPELESS if self._served_once else _HOPELESS_AT_FIRST) or self._fails_again(code):
                self._give_up(code)
                return
            self._report(Died(self.service.name, self._elapsed(), code))
            if served:
                pauses = backoff_seconds(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(next(pauses))

    def _fails_again(self, code: int) -> bool:
        """Whether it has ended twice in a row with the same code without ever serving: a third try would not help.

        A process that a signal ended (a code below 0) may have been killed from outside.
        """
        failure = (code, _without_time(last_line(self._log)))
        again = not self._served_once and code > 0 and failure == self._last_failure
        self._last_failure = failure
        return again

    async def _run_once(self) -> tuple[int, bool]:
        """Runs it until it ends. Returns its return code, and whether it ever served."""
        self.phase = Phase.STARTING
        self._starts += 1
        self._child = await self._begin(self.service, self._log)
        serving = asyncio.create_task(self._note_serving())
        try:
            code = await self._child.wait()
        finally:
            await cancel_and_wait([serving])
        self._mark_down()
        return code, not serving.cancelled()

    async def _note_serving(self) -> None:
        await until_serving(self.service.address)
        self.phase = Phase.SERVING
        if self._down_since is not None:
            now = self._elapsed()
            self._report(Returned(self.service.name, now, now - self._down_since))
            self._down_since = None
        self.settled.set()

    def _mark_down(self) -> None:
        self.phase = Phase.DOWN
        self.settled.clear()
        if self._down_since is None:
            self._down_since = self._elapsed()

    def _give_up(self, code: int) -> None:
        self.phase = Phase.GAVE_UP
        self._report(GaveUp(self.service.name, self._elapsed(), code, last_line(self._log)))
        self.settled.set()
