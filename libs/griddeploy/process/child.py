"""One run of a service as an OS process: start, signals, log and end. The supervisor restarts."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

_PARENT_WATCH = "griddeploy.process.parent_watch"
_TAIL_BYTES = 65_536  # read to find the last line of a log of many megabytes


@dataclass(frozen=True, slots=True)
class Service:
    """A service to start: `python -m module --config config`. Its health is checked at `address` (host:port)."""

    name: str
    module: str
    config: Path
    address: str


class OsProcess(Protocol):
    """The part of a process that a run needs; asyncio's subprocess implements it."""

    @property
    def pid(self) -> int:
        """The process id."""
        ...

    @property
    def returncode(self) -> int | None:
        """None while it runs; below 0 the negative number of the signal that ended it."""
        ...

    def send_signal(self, signal: int, /) -> None:
        """Sends a signal. Raises ProcessLookupError if the process has ended."""
        ...

    async def wait(self) -> int:
        """Waits until the process has ended; its return code."""
        ...


class Child:
    """A started process in its own session, so that a Ctrl-C in the terminal does not reach it directly."""

    def __init__(self, process: OsProcess, log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    async def start(cls, service: Service, log: Path, environment: Mapping[str, str] = MappingProxyType({})) -> "Child":
        """Starts the service under `parent_watch`. Output is appended to `log`; `environment` extends our own."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", _PARENT_WATCH, str(log), service.module, "--config", str(service.config),
                stdin=asyncio.subprocess.PIPE, stdout=output, stderr=output, start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            )  # fmt: skip
        return cls(process, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; below 0 the negative number of the signal that ended it."""
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; does nothing if the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Waits until the process has ended; its return code."""
        return await self._process.wait()

    async def stop(self, grace_seconds: float) -> int:
        """Sends SIGTERM, and SIGKILL after the grace period. Returns the return code."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_seconds):
                return await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            return await self.wait()


Start = Callable[[Service, Path], Awaitable[Child]]
"""Starts a service and appends its output to a file: `Child.start`, or a faster way in tests."""


def last_line(log: Path) -> str:
    """The last line of the log, empty if there is none. A service that gives up prints its reason there."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
