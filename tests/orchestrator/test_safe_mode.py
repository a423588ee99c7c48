"""A halt ends with no opening order on the venue, and lasts through any death of the process."""

import asyncio
import contextlib
from collections.abc import Sequence
from decimal import Decimal

import grpc
import pytest

from gridcore.model.actions import Outcome
from gridcore.model.events import ConditionsSeen
from gridcore.model.state import Mode, Rule
from gridtesting.live.orchestrator import BTC, Child, Client, World, eventually, run_inside, spawn, trading
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, orchestrator_pb2
from orchestrator.clients.pricemon import PriceHeard
from orchestrator.symbol.procedures import ENTER_SAFE_MODE

SAFE = models_pb2.MODE_SAFE
ENTERING = models_pb2.MODE_ENTERING
RUNNING = models_pb2.MODE_RUNNING
JUMPED, BACK = Decimal(66000), Decimal(60160)


@pytest.fixture
def jumpy(world: World) -> World:
    """A grid that a jump of 5 % stops."""
    world.risk_options["max_jump"] = '"0.05"'
    return world


async def test_a_price_jump_cancels_the_opening_orders_and_ends_in_safe_mode(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        await jumpy.prices.set_price(BTC, JUMPED)
        await orchestrator.client.until_mode(SAFE)
        state = orchestrator.context().state
        workflows = await orchestrator.client.workflows()
        halt = await orchestrator.client.finished(_only_halt(workflows).workflow_id)

    assert jumpy.opening() == []
    assert state.risk.rule is Rule.PRICE_JUMP
    assert "66000" in state.risk.reason
    assert all(slot.order is None for slot in state.slots.values())
    assert [step.name for step in halt.steps] == [
        "open_safe_mode",
        "raise_fence",
        "cancel_opening_orders",
        "verify_no_opening_order",
        "close_safe_mode",
    ]


async def test_a_jump_that_is_over_before_the_loop_looks_stops_the_grid_all_the_same(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        await until(
            lambda: orchestrator.service.engine.workers[BTC].loop.quiet_band is not None,
            "a band in which nothing is to do",
        )
        for price in (JUMPED, BACK):  # nothing of the loop runs between the two
            await orchestrator.service.engine.on_price_update(PriceHeard(BTC, price, age_ms=0))
        await orchestrator.client.until_mode(SAFE)
        assert orchestrator.context().state.risk.rule is Rule.PRICE_JUMP


async def test_a_jump_during_a_step_stops_the_grid_after_it(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        jumpy.executor.answering.clear()
        await jumpy.executor.fill(BTC, jumpy.opening()[0])
        await until(lambda: orchestrator.context().busy, "a step that waits for the executor")
        for price in (JUMPED, BACK):
            await jumpy.prices.set_price(BTC, price)
            await until(lambda price=price: orchestrator.context().price == price, "the price to be received")
        assert orchestrator.context().busy
        jumpy.executor.answering.set()
        await orchestrator.client.until_mode(SAFE)
        assert orchestrator.context().state.risk.rule is Rule.PRICE_JUMP


async def test_a_jump_that_pricemon_passed_over_stops_the_grid(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        received = PriceHeard(BTC, BACK, age_ms=0, skipped=(JUMPED,), skipped_age_ms=200)
        await orchestrator.service.engine.on_price_update(received)
        await orchestrator.client.until_mode(SAFE)
        assert orchestrator.context().state.risk.rule is Rule.PRICE_JUMP


async def test_the_halt_raises_the_fence_above_all_that_was_decided_before(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        before = jumpy.executor.markets[BTC].fence
        await jumpy.prices.set_price(BTC, JUMPED)
        await orchestrator.client.until_mode(SAFE)

        assert jumpy.executor.markets[BTC].fence == before + 1
        assert orchestrator.context().epoch == before + 1


@pytest.mark.parametrize("hours", [0, 2])
async def test_a_move_while_nobody_looked_is_a_jump_only_after_a_downtime_shorter_than_its_window(
    jumpy: World, hours: int
) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        committed = orchestrator.context().committed
        await until(lambda: committed.last_look() > 0, "a note of the look")
        committed.note_look(committed.last_look() - hours * 3_600_000)
    await jumpy.prices.set_price(BTC, JUMPED)

    async with run_inside(jumpy) as orchestrator:
        await until(lambda: orchestrator.context().state.last_price == JUMPED or not jumpy.opening(), "a first look")
        if not hours:
            await orchestrator.client.until_mode(SAFE)
            return
        assert orchestrator.context().state.risk.mode is Mode.RUNNING
        steps = [row.plan.trigger for row in orchestrator.context().committed.last_steps(10)]
        assert [step.looked_until_ms > 0 for step in steps if isinstance(step, ConditionsSeen)] == [True]
        await jumpy.prices.set_price(BTC, BACK)  # and what it sees itself is a jump as ever
        await orchestrator.client.until_mode(SAFE)
        assert orchestrator.context().state.risk.rule is Rule.PRICE_JUMP


async def test_closing_orders_stay_in_safe_mode_and_their_fills_are_counted(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        await jumpy.executor.fill(BTC, jumpy.opening()[0])
        await until(lambda: len(jumpy.closing()) == 1, "a closing order")
        await jumpy.prices.set_price(BTC, JUMPED)
        await orchestrator.client.until_mode(SAFE)
        assert len(jumpy.closing()) == 1
        await jumpy.executor.fill(BTC, jumpy.closing()[0])
        await until(lambda: orchestrator.context().state.totals.rounds == 1, "the round")

    assert jumpy.opening() == []


async def test_with_prices_silent_a_tick_alone_notices_and_fresh_prices_alone_end_it(world: World) -> None:
    world.risk_options.update(stale_price_ms="400", calm_ms="200")
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        world.prices.alive = False
        await orchestrator.client.until_mode(SAFE)
        assert orchestrator.context().state.risk.rule is Rule.STALE_PRICE
        assert world.opening() == []
        world.prices.alive = True
        await orchestrator.client.until_mode(RUNNING)
        await until(lambda: len(world.opening()) == 3, "the grid to be back")


async def test_an_unknown_opening_order_keeps_the_halt_open_until_its_fate_is_known(jumpy: World) -> None:
    jumpy.executor.outcomes = [Outcome.UNKNOWN]
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        name = jumpy.executor.markets[BTC].venue.unresolved()[0]
        await jumpy.prices.set_price(BTC, JUMPED)
        await until(lambda: orchestrator.context().state.risk.mode is Mode.ENTERING, "the halt to begin")
        await until(lambda: len(set(jumpy.opening()) - {name}) == 0, "the known orders to be cancelled")
        assert orchestrator.context().state.risk.mode is Mode.ENTERING
        await jumpy.executor.resolve(BTC, name)
        await orchestrator.client.until_mode(SAFE)

    assert jumpy.opening() == []


async def test_an_operator_halts_and_lifts_by_call_once_per_request_id(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        client = orchestrator.client
        order = client.order("halt-1", why="maintenance")
        first = await client.stub.EnterSafeMode(order)
        await client.until_mode(SAFE)
        lift = await client.stub.ExitSafeMode(client.order("lift-1", why="done"))
        await client.until_mode(RUNNING)
        again = await client.stub.EnterSafeMode(order)
        await until(lambda: len(world.opening()) == 3, "the grid to be back")
        names = [workflow.name for workflow in await client.workflows()]
        audit = [row for row in (await client.state()).last_steps if row.plan.trigger.HasField("mode_change")]

    assert first.workflow_id == again.workflow_id == "ops/halt-1"
    assert lift.workflow_id == "ops/lift-1"
    assert again.mode == RUNNING
    assert names.count("enter_safe_mode") == 1
    assert {(row.plan.trigger.mode_change.by, row.plan.trigger.mode_change.reason) for row in audit} == {
        ("tester", "maintenance"),
        ("tester", "done"),
    }


async def test_an_operator_who_halts_during_a_halt_takes_it_over_so_that_it_does_not_clear_itself(world: World) -> None:
    world.risk_options.update(stale_price_ms="400", calm_ms="200")
    world.executor.outcomes = [Outcome.UNKNOWN]
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        world.prices.alive = False
        await orchestrator.client.until_mode(ENTERING)
        await orchestrator.client.stub.EnterSafeMode(orchestrator.client.order(why="stay there"))
        await world.executor.resolve(BTC, world.executor.markets[BTC].venue.unresolved()[0])
        await orchestrator.client.until_mode(SAFE)
        workflows = await orchestrator.client.workflows()

    risk = orchestrator.context().state.risk
    assert (risk.rule, risk.reason, risk.clears_itself) == (Rule.OPERATOR, "stay there", False)
    assert [workflow.name for workflow in workflows].count("enter_safe_mode") == 1


async def test_while_entering_there_is_no_way_back(world: World) -> None:
    world.executor.outcomes = [Outcome.UNKNOWN]
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        client = orchestrator.client
        await client.stub.EnterSafeMode(client.order())
        await client.until_mode(ENTERING)
        for call in (client.stub.ExitSafeMode, client.stub.Resume, client.stub.Pause):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(client.order())
            assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_a_pause_sends_nothing_new_and_a_resume_goes_on(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        client = orchestrator.client
        order = client.order("pause-1", why="lunch")
        assert (await client.stub.Pause(order)).mode == models_pb2.MODE_PAUSED
        assert (await client.stub.Pause(order)).mode == models_pb2.MODE_PAUSED
        requests = len(world.executor.requests)
        await world.prices.set_price(BTC, Decimal(61050))
        await until(lambda: orchestrator.context().price == Decimal(61050), "the price to be received")
        assert len(world.executor.requests) == requests
        assert (await client.stub.Resume(client.order())).mode == RUNNING
        await until(lambda: len(world.executor.requests) > requests, "the grid to follow the price")


async def test_a_request_id_used_for_something_else_is_refused(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        client = orchestrator.client
        await client.stub.Pause(client.order("one", why="first"))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.stub.Resume(client.order("one", why="second"))

    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


@pytest.mark.parametrize("moment", ["begun", "entering", "cancelling", "after"])
async def test_killed_around_a_halt_it_comes_back_in_the_same_mode_with_no_opening_order(
    jumpy: World, moment: str
) -> None:
    if moment == "entering":
        jumpy.executor.outcomes = [Outcome.UNKNOWN]
    async with spawn(jumpy) as first:
        await eventually(lambda: _at_step(first, 1), "the first step", 20)
        doubtful = jumpy.executor.markets[BTC].venue.unresolved()
        if moment in {"begun", "cancelling"}:
            jumpy.executor.sending.clear()
        await jumpy.prices.set_price(BTC, JUMPED)
        await eventually(lambda: _halted(first, moment), moment)
        await first.kill()
    jumpy.executor.sending.set()

    async with spawn(jumpy) as second:
        await trading(second.client)
        for name in doubtful:
            await jumpy.executor.resolve(BTC, name)
        await second.client.until_mode(SAFE)
        state = (await second.client.state()).state
        halts = [w for w in await second.client.workflows() if w.name == "enter_safe_mode"]
        await eventually(lambda: _all_done(second.client), "the workflows to end")

    assert jumpy.opening() == []
    assert state.risk.rule == "PRICE_JUMP"
    assert len(halts) == 1


async def test_killed_between_the_halts_record_and_its_first_step_it_halts_all_the_same(world: World) -> None:
    world.executor.answering.clear()
    async with spawn(world) as first:
        await until(lambda: len(world.opening()) == 3, "a step that waits for its answer", 20)
        safe_mode = asyncio.ensure_future(first.client.stub.EnterSafeMode(first.client.order("halt")))
        await eventually(lambda: _recorded(first.client, "ops/halt"), "the record")
        assert await first.client.mode() == RUNNING
        await first.kill()
        with contextlib.suppress(grpc.aio.AioRpcError):
            await safe_mode
    world.executor.answering.set()

    async with spawn(world) as second:
        await trading(second.client)
        await second.client.until_mode(SAFE)
        halt = await second.client.workflow("ops/halt")

    assert world.opening() == []
    assert halt.attempts > 1


async def test_a_halt_whose_workflow_was_cancelled_manually_is_resumed_by_the_next_start(world: World) -> None:
    world.executor.outcomes = [Outcome.UNKNOWN]
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        doubtful = world.executor.markets[BTC].venue.unresolved()[0]
        await orchestrator.client.stub.EnterSafeMode(orchestrator.client.order("halt"))
        await orchestrator.client.until_mode(ENTERING)
    await world.dbos("cancel", "ops/halt")
    await world.executor.resolve(BTC, doubtful)

    async with run_inside(world) as orchestrator:
        await orchestrator.client.until_mode(SAFE)

    assert world.opening() == []


async def _at_step(child: Child, seq: int) -> bool:
    return (await child.client.state()).state.seq >= seq


async def _halted(child: Child, moment: str) -> bool:
    workflows = await child.client.workflows()
    mode = await child.client.mode()
    match moment:
        case "begun":
            return any(workflow.name == "enter_safe_mode" for workflow in workflows)
        case "entering":
            return mode == ENTERING
        case "cancelling":
            return mode == ENTERING and any(w.name == "trading_step" and w.status == "PENDING" for w in workflows)
        case _:
            return mode == SAFE


async def _recorded(client: Client, workflow_id: str) -> bool:
    return any(workflow.workflow_id == workflow_id for workflow in await client.workflows())


async def _all_done(client: Client) -> bool:
    return all(workflow.status == "SUCCESS" for workflow in await client.workflows())


def _only_halt(workflows: Sequence[orchestrator_pb2.Workflow]) -> orchestrator_pb2.Workflow:
    (halt,) = [workflow for workflow in workflows if workflow.name == "enter_safe_mode"]
    return halt


async def test_a_halt_that_lost_its_outcome_is_not_carried_out_again_after_its_lift(jumpy: World) -> None:
    async with run_inside(jumpy) as orchestrator:
        await orchestrator.until_seq(1)
        await orchestrator.client.stub.EnterSafeMode(orchestrator.client.order("halt"))
        await orchestrator.client.until_mode(SAFE)
        await orchestrator.client.finished("ops/halt")
        await orchestrator.client.stub.ExitSafeMode(orchestrator.client.order("lift"))
        await orchestrator.client.until_mode(RUNNING)
        await until(lambda: len(jumpy.opening()) == 3, "the grid to trade")
    of_it = "workflow_uuid = 'ops/halt'"
    jumpy.query_workflows(f"UPDATE workflow_status SET status = 'PENDING' WHERE {of_it}")
    jumpy.query_workflows(f"DELETE FROM operation_outputs WHERE {of_it} AND function_id >= 3")  # verify, close

    async with run_inside(jumpy) as orchestrator:
        await orchestrator.client.finished("ops/halt")
        assert await orchestrator.client.mode() == RUNNING
        assert len(jumpy.opening()) == 3
        worker = orchestrator.service.engine.workers[BTC]
        assert not worker.procedures.of(ENTER_SAFE_MODE), "the next halt must not be taken for this one"
        await jumpy.prices.set_price(BTC, JUMPED)
        await orchestrator.client.until_mode(SAFE)
