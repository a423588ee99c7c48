"""The upgrade drill: an orchestrator of one contract dies in mid-step, one of another contract starts on its data.

`contracts/` has two real ones besides the present: an earlier one with other inputs, and a later one with another step.
"""

import asyncio
import contextlib
import io
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from rich.console import Console

from gridctl.__main__ import run
from gridctl.cli import parser
from griddeploy.free_ports import free_ports
from griddeploy.process.child import Child, Service
from gridservice.crash_point import CRASH
from gridtesting.live.databases import POSTGRES, SQLITE
from gridtesting.live.forked import start_forked
from gridtesting.live.orchestrator import BTC, Client, World, client_of, eventually, run_inside, trading
from gridtesting.live.other_contract import CONTRACT_FILE
from gridwright.v1 import models_pb2
from orchestrator.errors import UnfinishableError

CONTRACTS = Path(__file__).parent / "contracts"
STEP = "test/BTC/USDT/1/1"
_DIES_SECONDS = 60.0
in_files = pytest.mark.parametrize("database", [SQLITE], indirect=True)  # the other tests are of both databases


@contextlib.asynccontextmanager
async def forked(world: World, contract: str = "", crash: str = "") -> AsyncIterator[tuple[Child, Client]]:
    """Runs an orchestrator of a contract (ours by default) that may die at a crash point, and a client."""
    (port,) = free_ports(1)
    world.options["address"] = f'"127.0.0.1:{port}"'
    module = "gridtesting.live.other_contract" if contract else "orchestrator"
    environment = {CRASH: crash} if crash else {}
    if contract:
        environment[CONTRACT_FILE] = str(CONTRACTS / f"{contract}.py")
    service = Service("orchestrator", module, world.config(), f"127.0.0.1:{port}")
    child = await start_forked(service, world.folder.parent / "orchestrator.log", environment)
    try:
        async with client_of(port) as client:
            yield child, client
    finally:
        if child.returncode is None:
            child.send(signal.SIGKILL)
            await child.wait()


async def dies(world: World, contract: str, crash: str) -> None:
    async with forked(world, contract, crash) as (child, _):
        await died(child)


async def died(child: Child) -> None:
    """Returns once it has died at its crash point."""
    code = None  # that of one that still lives
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DIES_SECONDS):
            code = await child.wait()
    assert code == -signal.SIGKILL, child.log.read_text(encoding="utf-8")


def settle(world: World, *workflow_ids: str) -> tuple[int, str]:
    """`gridwright cancel-workflow`: exit code and what it says."""
    said = io.StringIO()
    words = ["cancel-workflow", "--config", str(world.config()), *workflow_ids]
    return run(parser().parse_args(words), Console(file=said, width=200)), said.getvalue()


def names(world: World) -> set[str]:
    return {order.place.client_order_id for order in world.executor.orders(BTC)}


def status_of(world: World, workflow_id: str) -> str:
    rows = world.query_workflows("SELECT workflow_uuid, status FROM workflow_status")
    return dict(rows)[workflow_id]


@pytest.mark.parametrize(
    ("database", "crash"),
    [
        (SQLITE, "orchestrator.trading_step.begun"),
        (SQLITE, "orchestrator.batch_execute.recorded"),
        (POSTGRES, "orchestrator.batch_execute.recorded"),
    ],
    indirect=["database"],
)
async def test_the_next_contract_finishes_a_step_in_whose_midst_the_last_one_died(world: World, crash: str) -> None:
    await dies(world, "", crash)
    sent = names(world)
    async with forked(world, "later") as (child, client):
        await trading(client)
        await eventually(lambda: _has_orders(client, 3), "three orders")
        explained = await client.explain(1)
        newest = (await client.workflows())[0]
        state = (await client.state()).state
        assert await child.stop(10) == 0
    assert explained.request_id == STEP
    assert {slot.order.client_order_id for slot in state.slots.values()} == names(world)
    assert sent <= names(world)
    assert len(world.executor.all_orders(BTC)) == 3
    assert status_of(world, STEP) == "CANCELLED"
    if not sent:  # the next contract has decided again, by steps of its own
        assert (newest.application_version, newest.workflow_id) == ("gridwright-2", "test/BTC/USDT/2/2")


async def test_what_another_contract_left_is_refused_with_the_command_that_settles_it(world: World) -> None:
    await dies(world, "earlier", "orchestrator.heard:2")
    sent = names(world)
    assert len(sent) == 3
    with pytest.raises(UnfinishableError) as refusal:
        async with run_inside(world):
            pass
    assert f"{STEP} (trading_step) is of contract gridwright-0" in str(refusal.value)
    command = f"gridwright cancel-workflow {STEP}"
    assert command in str(refusal.value)

    assert settle(world, *command.split()[2:])[0] == 0

    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(1)
        explained = await orchestrator.client.explain(1)
        await world.executor.fill(BTC, min(sent))
        await eventually(lambda: _has_fill(orchestrator.client), "the fill")
    assert explained.request_id == STEP
    assert {slot.order.client_order_id for slot in state.slots.values() if slot.order} == sent
    assert names(world) & sent == sent - {min(sent)}


