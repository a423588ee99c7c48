"""`gridwright` says within its first second what it cannot run on, and what to do about it."""

import importlib.metadata
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridctl.environment_check import OLDEST_SQLITE, first_problem, package_unmet, python_unmet, sqlite_unmet


def test_what_this_runs_on_will_do() -> None:
    assert first_problem() == ""


@pytest.mark.parametrize(("version", "good"), [((3, 10, 9), False), ((3, 11, 0), True), ((3, 15, 0), True)])
def test_a_python_that_is_too_old_is_named_with_the_remedy(version: tuple[int, ...], good: bool) -> None:
    assert (python_unmet(version) == "") is good
    assert good or "needs 3.11 or newer" in python_unmet(version)


@pytest.mark.parametrize(("version", "good"), [((3, 34, 1), False), ((3, 35, 0), True), ((3, 53, 4), True)])
def test_a_sqlite_that_is_too_old_is_named_with_the_remedy(version: tuple[int, ...], good: bool) -> None:
    assert (sqlite_unmet(version) == "") is good
    assert good or "SQLite 3.34.1, and Gridwright needs 3.35.0" in sqlite_unmet(version)


@pytest.mark.parametrize(
    ("requirement", "found", "good"),
    [
        ("grpcio>=1.85.1", "1.85.1", True),
        ("grpcio>=1.85.1", "1.85", False),
        ("grpcio>=1.85.1", "1.100.0rc1", True),
        ("grpcio>=1.85.1", None, False),
        ("dbos<3.5,>=3.4; extra == 'orchestrator'", "3.4.2.post1", True),
        ("dbos<3.5,>=3.4; extra == 'orchestrator'", "3.5.0", False),
        ("dbos<3.5,>=3.4; extra == 'orchestrator'", None, True),
        ("psycopg[binary]>=3.2; extra == 'executor'", "3.1.9", False),
        ("ruff>=0.12; extra == 'dev'", "0.1", True),
        ("gridwright[executor]; extra == 'all'", None, True),
    ],
)
def test_a_package_of_another_version_is_named_with_the_command_that_repairs_it(
    requirement: str, found: str | None, good: bool
) -> None:
    sentence = package_unmet(requirement, lambda _name: found)
    assert (sentence == "") is good
    assert good or (
        "pip install" in sentence and requirement.partition(";")[0].partition("[")[0].strip()[:4] in sentence
    )


def test_every_requirement_of_the_package_is_understood() -> None:
    for requirement in importlib.metadata.requires("gridwright") or []:
        name = requirement.partition(";")[0]
        if "extra ==" in requirement and "'dev'" not in requirement and "'all'" not in requirement and ">=" in name:
            assert "0.0.1 is installed" in package_unmet(requirement, lambda _name: "0.0.1"), requirement


def test_the_command_ends_with_2_within_a_second_where_a_package_is_of_no_use(tmp_path: Path) -> None:
    info = tmp_path / "dbos-2.0.0.dist-info"  # found before the real one
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dbos\nVersion: 2.0.0\n", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [str(Path(sys.executable).with_name("gridwright")), "demo"]
    subprocess.run(command, env=environment, check=False, capture_output=True)  # writes what Python caches
    began = time.monotonic()
    ended = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    took = time.monotonic() - began

    assert ended.returncode == 2
    assert ended.stderr.startswith("gridwright: dbos 2.0.0 is installed, and Gridwright needs dbos")
    assert ended.stderr.count("\n") == 1
    assert took < 5  # a second on a machine that does nothing else


def test_the_oldest_sqlite_is_the_documented_one() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert f"SQLite {'.'.join(map(str, OLDEST_SQLITE[:2]))}" in readme
