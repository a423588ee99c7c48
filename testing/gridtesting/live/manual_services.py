"""Services that a test starts and stops, also with bad input, and a view of their recorded data."""

import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import tomli_w

from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, Deployment
from gridrpc.channel import open_sync_channel
from gridrpc.health_probe import health
from gridtesting.live.forked import fork

DEADLINE_SECONDS = 45.0
SECRET = "hunter2hunter2"  # noqa: S105  # stands for every secret that a test gives, and may be said nowhere

Values = dict[str, Any]
Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Start:
    """The arguments of a service's start. `forked`: from a process that has already imported it."""

    config: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    forked: bool = True


class Services:
    """The processes of a deployment, each started and stopped by the test."""

    def __init__(self, deployment: Deployment, folder: Path) -> None:
        self.deployment = deployment
        self.folder = folder
        self._running: dict[str, ForkServerProcess] = {}

    def start(self, *names: str) -> None:
        """Starts services and waits until all of them serve."""
        for name in names:
            self._running[name] = fork(name, self.deployment.config, self.folder / f"{name}.log")
        for name in names:
            until(partial(self._serves, name), partial(self._said, name))

    def stop(self, *names: str) -> None:
        """Stops services cleanly."""
        for name in names:
            self._running[name].terminate()
        for name in names:
            process = self._running.pop(name)
            assert exit_code(process) == 0, self._said(name)

    @contextlib.contextmanager
    def started_after(self, *names: str) -> Iterator[None]:
        """Runs the block, then starts these services again and waits until they serve, also after an exception."""
        try:
            yield
        finally:
            self.start(*names)

    def refused(self, name: str, start: Start) -> tuple[int, str]:
        """Starts it with bad input; returns the exit code and its output."""
        if start.forked:
            log = self.folder / "refused.log"
            log.unlink(missing_ok=True)
            code = exit_code(fork(name, start.config, log, start.environment))
            return code, log.read_text(encoding="utf-8")
        ended = subprocess.run(  # noqa: S603  # our own words
            [sys.executable, "-m", name, "--config", str(start.config)],
            env={**os.environ, **start.environment},
            check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS,
        )  # fmt: skip
        return ended.returncode, ended.stderr

    def edited(self, change: Callable[[Values], None]) -> Path:
        """Writes a changed copy of the deployment's config to a file of its own."""
        values = tomllib.loads(self.deployment.config.read_text(encoding="utf-8"))
        change(values)
        path = self.folder / "edited.toml"
        path.write_text(tomli_w.dumps(values), encoding="utf-8")
        return path

    def database(self, name: str) -> Path:
        """The path of a service's database."""
        return self.folder / name / {EXECUTOR: "ledger.sqlite", ORCHESTRATOR: "state-BTC-USDT.sqlite"}[name]

    def goes_on(self) -> None:
        """Waits until the grid has made another step."""
        newest = "SELECT coalesce(max(seq), 0) FROM trading_steps"
        [(before,)] = query(self.database(ORCHESTRATOR), newest)
        until(lambda: query(self.database(ORCHESTRATOR), newest)[0][0] >= before + 1, lambda: "another step")

    def end(self) -> None:
        """Ends all processes."""
        for process in self._running.values():
            process.kill()
            process.join()

    def _serves(self, name: str) -> bool:
        assert self._running[name].is_alive(), self._said(name)
        with open_sync_channel(self.deployment.addresses[name]) as channel:
            return health(channel) == "SERVING"

    def _said(self, name: str) -> str:
        """A service's output, for the message of a failed test."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")


def exit_code(process: ForkServerProcess) -> int:
    """The exit code of a process that ends by itself. Raises AssertionError if it does not in time."""
    process.join(DEADLINE_SECONDS)
    if process.exitcode is None:
        process.kill()
        raise AssertionError(f"{process.name} still runs after {DEADLINE_SECONDS:g} s")
    return process.exitcode


def until(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    """Waits until the condition holds. Raises AssertionError with `what` at the deadline."""
    ends = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < ends, f"waited {DEADLINE_SECONDS:g} s for {what()}"
        time.sleep(0.02)


def query(database: Path, statement: str) -> list[tuple[Any, ...]]:
    """Runs SQL on a file that another process may have open."""
    with contextlib.closing(sqlite3.connect(database, timeout=DEADLINE_SECONDS)) as connection, connection:
        return connection.execute(statement).fetchall()


def rows(folder: Path) -> Rows:
    """All rows of a folder's databases, except what every startup writes: who opened them, and how often.

    Of DBOS's tables only the workflows: a startup counts its attempts to resume them.
    """
    found: Rows = {}
    for file in sorted(folder.glob("*.sqlite")):
        if file.name == "dbos.sqlite":
            found[file.name] = query(file, "SELECT workflow_uuid, name, inputs FROM workflow_status ORDER BY 1")
            continue
        for (table,) in query(file, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"):
            found[f"{file.name}:{table}"] = query(file, f'SELECT * FROM "{table}"')  # noqa: S608  # a table's name
    for name, found_rows in found.items():
        if name == "ledger.sqlite:meta":
            found[name] = [row[:3] for row in found_rows]  # without the holder
        if name.startswith("state-") and name.endswith(":meta"):
            found[name] = [row for row in found_rows if row[0] != "epoch"]
    return found


def the_sentence(stderr: str, service: str) -> str:
    """The last line of stderr. It must be one sentence of the service, without a Python traceback before it."""
    last = stderr.strip().splitlines()[-1]
    assert "Traceback" not in stderr, stderr
    assert last.startswith(f"{service}: "), stderr
    assert not re.search(r"[.?!] [A-Z]", last), f"more than one sentence: {last}"
    assert SECRET not in stderr
    return last
