"""Two grids of which one fails: its failure does not affect the other, and after recovery it continues by itself."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import grpc
import pytest

from gridcore.model.actions import PlaceOrder
from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridcore.model.state import State
from gridrpc.errors import FailedPrecondition, rpc_error_of
from gridservice.errors import StopError
from gridtesting.fakes.venue_model import ModelOrder
from gridtesting.live.orchestrator import BTC, ETH, START, Running, World, eventually, run_inside, run_to_end
from gridtesting.waiting import until
from gridwright.v1 import orchestrator_pb2

GONE = "ETH/USDT is no longer listed"


@pytest.fixture(autouse=True)
async def two_grids(world: World) -> None:
    world.symbols = (BTC, ETH)
    await world.prices.set_price(ETH, START)


async def refused(orchestrator: Running, symbol: str, sentence: str) -> orchestrator_pb2.GetStateResponse:
    async def is_refused() -> bool:
        return sentence in (await orchestrator.client.state(symbol)).refused

    await eventually(is_refused, f"{symbol} to be refused")
    return await orchestrator.client.state(symbol)


async def trades(orchestrator: Running, symbol: str) -> None:
    async def does() -> bool:
        return (await orchestrator.client.state(symbol)).trading

    await eventually(does, f"{symbol} to trade")


async def goes_on(world: World, orchestrator: Running, symbol: str) -> None:
    """A new price makes it place."""
    seq = orchestrator.context(symbol).state.seq
    await world.prices.set_price(symbol, START + 900)
    await orchestrator.until_seq(seq + 1, symbol)


async def test_one_that_is_not_listed_is_refused_and_the_other_trades(world: World) -> None:
    world.executor.refused = {ETH: GONE}
    async with run_inside(world) as orchestrator:
        sick = await refused(orchestrator, ETH, GONE)
        troubles = [(each.kind, each.symbol) for each in await orchestrator.client.troubles()]
        await orchestrator.until_seq(1, BTC)
        assert not sick.trading
        assert troubles == [("SYMBOL_REFUSED", ETH)]
        assert len(world.opening(BTC)) == 3

        world.executor.refused = {}
        await trades(orchestrator, ETH)
        await orchestrator.until_seq(1, ETH)
        assert len(world.opening(ETH)) == 3
        assert (await orchestrator.client.state(ETH)).refused == ""
        assert await orchestrator.client.troubles() == []


async def test_a_process_whose_only_symbol_is_not_listed_waits_for_it(world: World) -> None:
    world.symbols = (ETH,)
    world.executor.refused = {ETH: GONE}
    async with run_inside(world) as orchestrator:
        await refused(orchestrator, ETH, GONE)
        world.executor.refused = {}
        await trades(orchestrator, ETH)


async def test_one_that_goes_in_the_middle_of_a_step_ends_alone_and_settles_it_once_it_is_back(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1, ETH)
        await orchestrator.until_seq(1, BTC)
        world.executor.refused = {ETH: GONE}
        await world.prices.set_price(ETH, START + 900)
        state = await refused(orchestrator, ETH, GONE)
        assert "it has 3 orders that may rest on the venue" in state.refused
        await goes_on(world, orchestrator, BTC)

        world.executor.refused = {}
        await trades(orchestrator, ETH)
        await goes_on(world, orchestrator, ETH)
        context = orchestrator.context(ETH)
        await until(lambda: set(world.opening(ETH)) == _openings(context.state), "state and venue to agree")
        assert context.epoch == 2

    unfinished = world.query_workflows("SELECT workflow_uuid FROM workflow_status WHERE status = 'PENDING'")
    assert unfinished == []


async def test_a_step_that_waits_for_its_answer_is_abandoned_with_its_symbol_and_its_answer_is_kept(
    world: World,
) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1, ETH)
        await orchestrator.until_seq(1, BTC)
        world.executor.answering.clear()
        await world.prices.set_price(ETH, START + 900)
        await until(lambda: f"test/{ETH}/1/2" in world.executor.requests, "the step to be sent")
        orchestrator.context(ETH).stop(StopError("something of its own"))
        await refused(orchestrator, ETH, "something of its own")
        world.executor.answering.set()
        await trades(orchestrator, ETH)
        row = await orchestrator.client.explain(2, ETH)
        assert row.request_id == f"test/{ETH}/1/2"
        assert _openings(orchestrator.context(ETH).state) == set(world.opening(ETH))


async def test_a_grid_that_the_rules_refuse_is_refused_with_the_numbers_and_begins_once_they_fit(world: World) -> None:
    fits = world.executor.markets[ETH].venue.market
    world.executor.markets[ETH].venue.market = replace(fits, min_notional=Decimal(1000))
    async with run_inside(world) as orchestrator:
        await refused(orchestrator, ETH, "1000")
        await goes_on(world, orchestrator, BTC)
        world.executor.markets[ETH].venue.market = fits
        await trades(orchestrator, ETH)


async def test_where_every_grid_is_refused_the_process_ends_with_2_and_all_sentences(world: World) -> None:
    world.grid_options["interval"] = '"30"'

    code, said = await run_to_end(world.config())

    assert code == 2
    assert BTC in said
    assert ETH in said


async def test_what_cannot_be_understood_of_one_symbol_ends_that_symbol_alone(world: World) -> None:
    name = client_order_id(id_prefix("test", ETH), Role.OPENING, 1, 1, 1, 1)
    place = PlaceOrder(name, Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(59000), Decimal("0.001"), 2**60, "59000")
    world.executor.markets[ETH].venue.orders[name] = ModelOrder(place, Decimal(0), status=OrderStatus.OPEN)
    async with run_inside(world) as orchestrator:
        await refused(orchestrator, ETH, name)
        await goes_on(world, orchestrator, BTC)


async def test_an_operator_learns_why_nothing_can_be_requested_of_a_refused_symbol(world: World) -> None:
    world.executor.refused = {ETH: GONE}
    async with run_inside(world) as orchestrator:
        await refused(orchestrator, ETH, GONE)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await asyncio.wait_for(orchestrator.client.stub.Pause(orchestrator.client.order(symbol=ETH)), 10)
        assert (await orchestrator.client.stub.Pause(orchestrator.client.order(symbol=BTC))).mode
    fault = rpc_error_of(caught.value)
    assert isinstance(fault, FailedPrecondition)
    assert GONE in fault.message


def _openings(state: State) -> set[str]:
    orders = [slot.order for slot in state.slots.values() if slot.order is not None]
    return {order.client_order_id for order in orders if order.role is Role.OPENING}
