"""Shared by the system tests: the `gridwright` command as a process, and a deployment that it keeps running."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from griddeploy.demo.config import DemoConfig, prepare_demo
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX, Deployment
from griddeploy.process.health import until_serving
from gridtesting.grpcurl import Grpcurl
from gridtesting.live.manual_services import Services
from gridwright.v1 import executor_pb2, orchestrator_pb2, pricemon_pb2, simex_pb2

DEADLINE_SECONDS = 60.0
SYMBOL = "BTC/USDT"
SERVICES = {
    "pricemon": pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"],
    "executor": executor_pb2.DESCRIPTOR.services_by_name["Executor"],
    "orchestrator": orchestrator_pb2.DESCRIPTOR.services_by_name["Orchestrator"],
    "simex": simex_pb2.DESCRIPTOR.services_by_name["Simex"],
}


@pytest.fixture
def gridwright() -> Callable[..., subprocess.Popen[str]]:
    """Starts `gridwright ARGUMENTS` with its output in a pipe."""

    def start(*words: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "gridctl", *map(str, words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    return start


@pytest.fixture(scope="session")
def tapes() -> Path:
    """The folder of recorded tapes; without it the test is skipped."""
    folder = Path(os.environ.get("GRIDWRIGHT_DATA", Path(__file__).parents[3] / "shared" / "data")) / "recorded"
    if not folder.is_dir():
        pytest.skip(f"there are no recorded tapes in {folder}; GRIDWRIGHT_DATA names another place")
    return folder


@dataclass(frozen=True)
class Up:
    """A running deployment, queried by grpcurl and by the command line."""

    starter: int  # the process that has started it
    deployment: Deployment
    grpcurl: Grpcurl

    def ask(self, rpc: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer of `service.Method`."""
        return self.grpcurl.ask(*self.target(rpc), request)

    def target(self, rpc: str) -> tuple[str, str]:
        """Address and full name of `service.Method`."""
        service, method = rpc.split(".")
        return self.deployment.addresses[service], f"{SERVICES[service].full_name}/{method}"

    def command(self, name: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Runs `gridwright NAME ARGUMENTS` for this deployment."""
        line = [sys.executable, "-m", "gridctl", name, "--config", str(self.deployment.config), *words]
        return subprocess.run(line, check=False, capture_output=True, text=True, timeout=DEADLINE_SECONDS)

    def state(self) -> dict[str, Any]:
        """The committed state."""
        return self.ask("orchestrator.GetState", {"symbol": SYMBOL})["state"]

    def operate(self, method: str) -> dict[str, Any]:
        """Gives an operator's command."""
        order = {"request_id": f"by-hand-{time.time_ns()}", "symbol": SYMBOL, "who": "grpcurl", "why": "a test"}
        return self.ask(f"orchestrator.{method}", order)

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Returns once the condition holds."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < ends, f"{what} did not come in {DEADLINE_SECONDS:g} s"

    def until_serving(self) -> None:
        """Returns once every service says so."""

        async def serving() -> None:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await asyncio.gather(*(until_serving(address) for address in self.deployment.addresses.values()))

        asyncio.run(serving())

    def until_mode(self, *modes: str) -> str:
        """The mode, once it is one of these."""
        self.until(lambda: self.state()["risk"]["mode"] in modes, " or ".join(modes))
        return self.state()["risk"]["mode"]

    def back_to_running(self) -> None:
        """Exits safe mode by the command that applies."""
        mode = self.until_mode("MODE_RUNNING", "MODE_PAUSED", "MODE_SAFE")
        if mode != "MODE_RUNNING":
            self.operate("Resume" if mode == "MODE_PAUSED" else "ExitSafeMode")
        self.until_mode("MODE_RUNNING")


@pytest.fixture(scope="module")
def deployment_up(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Everything up and trading: by `gridwright up` for a module with BY_COMMAND, otherwise forked and unsupervised."""
    folder = tmp_path_factory.mktemp("up")
    deployment = prepare_demo(DemoConfig(seed=7), folder)
    with (_kept_up if getattr(request.module, "BY_COMMAND", False) else _forked)(deployment, folder) as starter:
        up = Up(starter, deployment, Grpcurl())
        up.until_serving()
        up.until(lambda: int(up.state()["totals"].get("fills", 0)) > 0, "a first fill")
        yield up


@contextlib.contextmanager
def _kept_up(deployment: Deployment, folder: Path) -> Iterator[int]:
    """Ctrl-C at the end."""
    words = ["up", "--plain", "--config", str(deployment.config), "--data-dir", str(folder)]
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "gridctl", *words], stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE_SECONDS)


@contextlib.contextmanager
def _forked(deployment: Deployment, folder: Path) -> Iterator[int]:
    services = Services(deployment, folder)
    try:
        services.start(SIMEX)
        services.start(PRICEMON, EXECUTOR, ORCHESTRATOR)
        yield os.getpid()
    finally:
        services.end()


@pytest.fixture
def up(deployment_up: Up) -> Iterator[Up]:
    """The deployment with its grid running, and running again afterwards."""
    yield deployment_up
    deployment_up.back_to_running()
