"""The gates of lockstep keep what they hold and pass on the rest; and what waits for the loop counts as busy."""

import asyncio
from decimal import Decimal

import grpc
import pytest

from gridrpc.channel import open_channel
from gridrpc.errors import NotFound, rpc_error_of
from gridtesting.live.orchestrator import BTC, START, World, run_inside
from gridtesting.lockstep.gates import gates_before
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2, executor_pb2_grpc, pricemon_pb2, pricemon_pb2_grpc
from orchestrator.api.views import state_view


async def test_a_price_gate_returns_what_was_let_through_regardless_of_what_it_received(world: World) -> None:
    async with gates_before(BTC, world.pricemon_address, world.executor_address) as gates:
        await until(lambda: gates.prices.heard == START, "the first price")
        await gates.prices.let_through(START)
        await world.prices.set_price(BTC, Decimal(61_000))
        await until(lambda: gates.prices.heard == Decimal(61_000), "the second price")
        async with open_channel(gates.address) as channel:
            stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
            call = stub.StreamPrices(pricemon_pb2.StreamPricesRequest(symbols=[BTC]))
            first, again = await call.read(), await call.read()
            await gates.prices.let_through(Decimal(61_000))
            messages = [first, again, await call.read()]
            while messages[-1].heartbeat:
                messages.append(await call.read())
            call.cancel()

    assert [(each.price, each.heartbeat) for each in messages[:2]] == [("60150", False), ("60150", True)]
    assert (messages[-1].price, messages[-1].heartbeat) == ("61000", False)


async def test_an_update_gate_holds_the_log_and_passes_everything_else(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.executor.fill(BTC, world.opening()[0])
    async with (
        gates_before(BTC, world.pricemon_address, world.executor_address) as gates,
        open_channel(gates.address) as channel,
    ):
        stub = executor_pb2_grpc.ExecutorStub(channel)
        call = stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=BTC))
        reading = asyncio.ensure_future(call.read())
        rules = await stub.GetMarketRules(executor_pb2.GetMarketRulesRequest(symbol=BTC))
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await stub.GetBatch(executor_pb2.GetBatchRequest(request_id="nobody's"))
        held = not reading.done()
        await gates.updates.let_through(1)
        first = await asyncio.wait_for(reading, 30)
        reading = asyncio.ensure_future(call.read())
        await stub.GetMarketRules(executor_pb2.GetMarketRulesRequest(symbol=BTC))
        held_again = not reading.done()
        call.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    assert rules.symbol == BTC
    assert isinstance(rpc_error_of(refusal.value), NotFound)
    assert (held, first.offset, held_again) == (True, 1, True)


async def test_what_waits_for_the_loop_counts_as_busy(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        context = orchestrator.context()
        await until(lambda: not context.busy and context.events.empty, "rest")

        at_rest = state_view(context, [], executor_reachable=True, pricemon_reachable=True)
        context.events.put_tick()
        waiting = state_view(context, [], executor_reachable=True, pricemon_reachable=True)

    assert (at_rest.busy, waiting.busy) == (False, True)
