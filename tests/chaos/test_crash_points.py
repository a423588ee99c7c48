"""Every durable write of the executor and the orchestrator has crash points beside it, and every name is used."""

import os
import signal
import subprocess
import sys
import timeit
from collections import Counter
from pathlib import Path

import pytest

import executor
from gridservice.config_file import ConfigError
from gridservice.crash_point import ANY, CRASH, TRACE, arm, around, crash_point
from gridservice.crash_point_names import CRASH_POINTS
from gridtesting.crash_page import page
from gridtesting.crash_scan import Scan, scan

SERVICES = Path(str(executor.__file__)).parents[1]
PAGE = Path(__file__).parents[2] / "docs" / "crash-points.md"
FILES, DATABASE = ("store/sqlite.py",), ("store/postgres.py", "orchestrator/storage.py")  # the two stores' twins

BARE = """
import sqlalchemy as sa

table = sa.table("table")


def write(connection: sa.Connection) -> None:
    connection.execute(sa.insert(table))


def write_by_another(connection: sa.Connection) -> None:
    write(connection)


class Service:
    async def forgets(self) -> None:
        await self._writer.run(write_by_another)

    async def begins_too_late(self) -> None:
        with self._engine.begin() as connection, around("sample.late"):
            write(connection)

    async def places(self) -> None:
        await self._venue.place("BTC/USDT")

    def records(self) -> None:
        DBOS.start_workflow(self)
"""
COVERED = """
import sqlalchemy as sa

table = sa.table("table")


def read(connection: sa.Connection) -> int:
    return connection.execute(sa.select(table)).scalar_one()


def write(connection: sa.Connection) -> None:
    connection.execute(sa.update(table))


class Service:
    async def writes(self) -> int:
        with around("sample.write"):
            await self._writer.run(write)
        return await self._writer.run(read)
"""

ROUND = ["executor.told", "executor.accept.before", "executor.accept.after"]


@pytest.fixture(scope="module")
def found() -> Scan:
    return scan(SERVICES, "executor", "orchestrator")


def scan_of(folder: Path, source: str) -> Scan:
    package = folder / "sample"
    package.mkdir()
    (package / "module.py").write_text(source, encoding="utf-8")
    return scan(folder, "sample")


def test_every_durable_write_has_crash_points_beside_it(found: Scan) -> None:
    assert not found.bare, "\n".join(found.bare)
    assert found.writes > 40  # it did look


def test_every_registered_name_is_used_once_and_no_other(found: Scan) -> None:
    ours = {path: names for path, names in found.names.items() if not str(path).endswith((*FILES, *DATABASE))}
    for store in (FILES, DATABASE):
        theirs = (names for path, names in found.names.items() if str(path).endswith(store))
        used = sum([*ours.values(), *theirs], Counter[str]())
        assert used == Counter(list(CRASH_POINTS))


def test_the_page_is_what_the_registry_gives() -> None:
    said = PAGE.read_text(encoding="utf-8")
    assert said == page(), "run: python -m gridtesting.crash_page > docs/crash-points.md"


def test_a_write_without_crash_points_is_found(tmp_path: Path) -> None:
    assert [where.split()[1] for where in scan_of(tmp_path, BARE).bare] == [
        "write_by_another", "write", "venue.place", "DBOS.start_workflow",
    ]  # fmt: skip


def test_a_write_between_crash_points_and_a_read_are_in_order(tmp_path: Path) -> None:
    found = scan_of(tmp_path, COVERED)
    assert (found.bare, found.writes) == ([], 1)
    assert [*found.names.values()] == [Counter(["sample.write.before", "sample.write.after"])]


@pytest.mark.parametrize(
    ("wanted", "remedy"),
    [
        pytest.param("executor.acept.before", "did you mean executor.accept.before", id="misspelt"),
        pytest.param("nothing.like.it", "give a name of gridservice.crash_point_names", id="unlike any"),
        pytest.param("executor.told:0", "whole number from 1", id="pass 0"),
        pytest.param("executor.told:often", "whole number from 1", id="pass no number"),
        pytest.param(f"{ANY}:", "whole number from 1", id="pass missing"),
    ],
)
def test_an_order_that_cannot_be_followed_is_refused(wanted: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=remedy):
        arm({CRASH: wanted})


def test_a_trace_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name a file in a folder"):
        arm({TRACE: str(tmp_path)})


@pytest.mark.parametrize("service", ["executor", "orchestrator"])
def test_a_service_says_in_a_sentence_that_there_is_no_such_point(service: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", service, "--config", tmp_path / "none.toml"],
        env={**os.environ, CRASH: "executor.tod"}, check=False, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert ended.returncode == 2
    sentence = f"{service}: {CRASH} = 'executor.tod': no such crash point; did you mean executor.told"
    assert ended.stderr.splitlines()[-1].startswith(sentence)


@pytest.mark.parametrize(
    ("wanted", "passed"),
    [
        pytest.param("executor.told", ["executor.told"], id="first pass"),
        pytest.param("executor.told:2", [*ROUND, "executor.told"], id="second pass"),
        pytest.param("executor.accept.after", ROUND, id="after the block"),
        pytest.param("*:2", ROUND[:2], id="second pass of any"),
        pytest.param("", ROUND * 3, id="never"),
    ],
)
def test_a_process_dies_at_the_given_pass(wanted: str, passed: list[str], tmp_path: Path) -> None:
    body = (
        "import os\n"
        "from gridservice.crash_point import arm, around, crash_point\n"
        "arm(os.environ)\n"
        "for _ in range(3):\n"
        "    crash_point('executor.told')\n"
        "    with around('executor.accept'):\n"
        "        pass\n"
    )
    trace = tmp_path / "trace"
    environment = {**os.environ, CRASH: wanted, TRACE: str(trace)}
    ended = subprocess.run([sys.executable, "-c", body], env=environment, check=False, timeout=30)
    traced = trace.read_text(encoding="utf-8").split()
    assert ended.returncode == (-signal.SIGKILL if wanted else 0)
    assert traced == passed


def test_a_process_stops_at_the_given_point_and_resumes_on_sigcont(tmp_path: Path) -> None:
    body = (
        "import os\n"
        "from gridservice.crash_point import arm, crash_point\n"
        "arm(os.environ)\n"
        "for _ in range(3):\n"
        "    crash_point('executor.told')\n"
    )
    trace = tmp_path / "trace"
    environment = {**os.environ, CRASH: "stop:executor.told:2", TRACE: str(trace)}
    process = subprocess.Popen([sys.executable, "-c", body], env=environment)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert len(trace.read_text(encoding="utf-8").split()) == 2
    process.send_signal(signal.SIGCONT)
    assert process.wait(30) == 0
    assert len(trace.read_text(encoding="utf-8").split()) == 3


def test_after_is_passed_when_a_call_fails_and_not_when_it_is_cancelled(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    arm({TRACE: str(trace)})
    try:
        for error in (ValueError, KeyboardInterrupt):
            with pytest.raises(error), around("executor.place"):
                raise error
    finally:
        arm({})
    assert trace.read_text().split() == ["executor.place.before", "executor.place.after", "executor.place.before"]


def test_a_point_that_is_off_costs_nothing() -> None:
    arm({})
    passes = 10_000
    best = min(timeit.repeat(lambda: crash_point("executor.told"), number=passes, repeat=5))
    assert best / passes < 5e-6  # 40 ns measured; a commit takes a thousand times what is allowed here
