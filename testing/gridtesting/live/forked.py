"""Forks services from a process that has imported them: they are real processes and start in milliseconds.

Importing ccxt, grpc, SQLAlchemy and DBOS takes most of the CPU of a startup, and a matrix of crashes is mostly
startups. The process forks while it has one thread and no channel, so a child begins as if right after its imports.
POSIX only.
"""

import asyncio
import contextlib
import faulthandler
import importlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import MappingProxyType

from griddeploy.process.child import Child, Service
from gridtesting.mutant import mutate, rules_of

TELL = signal.SIGUSR2
"""Makes a forked service write the stacks of its threads and tasks to its log."""

_context = multiprocessing.get_context("forkserver")
# A test's child imports the last one again as its main module.
_context.set_forkserver_preload(
    ["simex.__main__", "pricemon.__main__", "executor.__main__", "orchestrator.__main__", __name__, "pytest"]
)
# Starting a process also reaps ended ones, in a thread of its own; an exit code can be read only once.
_one_at_a_time = threading.Lock()


def fork(
    module: str, config: Path, log: Path, environment: Mapping[str, str] = MappingProxyType({})
) -> ForkServerProcess:
    """Runs what `python -m module --config config` would. All output is appended to `log`.

    `environment` extends our own. The process ends with that of the tests.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    whole = {**os.environ, **environment}
    process = _context.Process(target=_become, args=(module, str(config), str(log), whole))
    with _one_at_a_time:
        process.start()  # the first one waits for all the imports
    return process


async def start_forked(service: Service, log: Path, environment: Mapping[str, str] = MappingProxyType({})) -> Child:
    """Forks a service; the child has the interface of one that `Child.start` started."""
    return Child(_Forked(await asyncio.to_thread(fork, service.module, service.config, log, environment)), log)


class _Forked:
    """A forked process with the interface of asyncio's subprocess, for the loop in which it was started."""

    def __init__(self, process: ForkServerProcess) -> None:
        assert process.pid is not None
        self.pid: int = process.pid
        self.returncode: int | None = None
        self._process = process
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(process.sentinel, self._reap)

    def send_signal(self, number: int, /) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    async def wait(self) -> int:
        await self._ended.wait()
        assert self.returncode is not None
        return self.returncode

    def _reap(self) -> None:
        self._loop.remove_reader(self._process.sentinel)
        with _one_at_a_time:
            self._process.join()
        self.returncode = self._process.exitcode
        self._ended.set()


def _become(module: str, config: str, log: str, environment: dict[str, str]) -> None:
    """In the child: runs the service with its own environment, log and command line."""
    os.setsid()
    os.environ.clear()
    os.environ.update(environment)
    with Path(log).open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.argv = [module, "--config", config]
    mutate(module, rules_of(environment))
    threading.Thread(target=_end_with_the_tests, name="leash", daemon=True).start()
    signal.signal(TELL, _tell)
    sys.exit(importlib.import_module(f"{module}.__main__").main())


def _tell(*_: object) -> None:
    """Writes the stacks of all threads and tasks to the log."""
    faulthandler.dump_traceback(all_threads=True)
    with contextlib.suppress(Exception):  # no loop runs, or a task has no source
        for task in asyncio.all_tasks():
            task.print_stack()


def _end_with_the_tests() -> None:
    tests = multiprocessing.parent_process()
    assert tests is not None
    tests.join()
    os._exit(1)
