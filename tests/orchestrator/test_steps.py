"""Between DBOS's threads and the loop: what has no outcome gets none, and history is not run again."""

import asyncio
from decimal import Decimal

import pytest

from gridservice.errors import StopError
from gridtesting.live.orchestrator import BTC, World, eventually, run_inside
from gridtesting.waiting import until
from orchestrator.errors import Abandoned
from orchestrator.symbol.event_queue import EventQueue, PriceDue, TickDue
from orchestrator.symbol.step_runner import StepRunner
from orchestrator.thread_bridge import ThreadBridge


async def test_a_bridge_gives_a_thread_the_coroutines_result() -> None:
    async def answer() -> int:
        return 7

    bridge = ThreadBridge(asyncio.get_running_loop())

    assert await asyncio.to_thread(lambda: bridge.call(answer())) == 7


async def test_a_closed_bridge_abandons_those_who_wait_and_those_who_come() -> None:
    bridge = ThreadBridge(asyncio.get_running_loop())
    began = asyncio.Event()

    async def wait_forever() -> None:
        began.set()
        await asyncio.Event().wait()

    def call() -> str:
        try:
            bridge.call(wait_forever())
        except Abandoned:
            return "abandoned"
        return "answered"

    waiting = asyncio.ensure_future(asyncio.to_thread(call))
    await began.wait()
    bridge.close()

    assert await waiting == "abandoned"
    assert await asyncio.to_thread(call) == "abandoned"


async def test_an_error_in_a_step_stops_the_process_and_leaves_the_workflow_without_an_outcome() -> None:
    stopped: list[StopError] = []
    runner = StepRunner({}, lambda _symbol, error: stopped.append(error))

    with pytest.raises(Abandoned):
        await asyncio.to_thread(runner.on_thread, "no plan", lambda worker, step: worker.trading_step.execute(step))

    assert len(stopped) == 1
    assert "start again" in str(stopped[0])


async def test_a_workflow_forked_from_before_the_retention_is_refused_and_sends_nothing(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.prices.set_price(BTC, Decimal(60450))
        await orchestrator.until_seq(2)
        calls = world.executor.requests["test/BTC/USDT/1/1"].calls
        await asyncio.to_thread(orchestrator.context().committed.prune, 2**42)
        await _fork(world, "test/BTC/USDT/1/1", "forked")

        async def refused() -> bool:
            return (await orchestrator.client.workflow("forked")).status == "ERROR"

        await eventually(refused, "the refusal")
        state = orchestrator.context().state

    assert world.executor.requests["test/BTC/USDT/1/1"].calls == calls
    assert state.seq == 2


async def test_a_forked_workflow_of_a_step_that_is_in_the_journal_changes_nothing(world: World) -> None:
    async with run_inside(world) as orchestrator:
        before = await orchestrator.until_seq(1)
        await _fork(world, "test/BTC/USDT/1/1", "forked")

        async def done() -> bool:
            return (await orchestrator.client.workflow("forked")).status == "SUCCESS"

        await eventually(done, "the repetition")
        assert orchestrator.context().state == before

    assert world.executor.requests["test/BTC/USDT/1/1"].calls == 1
    assert world.query_state("SELECT count(*) FROM trading_steps") == [(1,)]


async def test_the_inbox_gives_commands_first_then_updates_then_a_tick_then_the_newest_price(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.executor.fill(BTC, world.opening()[0])
        await until(lambda: orchestrator.context().state.event_offset == 2, "updates to copy")
    (first, second) = world.executor.markets[BTC].venue.log
    events = EventQueue(max_updates=1)

    async def command() -> None:
        return None

    events.put_price(Decimal(1), 10)
    events.put_price(Decimal(2), 11)
    events.put_tick()
    events.put_tick()
    await events.put_update(first)
    await events.put_update(second)
    events.put_command(command)
    taken = [await events.take() for _ in range(5)]

    assert taken[:3] == [command, (first,), (second,)]
    assert isinstance(taken[3], TickDue)
    assert taken[4] == PriceDue(11, Decimal(2), passed=(Decimal(1),), since_ms=10)
    assert events.empty


async def _fork(world: World, workflow_id: str, new_id: str) -> None:
    names = ("--step", "1", "--forked-workflow-id", new_id)
    await world.dbos("fork", workflow_id, *names, "--application-version", "gridwright-1")
