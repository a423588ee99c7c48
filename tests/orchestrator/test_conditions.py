"""Orders of others in the market: seen before the first price, noted durably, and counted against the budget."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.model.state import ForeignOrders, Funds
from gridtesting.live.orchestrator import BTC, Running, World, eventually, run_inside
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, models_pb2


@pytest.fixture
def world(world: World) -> World:
    world.grid_options["budget"] = '"310"'
    world.options["conditions_interval_ms"] = "100"
    return world


def placed_manually(world: World, quantity: str, price: str, executed: str = "0") -> None:
    order = executor_pb2.VenueOrder(
        client_order_id="by-hand", side=models_pb2.SIDE_BUY, price=price, quantity=quantity, executed=executed
    )
    world.executor.markets[BTC].foreign.append(order)


async def test_they_take_from_the_budget_before_the_first_order_is_placed(world: World) -> None:
    placed_manually(world, "0.003", "50000", executed="0.001")
    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(2)
        first = await orchestrator.client.explain(1)
    assert state.foreign == ForeignOrders(1, Decimal(100), Decimal(0))
    assert first.plan.trigger.WhichOneof("kind") == "conditions_seen"
    assert len(world.opening()) == 2


async def test_what_they_give_back_is_opened_with_and_a_restart_remembers_them(world: World) -> None:
    placed_manually(world, "0.004", "50000")
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(2)
        assert len(world.opening()) == 1
    async with run_inside(world) as orchestrator:
        assert orchestrator.context().state.foreign == ForeignOrders(1, Decimal(200), Decimal(0))
        world.executor.markets[BTC].foreign.clear()
        await until(lambda: len(world.opening()) == 3, "the rest of the grid")

        async def forgotten() -> bool:
            return not (await orchestrator.client.state()).state.HasField("foreign")

        await eventually(forgotten, "no foreign order is left")


async def test_without_others_no_step_is_made_of_them(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        first = await orchestrator.client.explain(1)
    assert first.plan.trigger.WhichOneof("kind") == "price_change"
    assert len(world.opening()) == 3


async def test_what_the_account_cannot_pay_is_not_tried_and_is_opened_once_it_can(world: World) -> None:
    world.grid_options.pop("budget")
    world.executor.markets[BTC].funds = Funds(Decimal(0), Decimal(250))
    async with run_inside(world) as orchestrator:
        await until(lambda: len(world.opening()) == 2, "what 250 can pay")
        await eventually(lambda: has_trouble(orchestrator, "INSUFFICIENT_FUNDS"), "the want of funds is shown")
        seq = orchestrator.context().state.seq
        world.executor.markets[BTC].funds = Funds(Decimal(0), Decimal(10_000))

        await until(lambda: len(world.opening()) == 3, "the rest of the grid")
        await eventually(lambda: has_none(orchestrator), "and nothing more is withheld")

        assert orchestrator.context().state.seq == seq + 2, "a step of the funds, and one of the order"
        assert orchestrator.context().state.funds is None, "ample again"


async def test_rules_that_the_grid_cannot_live_under_halt_it_for_as_long_as_they_hold(world: World) -> None:
    world.risk_options["calm_ms"] = "200"
    market = world.executor.markets[BTC].venue
    async with run_inside(world) as orchestrator:
        await until(lambda: len(world.opening()) == 3, "the grid")
        usual = market.market
        market.market = replace(usual, min_notional=Decimal(500))

        await orchestrator.client.until_mode(models_pb2.MODE_SAFE)
        state = (await orchestrator.client.state()).state
        assert (state.risk.rule, state.rules.min_notional) == ("RULES_UNFIT", "500")
        assert world.opening() == []
        await eventually(lambda: has_trouble(orchestrator, "SYMBOL_REFUSED"), "it is shown")

        market.market = usual
        await orchestrator.client.until_mode(models_pb2.MODE_RUNNING)
        await until(lambda: len(world.opening()) == 3, "the grid again")
        await eventually(lambda: has_none(orchestrator), "and nothing is withheld now")


async def test_a_grid_that_finds_such_rules_at_a_start_and_has_something_open_begins_and_takes_its_openings_back(
    world: World,
) -> None:
    async with run_inside(world) as orchestrator:
        await until(lambda: len(world.opening()) == 3, "the grid")
        await orchestrator.until_seq(1)
    market = world.executor.markets[BTC].venue
    market.market = replace(market.market, min_notional=Decimal(500))
    async with run_inside(world) as orchestrator:
        await orchestrator.client.until_mode(models_pb2.MODE_SAFE)
        assert (await orchestrator.client.state()).state.risk.rule == "RULES_UNFIT"
    assert world.opening() == []


async def test_the_fees_of_the_settings_stand_above_the_venues(world: World) -> None:
    world.grid_options["maker_fee"] = '"0.0002"'
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        assert orchestrator.context().market.maker_fee == Decimal("0.0002")
        first = await orchestrator.client.explain(1)
    assert first.plan.trigger.WhichOneof("kind") in {"price_change", "tick"}, "a change of rules"


async def has_trouble(orchestrator: Running, kind: str) -> bool:
    return kind in {trouble.kind for trouble in await orchestrator.client.troubles()}


async def has_none(orchestrator: Running) -> bool:
    return not await orchestrator.client.troubles()
