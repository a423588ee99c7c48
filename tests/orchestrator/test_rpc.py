"""What the RPCs return: the present, the journal, the workflows; and how they refuse."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import grpc
import pytest

from gridcore.bookkeeping.settle import settle
from gridrpc.convert_orders import result_from_proto
from gridrpc.convert_plan import plan_from_proto
from gridrpc.convert_state import digest, state_from_proto
from gridtesting.grids import MARKET
from gridtesting.live.orchestrator import BTC, ETH, Client, Running, World, run_inside
from gridtesting.waiting import until
from gridwright.v1 import orchestrator_pb2
from orchestrator import retention


async def test_explain_returns_what_a_step_saw_decided_sent_and_received(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        step = await orchestrator.client.explain(1)
        by_id = await orchestrator.client.stub.Explain(
            orchestrator_pb2.ExplainRequest(symbol=BTC, request_id=step.request_id)
        )

    assert by_id == step
    assert step.request_id == "test/BTC/USDT/1/1"
    trigger = step.plan.trigger  # on a slow machine the first tick may come before the price, with it
    assert (trigger.price_change.price or trigger.tick.price) == "60150"
    assert len(step.plan.actions) == len(step.results) == 3
    assert [phase.name for phase in step.phases] == ["decide", "record", "execute", "commit"]
    assert all(phase.started_time_ns > 0 and phase.duration_ns >= 0 for phase in step.phases)
    assert step.plan.state_digest == step.digest_before


async def test_the_journal_replays_to_the_very_state(world: World) -> None:
    world.prices.forget(BTC)
    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state
        await world.prices.set_price(BTC, Decimal(60150))
        await orchestrator.until_seq(1)
        await world.executor.fill(BTC, world.opening()[0])
        await until(lambda: len(world.closing()) == 1, "a closing order")
        await world.prices.set_price(BTC, Decimal(60450))
        await orchestrator.until_seq(3)
        after = state_from_proto((await orchestrator.client.state()).state)
        rows = [await orchestrator.client.explain(seq) for seq in range(1, after.seq + 1)]

    assert state.seq == 0
    for row in rows:
        assert digest(state) == row.digest_before
        state = settle(state, plan_from_proto(row.plan), [result_from_proto(r) for r in row.results], MARKET)
        assert digest(state) == row.digest_after
    assert state == after


async def test_get_workflow_returns_each_step_and_each_phase_with_its_time(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        listed = await orchestrator.client.workflows()
        workflow = await orchestrator.client.workflow(listed[0].workflow_id)

    assert (workflow.name, workflow.status, workflow.attempts) == ("trading_step", "SUCCESS", 1)
    assert workflow.application_version == "gridwright-1"
    assert [step.name for step in workflow.steps] == ["batch_execute", "commit_state"]
    assert all(step.started_time_ms >= workflow.created_time_ms - 1_000 for step in workflow.steps)
    assert '"OUTCOME_ACCEPTED"' in workflow.steps[0].outcome
    assert [phase.name for phase in workflow.phases] == ["decide", "record", "execute", "commit"]


async def test_workflows_are_listed_newest_first_by_symbol_and_status_up_to_a_limit(world: World) -> None:
    world.symbols = (BTC, ETH)
    await world.prices.set_price(ETH, Decimal(60150))
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await orchestrator.until_seq(1, ETH)
        await world.prices.set_price(BTC, Decimal(60450))
        await orchestrator.until_seq(2)
        stub = orchestrator.client.stub
        btc = await stub.ListWorkflows(orchestrator_pb2.ListWorkflowsRequest(symbol=BTC, status="SUCCESS"))
        first = await stub.ListWorkflows(orchestrator_pb2.ListWorkflowsRequest(limit=1))
        pending = await stub.ListWorkflows(orchestrator_pb2.ListWorkflowsRequest(status="PENDING"))

    assert [w.workflow_id for w in btc.workflows] == ["test/BTC/USDT/1/2", "test/BTC/USDT/1/1"]
    assert [w.workflow_id for w in first.workflows] == ["test/BTC/USDT/1/2"]
    assert list(pending.workflows) == []


async def test_watch_state_sends_the_present_and_then_each_change(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        stream = orchestrator.client.stub.WatchState(orchestrator_pb2.WatchStateRequest(symbol=BTC, steps=1))
        first = await _next(stream)
        await world.prices.set_price(BTC, Decimal(60450))
        later = await _read_until(stream, lambda seen: seen.state.seq == 2 and not seen.busy)
        stream.cancel()

    assert first.state.seq == 1
    assert first.price == "60150"
    assert later.price == "60450"
    assert [step.seq for step in later.last_steps] == [2]


async def test_a_slow_watcher_misses_what_lies_between_and_sees_the_newest(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        changes = orchestrator.context().changes
        seen = changes.count
        for price in range(60151, 60161):
            await world.prices.set_price(BTC, Decimal(price))
            await _until_received(orchestrator, Decimal(price))
        count = await asyncio.wait_for(changes.after(seen), 30)

    assert count >= seen + 10


async def test_get_state_returns_age_reachability_and_profit(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.executor.fill(BTC, max(world.opening(), key=lambda name: name[7:12]))
        await orchestrator.until_seq(2)
        answer = await orchestrator.client.state()

    assert answer.executor_reachable
    assert answer.pricemon_reachable
    assert answer.trading
    assert 0 <= answer.price_age_ms < 10_000
    assert Decimal(answer.unrealised_pnl) > 0


async def test_the_symbol_may_be_left_out_where_there_is_one(world: World) -> None:
    async with run_inside(world) as orchestrator:
        assert (await orchestrator.client.state("")).state.symbol == BTC


REFUSALS: dict[str, tuple[Callable[[Client], Awaitable[Any]], grpc.StatusCode, str]] = {
    "unknown symbol": (lambda c: c.state("XRP/USDT"), grpc.StatusCode.INVALID_ARGUMENT, "give one of BTC/USDT"),
    "unknown workflow": (lambda c: c.workflow("nope"), grpc.StatusCode.NOT_FOUND, "'nope'"),
    "unknown step": (lambda c: c.explain(999), grpc.StatusCode.NOT_FOUND, "seq = 999"),
    "no who": (
        lambda c: c.stub.Pause(orchestrator_pb2.OperatorRequest(request_id="1", symbol=BTC, why="x")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "who is empty",
    ),
    "no request id": (
        lambda c: c.stub.EnterSafeMode(orchestrator_pb2.OperatorRequest(who="me", symbol=BTC, why="x")),
        grpc.StatusCode.INVALID_ARGUMENT,
        "request_id is empty",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_cannot_be_answered_is_refused_with_a_sentence(world: World, case: str) -> None:
    call, code, sentence = REFUSALS[case]
    async with run_inside(world) as orchestrator:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(orchestrator.client)

    assert refused.value.code() is code
    assert sentence in (refused.value.details() or "")


async def test_retention_takes_finished_workflows_and_old_rows_and_never_the_newest_row(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.prices.set_price(BTC, Decimal(60450))
        await orchestrator.until_seq(2)
        world.executor.answering.clear()
        await world.prices.set_price(BTC, Decimal(61050))
        await until(lambda: len(world.executor.requests) == 3, "a step in progress")
        await asyncio.to_thread(
            retention.prune, [orchestrator.context().committed], orchestrator.service.engine.workflows, 2**42
        )
        left = await orchestrator.client.workflows()
        rows = world.query_state("SELECT seq FROM trading_steps")
        world.executor.answering.set()
        await orchestrator.until_seq(3)

    assert [(w.workflow_id, w.status) for w in left] == [("test/BTC/USDT/1/3", "PENDING")]
    assert rows == [(2,)]


async def _until_received(orchestrator: Running, price: Decimal) -> None:
    await until(lambda: orchestrator.context().price == price, f"the price {price}")


async def _next(stream: grpc.aio.UnaryStreamCall[Any, Any]) -> orchestrator_pb2.GetStateResponse:
    message = await stream.read()
    assert isinstance(message, orchestrator_pb2.GetStateResponse)
    return message


async def _read_until(
    stream: grpc.aio.UnaryStreamCall[Any, Any], condition: Callable[[orchestrator_pb2.GetStateResponse], bool]
) -> orchestrator_pb2.GetStateResponse:
    async with asyncio.timeout(30):
        while True:
            seen = await _next(stream)
            if condition(seen):
                return seen
