"""A whole deployment on a real Postgres: a demo under kills, and a database that dies."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import grpc
import psycopg
import pytest

from griddeploy.demo.config import DemoConfig
from gridtesting.live.postgres import PASSWORD, PostgresServer, running_postgres
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import orchestrator_pb2

pytestmark = pytest.mark.system

DEADLINE_SECONDS = 60.0
CLEAN = "duplicates=0 orphans=0 missing=0 twice=0 position_diff=0"
Start = Callable[..., Popen[str]]


def test_a_demo_under_kills_has_a_database_of_its_own_and_loses_nothing(
    gridwright: Start, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = postgres.create()
    monkeypatch.setenv("DATABASE_URL", postgres.url(given))
    words = ("demo", "--plain", "--data-dir", tmp_path)

    runs = [(*words, "--duration", 4), (*words, "--kill", "--duration", 15)]
    outputs = [gridwright(*run).communicate(timeout=300)[0] for run in runs]

    for output in outputs:
        assert CLEAN in output.splitlines()[-1], output
        assert PASSWORD not in output
    with psycopg.connect(postgres.url(given)) as connection:
        assert connection.execute("SELECT nspname FROM pg_namespace WHERE nspname = 'executor'").fetchone() is None
    assert not any(PASSWORD in path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())
    for name in (f"{given}_demo", given):
        postgres.drop(name)


def test_a_demo_takes_no_database_that_it_did_not_make(
    gridwright: Start, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = postgres.create()
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{given}_demo"'.encode())
    monkeypatch.setenv("DATABASE_URL", postgres.url(given))

    process = gridwright("demo", "--plain", "--duration", 5, "--data-dir", tmp_path)
    output = process.communicate(timeout=120)[0]

    assert process.returncode == 2
    assert f"{given}_demo" in output
    assert "is no demo's" in output
    for name in (f"{given}_demo", given):
        postgres.drop(name)


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_database_that_goes_away_under_the_deployment_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    with running_postgres(durable=True) as server:
        monkeypatch.setenv("DATABASE_URL", server.url())
        async with running_stack(tmp_path, DemoConfig(seed=time.time_ns() % 1_000_000), forked=True) as stack:
            await traded(stack, 3)
            if how == "killed":
                server.kill()
                await asyncio.to_thread(server.start)
            else:
                server.freeze()
                await asyncio.sleep(2)  # the length of the outage, not a wait for something
                server.thaw()
            await traded(stack, 3)
            report = await stack.audit()
    assert report.clean, f"{report}\n{stack.outputs()}"


async def test_services_stop_as_asked_while_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_postgres(durable=True) as server:
        monkeypatch.setenv("DATABASE_URL", server.url())
        async with running_stack(tmp_path, DemoConfig(seed=7), forked=True) as stack:
            await traded(stack, 3)
            server.kill()
            codes = {name: await stack[name].stop() for name in ("executor", "orchestrator")}
            assert codes == {"executor": 0, "orchestrator": 0}, stack.outputs()
            await asyncio.to_thread(server.start)
            for name in codes:
                await stack[name].start()
            await traded(stack, 3)
            report = await stack.audit()
    assert report.clean, f"{report}\n{stack.outputs()}"


async def traded(stack: Stack, fills: int) -> None:
    """Waits until the grid has this many more fills than now."""
    request = orchestrator_pb2.GetStateRequest()
    before: int | None = None
    ends = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < ends:
        with contextlib.suppress(grpc.aio.AioRpcError):
            answer = await stack.answer(stack.channels.orchestrator.GetState, request)
            before = answer.state.totals.fills if before is None else before
            if answer.state.totals.fills >= before + fills:
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not {fills} fills in {DEADLINE_SECONDS:g} s:\n{stack.outputs()}")
