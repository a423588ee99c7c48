"""The state, the ledger or both lost or from a backup: the same grid comes back, and nothing is sent twice."""

import asyncio
import signal
from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.model.orders import Role
from gridcore.model.slots import PositionStatus
from gridcore.model.state import Mode, State
from gridrpc.convert_state import state_from_proto
from gridservice.crash_point import CRASH
from gridtesting.live.orchestrator import BTC, Running, World, run_inside, run_to_end, spawn
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2
from orchestrator import retention
from orchestrator.retention import acknowledge

LOW, HIGH = Decimal(59650), Decimal(60150)


async def trade(world: World, orchestrator: Running) -> State:
    """Buys what rests highest, and half of what rests next; the state at rest after it."""
    await orchestrator.until_seq(1)
    market = world.executor.markets[BTC].venue
    first, second, *_ = sorted(world.executor.orders(BTC), key=lambda order: -order.place.price)
    await world.executor.fill(BTC, first.place.client_order_id)
    await world.executor.fill(BTC, second.place.client_order_id, second.place.quantity / 2)
    await until(lambda: orchestrator.context().state.event_offset == len(market.log), "the fills")
    await until(lambda: not orchestrator.context().busy and orchestrator.context().events.empty, "rest")
    return orchestrator.context().state


def substance(state: State) -> object:
    """What the lost state and the rebuilt one must have in common."""
    slots = {
        key: (slot.position, slot.cost, slot.order and slot.order.client_order_id, slot.order and slot.order.executed)
        for key, slot in state.slots.items()
        if slot.order is not None or slot.position_status is not PositionStatus.EMPTY
    }
    return slots, state.totals, state.event_offset


def names(world: World) -> set[str]:
    return {order.place.client_order_id for order in world.executor.all_orders(BTC)}


async def test_a_lost_state_comes_back_from_the_ledger(world: World) -> None:
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
    placed = names(world)
    world.database.lose_state(world.folder)

    async with run_inside(world) as orchestrator:
        await until(
            lambda: orchestrator.context().price is not None and orchestrator.context().events.empty, "the price"
        )
        state = orchestrator.context().state
        reported = (await orchestrator.client.state()).state
        step = await orchestrator.client.explain(state.seq)

    assert substance(state) == substance(before)
    assert names(world) == placed  # nothing was placed for it
    assert state.birth_id != before.birth_id
    assert state.epoch > before.epoch
    assert state.risk.mode is Mode.RUNNING
    assert state.rebuilt is not None
    assert "the state was lost" in reported.rebuilt.why
    assert len(reported.rebuilt.lost) == 2
    assert step.plan.trigger.state_rebuilt == reported.rebuilt


