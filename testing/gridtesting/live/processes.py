"""The real services as OS processes, for tests that kill them: each started, killed, frozen and stopped by the test.

Nothing is restarted automatically; gridctl's supervisor does that, and has tests of its own.
"""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import grpc
from google.protobuf.message import Message

from griddeploy.audit.audit import AuditReport, audit
from griddeploy.audit.gather import gather_at_rest
from griddeploy.channels import Channels
from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.deployment import SIMEX, Deployment
from griddeploy.process.child import Child, Service
from griddeploy.process.health import until_serving
from gridservice.silence import FOLDER_VARIABLE
from gridtesting.live.forked import start_forked
from gridtesting.live.stopped_processes import EndedWithUs
from gridwright.v1 import simex_pb2

START_SECONDS = 30.0
STOP_SECONDS = 10.0
SETTLE_SECONDS = 40.0

T = TypeVar("T")


class StillRunsError(AssertionError):
    """A process that should have ended by itself still runs."""


class Process:
    """One service over several runs. A timeout fails with the service's output."""

    def __init__(self, service: Service, log: Path, *, forked: bool = False) -> None:
        self.service = service
        self._begin = start_forked if forked else Child.start
        self._log = log
        self._child: Child | None = None
        self._watch: EndedWithUs | None = None  # while it is frozen

    @property
    def output(self) -> str:
        """Its output of all runs."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """The pid of the current run."""
        return self._running().pid

    async def start(self, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """Starts it with an extended environment. It may not serve yet when this returns."""
        assert self._child is None or self._child.returncode is not None, f"{self.service.name} runs already"
        self._let_go()  # the previous run, which may have ended while it was frozen
        # A ban that one run has caused must not silence the next run at the same address.
        silences = {FOLDER_VARIABLE: str(self._log.parent / "silences")}
        self._child = await self._begin(self.service, self._log, {**silences, **environment})

    async def serving(self) -> None:
        """Waits until its health is SERVING. Raises AssertionError if it ends, or does not serve in time."""
        child = self._running()
        waiting = {asyncio.create_task(until_serving(self.service.address)), asyncio.create_task(child.wait())}
        done, late = await asyncio.wait(waiting, timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in late:
            task.cancel()
        assert done, f"{self.service.name} does not serve after {START_SECONDS:g} s:\n{self.output}"
        assert child.returncode is None, f"{self.service.name} ended with {child.returncode}:\n{self.output}"

    async def kill(self) -> None:
        """Sends SIGKILL and waits for the end."""
        child = self._running()
        child.send(signal.SIGKILL)
        await child.wait()
        self._let_go()

    async def stop(self) -> int:
        """Sends SIGTERM. Returns the exit code; below 0 if it took SIGKILL to end it."""
        return await self._running().stop(STOP_SECONDS)

    async def ended(self, deadline_seconds: float) -> int:
        """Waits until it has ended by itself; its exit code. Raises StillRunsError at the deadline."""
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self._running().wait()
        except TimeoutError:
            raise StillRunsError(f"{self.service.name} still runs:\n{self.output}") from None

    def freeze(self) -> None:
        """Sends SIGSTOP; from its return on the process does not answer."""
        self.end_with_us()
        self._running().send(signal.SIGSTOP)
        _until_stopped(self.pid)

    def thaw(self) -> None:
        """Sends SIGCONT."""
        self._running().send(signal.SIGCONT)
        self._let_go()

    def end_with_us(self) -> None:
        """Makes it end when this process ends, even while it is frozen; until it is thawed or has ended."""
        self._let_go()
        self._watch = EndedWithUs(self.pid)

    def _let_go(self) -> None:
        if self._watch is not None:
            self._watch.release()
            self._watch = None

    @property
    def ended_already(self) -> bool:
        """Whether the current run has ended, for any reason."""
        return self._running().returncode is not None

    async def end(self) -> None:
        """Makes sure that it has ended, frozen or not."""
        if self._child is not None and self._child.returncode is None:
            await self.kill()
        self._let_go()

    def _running(self) -> Child:
        assert self._child is not None, f"{self.service.name} was never started"
        return self._child


class Stack:
    """All services of a config, with channels to them. `stack["executor"]` is a process.

    `configs` gives some services their own config files. `forked` starts them in milliseconds, from a process that has
    imported them.
    """

    def __init__(
        self,
        deployment: Deployment,
        logs: Path,
        configs: Mapping[str, Path] = MappingProxyType({}),
        *,
        forked: bool = False,
    ) -> None:
        self.deployment = deployment
        self.channels = Channels(deployment)
        services = [replace(each, config=configs.get(each.name, each.config)) for each in deployment.services]
        self._processes = {
            service.name: Process(service, logs / f"{service.name}.log", forked=forked) for service in services
        }

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    async def start(self) -> None:
        """Starts all, simex first, and waits until all serve."""
        simex, *others = self._processes.values()
        assert simex.service.name == SIMEX
        await simex.start()
        await simex.serving()
        for process in others:
            await process.start()
        for process in others:
            await process.serving()

    async def answer(self, call: Callable[..., Awaitable[T]], request: Message) -> T:
        """The answer of a service that may still be starting. Fails with the output of all services at the deadline."""
        try:
            return await call(request, timeout=START_SECONDS, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise AssertionError(f"no answer after {START_SECONDS:g} s:\n{self.outputs()}") from None
            raise

    async def audit(self) -> AuditReport:
        """Stops the market, waits until all is settled, and compares venue and records. Services must be running."""
        await self.channels.simex.SetRunning(simex_pb2.SetRunningRequest(running=False))
        evidence = await gather_at_rest(self.channels, self.deployment.bot, self.deployment.symbols, SETTLE_SECONDS)
        assert evidence.settled, f"not settled after {SETTLE_SECONDS:g} s:\n{self.outputs()}"
        return audit(self.deployment.bot, evidence.truth, evidence.books)

    def outputs(self) -> str:
        """The output of every service, for the message of a failed test."""
        return "\n".join(f"--- {name}\n{process.output}" for name, process in self._processes.items())

    async def end(self) -> None:
        """Makes sure that all have ended."""
        for process in reversed(self._processes.values()):
            await process.end()


@contextlib.asynccontextmanager
async def running_stack(
    folder: Path, demo_config: DemoConfig | None = None, *, forked: bool = False
) -> AsyncIterator[Stack]:
    """Runs the services of a demo for the block; they end with it, also after an exception."""
    stack = Stack(prepare_demo(demo_config or DemoConfig(), folder), folder / "logs", forked=forked)
    try:
        async with stack.channels:
            await stack.start()
            yield stack
    finally:
        await stack.end()


async def start_listening(module: str, config: Path, log: Path, *, forked: bool = True) -> tuple[Child, str]:
    """Starts a single service and returns the address at which it listens. Raises AssertionError if it ends before.

    If not `forked`, it uses the real command line, as gridctl does.
    """
    begins = _size(log)
    child = await _begin(module, config, log, forked=forked)
    try:
        async with asyncio.timeout(START_SECONDS):
            while (found := re.search(rf"^{module} listening (\S+)\n", _said(log, begins), re.MULTILINE)) is None:
                assert child.returncode is None, f"{module} ended with {child.returncode}:\n{_said(log, begins)}"
                await asyncio.sleep(0.01)
    except BaseException:
        await child.stop(0)
        raise
    return child, found[1]


async def run_to_end(module: str, config: Path, log: Path, *, forked: bool = True) -> tuple[int, str]:
    """Runs a single service until it ends; returns its exit code and its output."""
    begins = _size(log)
    child = await _begin(module, config, log, forked=forked)
    try:
        async with asyncio.timeout(START_SECONDS):
            return await child.wait(), _said(log, begins)
    finally:
        await child.stop(0)


async def _begin(module: str, config: Path, log: Path, *, forked: bool) -> Child:
    return await (start_forked if forked else Child.start)(Service(module, module, config, ""), log)


def _size(log: Path) -> int:
    return log.stat().st_size if log.exists() else 0


def _said(log: Path, begins: int) -> str:
    return log.read_bytes()[begins:].decode() if log.exists() else ""


def _until_stopped(pid: int) -> None:
    try:
        os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOWAIT)
    except ChildProcessError:  # a forked process is the fork server's child
        while Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2][0] != "T":
            os.sched_yield()