@in_files
async def test_a_counter_order_of_another_contract_is_settled_with_the_fills_that_asked_for_it(world: World) -> None:
    async with forked(world, "earlier", "orchestrator.heard:4") as (child, client):
        await eventually(lambda: _has_orders(client, 3), "the first orders")
        filled = world.opening()[0]
        await world.executor.fill(BTC, filled)
        await died(child)
    (counter,) = world.closing()
    await world.executor.fill(BTC, counter)
    ((workflow_id,),) = world.query_workflows("SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING'")
    assert settle(world, workflow_id)[0] == 0

    async with run_inside(world) as orchestrator:
        await eventually(lambda: _has_fill(orchestrator.client, 2), "both fills")
        totals = (await orchestrator.client.state()).state.totals
        explained = await orchestrator.client.explain(2)
    assert {update.client_order_id for update in explained.plan.trigger.order_updates.updates} == {filled}
    assert (totals.rounds, totals.fills) == (1, 2)


@in_files
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_takeover_of_steps_that_is_cut_off_is_made_by_the_next_start(world: World, side: str) -> None:
    await dies(world, "", "orchestrator.batch_execute.recorded")
    await dies(world, "later", f"orchestrator.hand_over.{side}")
    async with forked(world, "later") as (child, client):
        await trading(client)
        await eventually(lambda: _has_orders(client, 3), "three orders")
        state = (await client.state()).state
        assert await child.stop(10) == 0
    assert {slot.order.client_order_id for slot in state.slots.values()} == names(world)
    assert len(world.executor.all_orders(BTC)) == 3
    assert status_of(world, STEP) == "CANCELLED"


@in_files
async def test_a_halt_of_another_contract_halts_the_grid_all_the_same(world: World) -> None:
    await _dies_before_it_halts(world)
    world.query_workflows(
        "UPDATE workflow_status SET application_version = 'gridwright-0' WHERE name = 'enter_safe_mode'"
    )
    async with run_inside(world) as orchestrator:
        await orchestrator.client.until_mode(models_pb2.MODE_SAFE)
        risk = (await orchestrator.client.state()).state.risk
    assert world.opening() == []
    assert "gridwright-0" in risk.reason
    assert status_of(world, "ops/halt") == "CANCELLED"


@in_files
async def test_a_halt_that_was_resumed_too_often_is_recorded_again(world: World) -> None:
    await _dies_before_it_halts(world)
    world.query_workflows(
        "UPDATE workflow_status SET status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED' WHERE name = 'enter_safe_mode'"
    )
    async with run_inside(world) as orchestrator:
        await orchestrator.client.until_mode(models_pb2.MODE_SAFE)
        risk = (await orchestrator.client.state()).state.risk
        await orchestrator.client.finished("ops/halt/again")
    assert (risk.by, risk.reason) == ("tester", "a test")


@in_files
async def test_the_next_contract_lifts_a_halt_that_the_last_one_was_about_to_lift(world: World) -> None:
    async with forked(world, "", "orchestrator.exit_safe_mode.begun") as (child, client):
        await eventually(lambda: _has_orders(client, 3), "the first orders")
        await client.stub.EnterSafeMode(client.order("halt"))
        await client.until_mode(models_pb2.MODE_SAFE)
        await client.finished("ops/halt")  # a halt that has no outcome yet would be carried out again, after the lift
        with contextlib.suppress(grpc.aio.AioRpcError):
            await client.stub.ExitSafeMode(client.order("lift"))
        await died(child)
    async with forked(world, "later") as (_, client):
        await client.until_mode(models_pb2.MODE_RUNNING)
        assert (await client.finished("ops/lift/again")).application_version == "gridwright-2"
    assert status_of(world, "ops/lift") == "CANCELLED"


@in_files
async def test_a_step_that_was_resumed_too_often_is_settled_by_the_command(world: World) -> None:
    await dies(world, "", "orchestrator.batch_execute.recorded")
    world.query_workflows("UPDATE workflow_status SET status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'")
    with pytest.raises(UnfinishableError, match=f"is out of recovery attempts: .*cancel-workflow {STEP}"):
        async with run_inside(world):
            pass
    assert settle(world, STEP) == (
        0, f"{STEP} is cancelled: the next startup settles what was sent of it from the executor's ledger\n"
    )  # fmt: skip
    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(1)
    assert {slot.order.client_order_id for slot in state.slots.values() if slot.order} == names(world)


@in_files
async def test_only_what_is_unfinished_can_be_settled_and_only_while_nobody_works(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert settle(world, STEP)[0] == 1
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await orchestrator.client.finished(STEP)
        assert settle(world, STEP)[0] == 4
    assert "stop it first" in capsys.readouterr().err
    assert settle(world, STEP) == (1, f"{STEP} has ended (SUCCESS): there is nothing to cancel\n")
    assert settle(world, "no-such")[0] == 1


async def _dies_before_it_halts(world: World) -> None:
    async with forked(world, "", "orchestrator.enter_safe_mode.begun") as (child, client):
        await eventually(lambda: _has_orders(client, 3), "the first orders")
        with contextlib.suppress(grpc.aio.AioRpcError):
            await client.stub.EnterSafeMode(client.order("halt"))
        await died(child)


async def _has_orders(client: Client, count: int) -> bool:
    answer = await client.state()
    return sum(slot.HasField("order") for slot in answer.state.slots.values()) == count


async def _has_fill(client: Client, count: int = 1) -> bool:
    return (await client.state()).state.totals.fills >= count