async def test_it_is_rebuilt_once_and_goes_on_from_there(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await trade(world, orchestrator)
    world.database.lose_state(world.folder)
    async with run_inside(world) as orchestrator:
        first = orchestrator.context().state
        await world.prices.set_price(BTC, Decimal(61050))  # the window moves: cancels and placements
        await orchestrator.until_seq(first.seq + 1)
        moved = names(world)
        late = await orchestrator.client.state()
    async with run_inside(world) as orchestrator:
        again = orchestrator.context().state

    assert again.rebuilt == first.rebuilt
    assert again.seq >= late.state.seq
    assert names(world) == moved


async def more(world: World, orchestrator: Running) -> State:
    """Fills what is left of the partly filled order, and another; the state at rest after it."""
    market = world.executor.markets[BTC].venue
    for order in sorted(world.executor.orders(BTC, Role.OPENING), key=lambda order: -order.place.price)[:2]:
        await world.executor.fill(BTC, order.place.client_order_id)
    await until(lambda: orchestrator.context().state.event_offset == len(market.log), "the fills")
    await until(lambda: not orchestrator.context().busy and orchestrator.context().events.empty, "rest")
    return orchestrator.context().state


@pytest.mark.parametrize("lost", ["all of it", "a backup from before the floor", "a backup from after it"])
async def test_a_state_comes_back_from_the_checkpoint_where_the_log_before_it_was_pruned(
    world: World, lost: str
) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    restore = world.database.back_up(world.folder) if lost == "a backup from before the floor" else None
    async with run_inside(world) as orchestrator:
        acknowledged = await trade(world, orchestrator)
        await acknowledge(orchestrator.context())
    restore = world.database.back_up(world.folder) if lost == "a backup from after it" else restore
    async with run_inside(world) as orchestrator:
        before = await more(world, orchestrator)
    placed = names(world)
    market = world.executor.markets[BTC]
    assert before.event_offset > acknowledged.event_offset > 0
    market.floor_offset = acknowledged.event_offset
    if restore is None:
        world.database.lose_state(world.folder)
    else:
        world.database = restore()

    async with run_inside(world) as orchestrator:
        await until(
            lambda: orchestrator.context().price is not None and orchestrator.context().events.empty, "the price"
        )
        state = orchestrator.context().state

    assert substance(state) == substance(before)
    assert names(world) == placed
    assert state.rebuilt is not None
    async with run_inside(world) as orchestrator:
        assert orchestrator.context().state.rebuilt == state.rebuilt  # once


async def test_a_running_orchestrator_acknowledges_the_log(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_EVERY_SECONDS", 0.05)
    market = world.executor.markets[BTC]
    async with run_inside(world) as orchestrator:
        state = await trade(world, orchestrator)
        await until(lambda: market.checkpoint is not None and market.checkpoint.seq == state.seq, "the acknowledgement")
        assert market.checkpoint is not None
        assert state_from_proto(market.checkpoint) == orchestrator.context().state
    market.floor_offset = state.event_offset  # the updates that its journal has last are pruned too
    async with run_inside(world) as orchestrator:
        assert orchestrator.context().state.rebuilt is None


async def test_a_state_from_a_backup_catches_up_with_the_ledger(world: World) -> None:
    async with run_inside(world) as orchestrator:
        old = await orchestrator.until_seq(1)
    restore = world.database.back_up(world.folder)
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
        await orchestrator.client.stub.Pause(orchestrator.client.order())
        before = orchestrator.context().state
    placed = names(world)
    world.database = restore()

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state

    assert before.seq > old.seq
    assert substance(state) == substance(before)
    assert names(world) == placed
    assert state.birth_id == old.birth_id
    assert state.rebuilt is not None
    assert "backup" in state.rebuilt.why
    assert state.rebuilt.lost == ()
    assert state.epoch > before.epoch


async def test_a_backup_whose_epoch_is_above_the_fence_is_found_out_by_the_ledgers_requests(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    restore = world.database.back_up(world.folder)
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
    placed = names(world)
    world.database = restore()
    world.executor.markets[BTC].fence = 1  # as far as the fence goes the backup may act

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state

    assert substance(state) == substance(before)
    assert names(world) == placed
    assert state.rebuilt is not None


def lose_ledger(world: World) -> None:
    """Another one in its place, which has taken over from the venue what it found there."""
    market = world.executor.markets[BTC]
    market.fence, market.state_birth_id = 0, ""
    world.executor.ledger_birth_id = "another"
    world.executor.requests.clear()


async def test_a_state_whose_ledger_was_lost_keeps_what_it_knows(world: World) -> None:
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
        await orchestrator.client.stub.Pause(orchestrator.client.order())
    placed = names(world)
    lose_ledger(world)

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state
        await orchestrator.client.stub.Resume(orchestrator.client.order())
        await world.prices.set_price(BTC, Decimal(61050))
        await until(lambda: names(world) != placed, "a placement under the new ledger")

    assert substance(state) == substance(before)
    assert state.risk.mode is Mode.PAUSED
    assert state.ledger_birth_id == "another"
    assert state.rebuilt is not None
    assert "the ledger was lost" in state.rebuilt.why
    assert state.rebuilt.lost == ()
    async with run_inside(world) as orchestrator:
        assert orchestrator.context().state.rebuilt == state.rebuilt  # once


async def test_where_both_were_lost_the_grid_comes_back_from_the_venue(world: World) -> None:
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
    placed = names(world)
    world.database.lose_state(world.folder)
    lose_ledger(world)

    async with run_inside(world) as orchestrator:
        await until(
            lambda: orchestrator.context().price is not None and orchestrator.context().events.empty, "the price"
        )
        state = orchestrator.context().state

    assert substance(state) == substance(before)
    assert names(world) == placed
    assert state.rebuilt is not None
    assert "both were lost" in state.rebuilt.why


@pytest.mark.parametrize("what", ["a request", "news"])
async def test_a_ledger_from_a_backup_is_recognised_by_what_it_does_not_know(world: World, what: str) -> None:
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
    placed = names(world)
    market = world.executor.markets[BTC].venue
    if what == "a request":
        del world.executor.requests[max(world.executor.requests, key=lambda one: int(one.rsplit("/")[-1]))]
    else:
        end = market.log[-1]
        swapped = [replace(end, offset=end.offset - 1), replace(market.log[-2], offset=end.offset)]
        market.log[-2:] = swapped

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state

    assert substance(state) == substance(before)
    assert names(world) == placed
    assert state.rebuilt is not None
    assert "the ledger is from a backup" in state.rebuilt.why


async def test_a_ledger_that_ends_before_the_state_is_from_a_backup(world: World) -> None:
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
    market = world.executor.markets[BTC].venue
    whole = list(market.log)
    del market.log[1:]
    found_again = market.log

    def adopt() -> executor_pb2.AdoptResponse:
        found_again[:] = whole
        return executor_pb2.AdoptResponse(orders=1, trades=2, lost=["one thing"], requests_expire=True)

    world.executor.adopt = adopt
    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state

    assert substance(state) == substance(before)
    assert state.rebuilt is not None
    assert state.rebuilt.lost == ("one thing",)


async def test_a_grid_that_may_have_been_halted_comes_back_halted(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await trade(world, orchestrator)
        await orchestrator.client.stub.EnterSafeMode(orchestrator.client.order())
        await until(lambda: orchestrator.context().state.risk.mode is Mode.SAFE, "safe mode")
    world.database.lose_state(world.folder)

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state
        await orchestrator.client.stub.ExitSafeMode(orchestrator.client.order())
        await until(lambda: orchestrator.context().state.risk.mode is Mode.RUNNING, "running")

    assert state.risk.mode is Mode.SAFE
    assert "may have been halted" in state.risk.reason


async def test_while_another_orchestrator_lives_its_state_is_not_lost(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    world.database.lose_state(world.folder)
    world.executor.markets[BTC].followers += 1

    code, sentence = await run_to_end(world.config())

    assert code == 4
    assert "is not rebuilt" in sentence
    assert world.executor.markets[BTC].state_birth_id != ""  # the link to the state is as it was


async def test_orders_of_another_grid_stop_the_start(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    world.database.lose_state(world.folder)
    world.grid_options["interval"] = '"450"'

    code, sentence = await run_to_end(world.config())

    assert code == 5
    assert "cannot be rebuilt" in sentence
    assert "put the config back" in sentence


@pytest.mark.parametrize("point", ["orchestrator.cut.after", "orchestrator.commit.after", "orchestrator.tie.after"])
async def test_one_that_dies_while_it_rebuilds_leaves_nothing_half_done(
    world: World, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with run_inside(world) as orchestrator:
        before = await trade(world, orchestrator)
    placed = names(world)
    world.database.lose_state(world.folder)
    monkeypatch.setenv(CRASH, point)
    async with spawn(world) as child:
        assert await asyncio.wait_for(child.process.wait(), 20) == -signal.SIGKILL
    monkeypatch.delenv(CRASH)

    async with run_inside(world) as orchestrator:
        await until(
            lambda: orchestrator.context().price is not None and orchestrator.context().events.empty, "the price"
        )
        state = orchestrator.context().state

    assert substance(state) == substance(before)
    assert names(world) == placed
    assert world.executor.markets[BTC].state_birth_id == state.birth_id
