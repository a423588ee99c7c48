"""Large windows: a grid is opened and taken down in portions, and what happens meanwhile waits for one of them."""

import pytest

from gridcore.grid.portions import MOST_ACTIONS
from gridtesting.live.orchestrator import BTC, World, eventually, run_inside
from gridtesting.waiting import until
from gridwright.v1 import models_pb2

WINDOW = 130


@pytest.fixture
def world(world: World) -> World:
    world.executor.most_actions = MOST_ACTIONS
    world.grid_options |= {"buy_window": str(WINDOW), "sell_window": "20", "quote_per_slot": '"1000"'}
    return world


async def test_a_large_window_is_opened_and_its_orders_are_all_cancelled_in_portions(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await until(lambda: len(world.opening()) == WINDOW, "the whole window")
        assert all(len(request.actions) <= MOST_ACTIONS for request in world.executor.requests.values())

        await orchestrator.client.stub.EnterSafeMode(orchestrator.client.order("halt"))

        await orchestrator.client.until_mode(models_pb2.MODE_SAFE)
        assert world.opening() == []
        assert all(len(request.actions) <= MOST_ACTIONS for request in world.executor.requests.values())


async def test_a_fill_gets_its_counter_order_between_two_portions(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await until(lambda: len(world.opening()) >= 20, "the first portion")
        await world.executor.fill(BTC, world.opening()[0])

        await until(lambda: bool(world.closing()), "the counter order")
        opened = len(world.opening())

        async def whole() -> bool:
            return len(world.opening()) >= WINDOW - 1

        await eventually(whole, "the whole window")
        assert opened < WINDOW - 1, "it did not wait for all of the openings"
        assert orchestrator.context().state.totals.fills == 1
