"""What the tests of the containers share: a compose project of their own, asked by grpcurl and removed in the end."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gridtesting.grpcurl import Grpcurl

ROOT = Path(__file__).parents[2]
SYMBOL = "BTC/USDT"
EXECUTOR, ORCHESTRATOR, SIMEX = "127.0.0.1:18083", "127.0.0.1:18084", "127.0.0.1:18081"
DEADLINE_SECONDS = 180.0  # for whatever a loaded machine takes; what is waited for comes in a tenth of it
_KILL = "import os, sys; os.kill(int(sys.argv[1]), 9)"
_OURS = ("COMPOSE_", "GRIDWRIGHT_", "DATABASE_")


@dataclass(frozen=True)
class Project:
    """A compose project from `files`, in an environment without any variable of ours but those of `variables`."""

    name: str
    files: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    grpcurl: Grpcurl = field(default_factory=Grpcurl)

    def compose(self, *words: str) -> str:
        """What `docker compose WORDS` prints. Raises AssertionError where it fails."""
        files = [word for file in self.files for word in ("-f", str(file))]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        return _run("docker", "compose", "-p", self.name, *files, *words, environment={**environment, **self.variables})

    def up(self) -> float:
        """Brings everything up to its health; how many seconds that took."""
        began = time.monotonic()
        self.compose("up", "--detach", "--wait", "--wait-timeout", f"{DEADLINE_SECONDS:.0f}")
        return time.monotonic() - began

    def container(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        identity = self.compose("ps", "--all", "--quiet", service).strip()
        found: dict[str, Any] = json.loads(_run("docker", "inspect", identity))[0]
        return found

    def kill(self, service: str) -> float:
        """Kills the main process from outside of the container; after how many seconds it was back by itself."""
        killed = self.container(service)
        image, process = "gridwright", str(killed["State"]["Pid"])
        # `docker kill` would tell the engine that the container is meant to be down. And only the engine's own host,
        # which on a desktop is a virtual machine, knows the process by this number.
        _run("docker", "run", "--rm", "--pid=host", "--user=0", "--network=none", image, "python", "-c", _KILL, process)
        began = time.monotonic()
        self.until(lambda: self._is_back(service, killed), f"the return of {service}")
        return time.monotonic() - began

    def _is_back(self, service: str, killed: dict[str, Any]) -> bool:
        now = self.container(service)
        restarts = now["RestartCount"] > killed["RestartCount"]
        return restarts and now["State"]["Running"] and now["State"]["Health"]["Status"] == "healthy"

    def state(self) -> dict[str, Any]:
        """The committed state of the grid."""
        state: dict[str, Any] = self._orchestrator()["state"]
        return state

    def fills(self) -> int:
        """How many fills the state has seen."""
        return int(self.state()["totals"].get("fills", 0))

    def set_running(self, *, running: bool) -> None:
        """Stops the market, or starts it again."""
        request = {"symbol": SYMBOL, "running": running}
        self.grpcurl.ask(SIMEX, "gridwright.v1.Simex/SetRunning", request)

    def state_at_rest(self) -> dict[str, Any]:
        """Returns the state once nothing is in progress. The market must be stopped."""
        answers: list[dict[str, Any]] = []

        def at_rest() -> bool:
            answers.append(self._orchestrator())
            opened = self.grpcurl.ask(EXECUTOR, "gridwright.v1.Executor/ListOpenOrders", {"symbol": SYMBOL})
            under_way = answers[-1].get("busy") or opened.get("in_flight")
            return not under_way and len(answers) > 2 and answers[-1]["state"] == answers[-3]["state"]

        self.until(at_rest, "rest")
        state: dict[str, Any] = answers[-1]["state"]
        return state

    def audit(self) -> str:
        """What `gridwright audit` prints, run where an operator would run it."""
        return self.compose("exec", "--no-TTY", "orchestrator", "gridwright", "audit")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        """Returns once the condition holds."""
        ends = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < ends, f"{what} did not come in {DEADLINE_SECONDS:g} s; {self._story()}"

    def remove(self) -> None:
        """Every container, network and volume of the project."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "5")

    def _orchestrator(self) -> dict[str, Any]:
        return self.grpcurl.ask(ORCHESTRATOR, "gridwright.v1.Orchestrator/GetState", {"symbol": SYMBOL})

    def _story(self) -> str:
        return self.compose("ps", "--all") + self.compose("logs", "--no-color", "--tail", "20")


def _run(*command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=2 * DEADLINE_SECONDS
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def engine() -> None:
    """Skips the test where there is no Docker engine, or no compose."""
    if shutil.which("docker") is None:
        pytest.skip("there is no `docker` here: the containers are tested where an engine and Compose are")
    for words in (("info",), ("compose", "version")):
        if subprocess.run(["docker", *words], check=False, capture_output=True).returncode != 0:
            pytest.skip(f"`docker {' '.join(words)}` fails: the containers are tested where an engine and Compose are")


@pytest.fixture(scope="session")
def image(engine: None) -> None:
    """The image of the checkout as it is now: `up` alone would take an older one that is there."""
    Project("gridwright-test").compose("build", "password")


@pytest.fixture
def project(image: None) -> Iterator[Callable[..., Project]]:
    """Makes a project from files and variables, and removes it in the end."""
    made: list[Project] = []

    def make(*files: Path, **variables: str) -> Project:
        made.append(Project(f"gridwright-test-{os.getpid()}", files, variables))
        return made[-1]

    yield make
    for each in made:
        each.remove()


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Says how far the test is: it takes minutes."""

    def say(sentence: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"  {sentence}\n")
            sys.stdout.flush()

    return say
