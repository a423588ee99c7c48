"""Databases that go wrong under real services while an order fills; and files that are found torn at the start.

Here are those that take seconds. All others: `python -m gridchaos --databases`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gridchaos.databases.cases import CASES, play
from gridchaos.harness.deployment import still_deployment
from gridchaos.harness.grid_driver import DEADLINE_SECONDS, Grid
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridservice.config_file import read_toml
from gridtesting.live.disks import NotPermittedError
from gridtesting.live.processes import Stack
from gridwright.v1 import models_pb2

pytestmark = pytest.mark.system

QUICK = [
    "db/sqlite/locked-workflows",
    "db/sqlite/full-executor",
    "db/sqlite/full-orchestrator",
    "db/postgres/lost-answers",
    "db/postgres/full-orchestrator",
]
STATE, WORKFLOWS = "state-BTC-USDT.sqlite", "dbos.sqlite"
FILES = [(EXECUTOR, "ledger.sqlite"), (ORCHESTRATOR, STATE), (ORCHESTRATOR, WORKFLOWS)]


@pytest.mark.parametrize("case_id", QUICK)
async def test_a_database_that_goes_wrong_costs_time_and_nothing_else(case_id: str, tmp_path: Path) -> None:
    try:
        result = await play(CASES[case_id], tmp_path)
    except NotPermittedError as error:
        pytest.skip(str(error))
    assert result.clean, "\n".join(result.problems)
    assert result.fills >= 1


def data_of(stack: Stack, service: str, name: str) -> Path:
    return Path(read_toml(stack.deployment.config).table(service).text("data_dir")) / name


def tear(path: Path) -> None:
    """Its second page is of another file, as after a disk that lied."""
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096)


def empty(path: Path) -> None:
    """Nothing is left of it but its name."""
    path.write_bytes(b"")


async def test_a_torn_or_emptied_file_stops_its_service_and_nothing_is_begun_in_its_place(tmp_path: Path) -> None:
    stack = Stack(still_deployment(tmp_path), tmp_path / "logs", forked=True)
    grid = Grid(stack)
    try:
        async with stack.channels:
            await stack.start()
            await grid.at_rest_in(models_pb2.MODE_RUNNING)
            for service in (ORCHESTRATOR, EXECUTOR):
                assert await stack[service].stop() == 0
            for service, name in FILES:
                await refused_until_restored(stack, service, name, tear, "is damaged")
                await refused_until_restored(stack, service, name, empty, "is empty")
            for service in (EXECUTOR, ORCHESTRATOR):
                await stack[service].start()
            await grid.at_rest_in(models_pb2.MODE_RUNNING)
            await grid.sell_down()
            await grid.fills_beyond(0)
            report = await stack.audit()
    finally:
        await stack.end()
    assert report.clean, report


async def refused_until_restored(
    stack: Stack, service: str, name: str, spoil: Callable[[Path], None], said: str
) -> None:
    path = data_of(stack, service, name)
    whole = path.read_bytes()
    spoil(path)
    await stack[service].start()
    assert await stack[service].ended(DEADLINE_SECONDS) == 5, stack[service].output
    last = stack[service].output.strip().splitlines()[-1]
    assert said in last
    for leftover in path.parent.glob(f"{name}-*"):
        leftover.unlink()
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "sold", "said"),
    [
        pytest.param(STATE, ["1"], "was in flight and is settled", id="state"),
        # What is too little for an exit order asks for nothing, so that this step is in no workflow.
        pytest.param(STATE, ["0.001", "1"], "is from a backup; it is rebuilt", id="state-with-a-step-of-no-workflow"),
        pytest.param(WORKFLOWS, ["1"], "trades at step", id="workflows"),
    ],
)
async def test_an_orchestrator_that_lost_a_wal_file_catches_up_from_what_the_others_have(
    name: str, sold: list[str], said: str, tmp_path: Path
) -> None:
    stack = Stack(still_deployment(tmp_path), tmp_path / "logs", forked=True)
    grid = Grid(stack)
    try:
        async with stack.channels:
            await stack.start()
            await grid.at_rest_in(models_pb2.MODE_RUNNING)
            for fills, fraction in enumerate(sold):
                await grid.sell_down(fraction)
                await grid.fills_beyond(fills)
                await grid.at_rest_in(models_pb2.MODE_RUNNING)
            before = await grid.state()
            await stack[ORCHESTRATOR].kill()
            wal = data_of(stack, ORCHESTRATOR, f"{name}-wal")
            lost = wal.stat().st_size
            wal.unlink()
            earlier = stack[ORCHESTRATOR].output
            await stack[ORCHESTRATOR].start()
            await grid.at_rest_in(models_pb2.MODE_RUNNING)
            after = await grid.state()
            report = await stack.audit()
    finally:
        await stack.end()
    assert lost > 0
    assert said in stack[ORCHESTRATOR].output.removeprefix(earlier)
    assert (timeless(after.slots), after.totals) == (timeless(before.slots), before.totals)
    assert report.clean, report


def timeless(slots: Mapping[str, models_pb2.InventorySlot]) -> dict[str, models_pb2.InventorySlot]:
    """Without when each order was decided on, of which the ledger knows only when it was sent."""
    copies = {}
    for name, slot in slots.items():
        copies[name] = models_pb2.InventorySlot()
        copies[name].CopyFrom(slot)
        if slot.HasField("order"):
            copies[name].order.ClearField("decided_ms")
    return copies


async def test_a_file_that_is_removed_under_a_running_service_stops_it(tmp_path: Path) -> None:
    stack = Stack(still_deployment(tmp_path), tmp_path / "logs", forked=True)
    try:
        async with stack.channels:
            await stack.start()
            for service, name in FILES[:2]:
                data_of(stack, service, name).unlink()
                assert await stack[service].ended(DEADLINE_SECONDS) == 5, stack[service].output
                assert "removed or replaced" in stack[service].output.strip().splitlines()[-1]
    finally:
        await stack.end()
