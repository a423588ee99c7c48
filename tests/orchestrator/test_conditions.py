"""Orders of others in the market: seen before the first price, noted durably, and counted against the budget."""

from decimal import Decimal

import pytest

from gridcore.state import Foreign
from gridtesting.orchestrator import BTC, World, eventually, run_inside
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2


@pytest.fixture
def world(world: World) -> World:
    world.grid_options["budget"] = '"310"'
    world.options["conditions_interval_ms"] = "100"
    return world


def placed_by_hand(world: World, quantity: str, price: str, executed: str = "0") -> None:
    order = executor_pb2.VenueOrder(
        client_order_id="by-hand", side=models_pb2.SIDE_BUY, price=price, quantity=quantity, executed=executed
    )
    world.executor.markets[BTC].foreign.append(order)


async def test_they_take_from_the_budget_before_the_first_order_is_placed(world: World) -> None:
    placed_by_hand(world, "0.003", "50000", executed="0.001")
    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(2)
        first = await orchestrator.client.explain(1)
    assert state.foreign == Foreign(1, Decimal(100), Decimal(0))
    assert first.plan.trigger.WhichOneof("kind") == "conditions_seen"
    assert len(world.opening()) == 2


async def test_what_they_give_back_is_opened_with_and_a_restart_remembers_them(world: World) -> None:
    placed_by_hand(world, "0.004", "50000")
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(2)
        assert len(world.opening()) == 1
    async with run_inside(world) as orchestrator:
        assert orchestrator.desk().state.foreign == Foreign(1, Decimal(200), Decimal(0))
        world.executor.markets[BTC].foreign.clear()
        await until(lambda: len(world.opening()) == 3, "the rest of the grid")

        async def forgotten() -> bool:
            return not (await orchestrator.client.state()).state.HasField("foreign")

        await eventually(forgotten, "nobody is left")


async def test_without_others_no_step_is_made_of_them(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        first = await orchestrator.client.explain(1)
    assert first.plan.trigger.WhichOneof("kind") == "price_change"
    assert len(world.opening()) == 3
