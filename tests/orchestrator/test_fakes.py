"""The fakes keep the contract that the tests rely on."""

from decimal import Decimal
from typing import Any

import grpc
import pytest

from gridcore.model.actions import Outcome
from gridrpc.channel import open_channel
from gridtesting.live.orchestrator import BTC, World
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2, pricemon_pb2, pricemon_pb2_grpc


def _request(name: str, *, epoch: int = 1, price: str = "60000") -> executor_pb2.BatchExecuteRequest:
    place = models_pb2.PlaceOrder(
        client_order_id=name,
        side=models_pb2.SIDE_BUY,
        role=models_pb2.ROLE_OPENING,
        type=models_pb2.ORDER_TYPE_LIMIT,
        price=price,
        quantity="0.001",
        not_after_ms=2**60,
        slot=price,
    )
    return executor_pb2.BatchExecuteRequest(
        request_id=f"request {name}", symbol=BTC, epoch=epoch, actions=[models_pb2.Action(place=place)]
    )


def _fence(epoch: int) -> executor_pb2.FenceRequest:
    return executor_pb2.FenceRequest(symbol=BTC, epoch=epoch, state_birth_id="state")


async def test_the_same_request_has_one_effect_and_one_answer(world: World) -> None:
    async with open_channel(world.executor_address) as channel:
        stub = executor_pb2_grpc.ExecutorStub(channel)
        answers = [[result async for result in stub.BatchExecute(_request("a"))] for _ in range(3)]

    assert answers[0] == answers[1] == answers[2]
    assert len(world.executor.all_orders(BTC)) == 1


async def test_the_same_id_with_other_contents_is_refused(world: World) -> None:
    async with open_channel(world.executor_address) as channel:
        stub = executor_pb2_grpc.ExecutorStub(channel)
        _ = [result async for result in stub.BatchExecute(_request("a"))]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            _ = [result async for result in stub.BatchExecute(_request("a", price="59000"))]

    assert refused.value.code() is grpc.StatusCode.ALREADY_EXISTS


async def test_below_the_fence_nothing_is_sent_and_a_lower_fence_is_refused(world: World) -> None:
    async with open_channel(world.executor_address) as channel:
        stub = executor_pb2_grpc.ExecutorStub(channel)
        fenced = await stub.Fence(_fence(5))
        (result,) = [result async for result in stub.BatchExecute(_request("a", epoch=4))]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.Fence(_fence(4))

    assert (fenced.epoch, fenced.state_birth_id) == (5, "state")
    assert (result.outcome, result.reason) == (models_pb2.OUTCOME_NOT_SENT, "FENCED")
    assert world.executor.all_orders(BTC) == []
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_the_log_can_be_read_again_from_any_offset_and_not_beyond_its_end(world: World) -> None:
    async with open_channel(world.executor_address) as channel:
        stub = executor_pb2_grpc.ExecutorStub(channel)
        _ = [result async for result in stub.BatchExecute(_request("a"))]
        await world.executor.fill(BTC, "a")
        stream = stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=BTC, after_offset=1))
        second = await stream.read()
        assert isinstance(second, models_pb2.OrderUpdate)
        stream.cancel()
        beyond = stub.StreamOrderUpdates(executor_pb2.StreamOrderUpdatesRequest(symbol=BTC, after_offset=3))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await beyond.read()

    assert (second.offset, second.status) == (2, models_pb2.ORDER_STATUS_FILLED)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE


async def test_an_unknown_order_is_in_flight_until_its_fate_is_recorded(world: World) -> None:
    world.executor.outcomes = [Outcome.UNKNOWN]
    async with open_channel(world.executor_address) as channel:
        stub = executor_pb2_grpc.ExecutorStub(channel)
        (result,) = [result async for result in stub.BatchExecute(_request("a"))]
        before = await stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=BTC))
        await world.executor.resolve(BTC, "a")
        after = await stub.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=BTC))

    assert result.outcome == models_pb2.OUTCOME_UNKNOWN
    assert [order.client_order_id for order in before.in_flight] == ["a"]
    assert list(after.in_flight) == []


async def test_a_dead_feed_repeats_its_price_with_a_growing_age(world: World) -> None:
    world.prices.alive = False
    async with open_channel(world.pricemon_address) as channel:
        stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        stream = stub.StreamPrices(pricemon_pb2.StreamPricesRequest(symbols=[BTC], heartbeat_ms=20))
        first, second, third = [await _price(stream) for _ in range(3)]
        await world.prices.set_price(BTC, Decimal(61000))
        news = await _price(stream)
        stream.cancel()

    assert (first.price, first.heartbeat) == ("60150", False)
    assert (second.price, second.heartbeat) == ("60150", True)
    assert third.age_ms > second.age_ms
    assert news.price == "61000"


async def _price(stream: grpc.aio.UnaryStreamCall[Any, Any]) -> models_pb2.PriceChange:
    message = await stream.read()
    assert isinstance(message, models_pb2.PriceChange)
    return message
