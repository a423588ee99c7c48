"""While a step waits for an executor that is dead, the operator is answered and the risk rules are asked."""

from collections.abc import AsyncIterator
from decimal import Decimal

import grpc
import pytest

from gridrpc.errors import Unavailable, rpc_error_of
from gridtesting.live.orchestrator import BTC, START, Running, World, eventually, run_inside
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, orchestrator_pb2

WAITING = "test/BTC/USDT/1/2"


@pytest.fixture
async def waiting(world: World) -> AsyncIterator[Running]:
    """An orchestrator whose second step waits for the executor."""
    world.risk_options["max_jump"] = '"0.05"'
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.stop_executor()
        await world.prices.set_price(BTC, START + 900)
        await until(lambda: orchestrator.context().waits, "the step to wait")
        yield orchestrator


async def sent_nothing(world: World, orchestrator: Running) -> None:
    """The step that waited was answered, and none of it was sent."""
    row = await orchestrator.client.explain(2)
    assert row.request_id == WAITING
    assert {result.outcome for result in row.results} == {models_pb2.OUTCOME_NOT_SENT}
    assert world.executor.requests[WAITING].complete


async def test_a_halt_is_on_record_at_once_and_nothing_of_the_step_is_sent_after_it(
    world: World, waiting: Running
) -> None:
    answer = await waiting.client.stub.EnterSafeMode(waiting.client.order("halt"), timeout=20)
    assert answer.workflow_id == "ops/halt"
    assert (await waiting.client.workflow("ops/halt")).status in {"PENDING", "ENQUEUED"}
    await eventually(lambda: _asks(waiting, "ENTERING safe mode by tester"), "the halt to be shown")

    await world.start_executor()
    await waiting.client.until_mode(models_pb2.MODE_SAFE)
    await sent_nothing(world, waiting)
    assert world.opening() == []
    assert (await waiting.client.state()).asked == ""


async def test_a_jump_halts_the_grid_while_its_step_waits(world: World, waiting: Running) -> None:
    await world.prices.set_price(BTC, START + 9_000)
    await eventually(lambda: _halts(waiting), "the halt to be on record")
    assert (await waiting.client.state()).state.risk.mode == models_pb2.MODE_RUNNING, "the step is not over"

    await world.start_executor()
    await waiting.client.until_mode(models_pb2.MODE_SAFE)
    await sent_nothing(world, waiting)
    risk = (await waiting.client.state()).state.risk
    assert risk.rule == "PRICE_JUMP"
    assert risk.by == "risk"


async def test_a_pause_is_answered_that_it_was_not_done_and_is_not_done_later(world: World, waiting: Running) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await waiting.client.stub.Pause(waiting.client.order("pause"), timeout=30)
    fault = rpc_error_of(caught.value)
    assert isinstance(fault, Unavailable)
    assert fault.reason == "STEP_WAITS"

    await world.start_executor()
    await waiting.until_seq(2)
    assert waiting.context().state.risk.mode.value == "RUNNING"
    answer = await waiting.client.stub.Pause(waiting.client.order("pause"), timeout=30)
    assert answer.mode == models_pb2.MODE_PAUSED


async def test_two_halts_at_once_end_in_one(world: World, waiting: Running) -> None:
    await world.prices.set_price(BTC, START + Decimal(9_000))
    await eventually(lambda: _halts(waiting), "the halt of the risk rules")
    await waiting.client.stub.EnterSafeMode(waiting.client.order("mine", why="I saw it too"), timeout=30)
    await world.start_executor()
    await waiting.client.until_mode(models_pb2.MODE_SAFE)
    await waiting.client.finished("ops/mine")
    risk = (await waiting.client.state()).state.risk
    assert (risk.mode, risk.reason) == (models_pb2.MODE_SAFE, "I saw it too")


async def _asks(orchestrator: Running, sentence: str) -> bool:
    return sentence in (await orchestrator.client.state()).asked


async def _halts(orchestrator: Running) -> bool:
    workflows: list[orchestrator_pb2.Workflow] = await orchestrator.client.workflows()
    return any(workflow.name == "enter_safe_mode" for workflow in workflows)
