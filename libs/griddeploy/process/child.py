"""One run of a service as an OS process: its start, its signals, its log, its end. Restarts are the supervisor's."""

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
_TAIL_BYTES = 65_536  # a log may have many megabytes, and its last line is asked for


@dataclass(frozen=True, slots=True)
class Service:
    """What is started: `python -m module --config config`. Its health is asked at `address` (host:port)."""

    name: str
    module: str
    config: Path
    address: str


class OsProcess(Protocol):
    """What a run needs of the process that it is; asyncio's subprocess is one."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    @property
    def returncode(self) -> int | None:
        """None while it runs; below 0 it is the signal that ended it."""
        ...

    def send_signal(self, signal: int, /) -> None:
        """Raises ProcessLookupError where it has ended."""
        ...

    async def wait(self) -> int:
        """Its return code, once it has ended."""
        ...


class Child:
    """A started process in a session of its own, so that a Ctrl-C in the terminal reaches the starter alone."""

    def __init__(self, process: OsProcess, log: Path) -> None:
        self._process = process
        self.log = log

    @classmethod
    async def start(cls, service: Service, log: Path, environment: Mapping[str, str] = MappingProxyType({})) -> "Child":
        """Starts the service on a leash, what it prints appended to `log`; `environment` is added to our own."""
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
        """Of the process."""
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; below 0 it is the signal that ended it."""
        return self._process.returncode

    def send(self, number: signal.Signals) -> None:
        """Sends a signal; none where the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def wait(self) -> int:
        """Its return code, once it has ended."""
        return await self._process.wait()

    async def stop(self, grace_seconds: float) -> int:
        """Asks it to end with SIGTERM, makes it end with SIGKILL after the grace. Its return code."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_seconds):
                return await self.wait()
        except TimeoutError:
            self.send(signal.SIGKILL)
            return await self.wait()


Start = Callable[[Service, Path], Awaitable[Child]]
"""How a service is started, and the file to which what it says is appended: `Child.start`, or a test's quicker way."""


def last_line(log: Path) -> str:
    """The last line that the log holds, empty where there is none: what a service says before it gives up."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
