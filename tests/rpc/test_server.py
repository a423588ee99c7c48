"""Servers and channels as every service uses them: faults over the wire, health, reflection, ports, the stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from gridrpc.channel import open_channel, open_sync_channel
from gridrpc.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    OutOfRange,
    RpcError,
    Unavailable,
    rpc_error_of,
)
from gridrpc.server import Server, start_server
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc

NAME = "gridwright.v1.PriceMonitor"
Context = grpc.aio.ServicerContext[Any, Any]


class Refusing(pricemon_pb2_grpc.PriceMonitorServicer):
    """Answers once, then raises what it was given."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.release = asyncio.Event()

    async def GetPrice(  # noqa: N802 – the contract's name
        self, request: pricemon_pb2.GetPriceRequest, context: Context
    ) -> models_pb2.PriceChange:
        if self._error:
            raise self._error
        return models_pb2.PriceChange(symbol=request.symbol)

    async def StreamPrices(  # noqa: N802 – the contract's name
        self, request: pricemon_pb2.StreamPricesRequest, context: Context
    ) -> AsyncIterator[models_pb2.PriceChange]:
        yield models_pb2.PriceChange(seq=1)
        if self._error:
            raise self._error
        await self.release.wait()


@asynccontextmanager
async def serving(servicer: Refusing, *, serving: bool = True) -> AsyncIterator[tuple[Server, grpc.aio.Channel]]:
    descriptor = pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"]
    add = pricemon_pb2_grpc.add_PriceMonitorServicer_to_server
    server = await start_server("127.0.0.1:0", [(descriptor, add, servicer)], serving=serving)
    try:
        async with open_channel(f"127.0.0.1:{server.port}") as channel:
            yield server, channel
    finally:
        await server.stop(0.1)


FAULTS = [
    pytest.param(kind("what, why, remedy", symbol="BTC/USDT"), id=kind.__name__)
    for kind in (InvalidArgument, FailedPrecondition, AlreadyExists, NotFound, OutOfRange, Unavailable)
]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_that_a_servicer_raises_is_the_fault_that_the_caller_sees(fault: RpcError) -> None:
    async with serving(Refusing(fault)) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await pricemon_pb2_grpc.PriceMonitorStub(channel).GetPrice(pricemon_pb2.GetPriceRequest())

    seen = rpc_error_of(refused.value)
    assert type(seen) is type(fault)
    assert (seen.message, seen.reason, seen.metadata) == (fault.message, fault.reason, {"symbol": "BTC/USDT"})
    assert (refused.value.code(), refused.value.details()) == (fault.code, fault.message)


async def test_a_fault_in_the_middle_of_a_stream_comes_after_what_was_sent() -> None:
    async with serving(Refusing(OutOfRange("beyond the end", reason="OTHER_LEDGER"))) as (_, channel):
        call = pricemon_pb2_grpc.PriceMonitorStub(channel).StreamPrices(pricemon_pb2.StreamPricesRequest())
        first = await call.read()
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()

    assert first.seq == 1
    seen = rpc_error_of(refused.value)
    assert isinstance(seen, OutOfRange)
    assert seen.reason == "OTHER_LEDGER"


async def test_a_plain_callers_error_carries_the_fault_too() -> None:
    async with serving(Refusing(NotFound("no such symbol"))) as (server, _):

        def ask() -> RpcError | None:
            with open_sync_channel(f"127.0.0.1:{server.port}") as channel, pytest.raises(grpc.RpcError) as refused:
                pricemon_pb2_grpc.PriceMonitorStub(channel).GetPrice(pricemon_pb2.GetPriceRequest(), timeout=5)
            return rpc_error_of(refused.value)

        assert isinstance(await asyncio.to_thread(ask), NotFound)


async def test_an_error_that_is_no_fault_says_nothing_in_our_name() -> None:
    async with serving(Refusing(ZeroDivisionError("a bug"))) as (_, channel):
        with pytest.raises(grpc.aio.AioRpcError) as broken:
            await pricemon_pb2_grpc.PriceMonitorStub(channel).GetPrice(pricemon_pb2.GetPriceRequest())

    assert broken.value.code() is grpc.StatusCode.UNKNOWN
    assert rpc_error_of(broken.value) is None


async def test_the_transports_own_unavailable_is_no_fault() -> None:
    async with serving(Refusing()) as (server, _):
        address = f"127.0.0.1:{server.port}"
    async with open_channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await pricemon_pb2_grpc.PriceMonitorStub(channel).GetPrice(pricemon_pb2.GetPriceRequest(), timeout=5)

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert rpc_error_of(refused.value) is None


@pytest.mark.parametrize("service", ["", NAME])
async def test_health_reports_what_was_set_to_check_and_to_watch(service: str) -> None:
    statuses = health_pb2.HealthCheckResponse
    async with serving(Refusing(), serving=False) as (server, channel):
        stub = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=service))
        before = (await watch.read()).status
        await server.set_serving(serving=True)
        after = (await asyncio.wait_for(watch.read(), 30)).status
        asked = (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status
        watch.cancel()

    assert (before, after, asked) == (statuses.NOT_SERVING, statuses.SERVING, statuses.SERVING)


async def test_reflection_lists_the_services() -> None:
    async with serving(Refusing()) as (_, channel):
        stub = reflection_pb2_grpc.ServerReflectionStub(channel)
        call = stub.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        answer = await call.read()

    listed = {service.name for service in answer.list_services_response.service}
    assert {NAME, "grpc.health.v1.Health"} <= listed


async def test_a_port_that_is_taken_is_refused_with_the_address() -> None:
    async with serving(Refusing()) as (server, _):
        with pytest.raises(OSError, match=f"'127.0.0.1:{server.port}' cannot be bound"):
            await start_server(f"127.0.0.1:{server.port}", [])


async def test_a_stop_lets_a_running_call_end_within_the_grace_and_cancels_it_after() -> None:
    servicer = Refusing()
    async with serving(servicer) as (server, channel):
        stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        ends, hangs = stub.StreamPrices(pricemon_pb2.StreamPricesRequest()), None
        await ends.read()
        stopping = asyncio.create_task(server.stop(60))
        servicer.release.set()
        await asyncio.wait_for(stopping, 30)
        ended = await ends.code()
    servicer.release.clear()
    async with serving(servicer) as (server, channel):
        hangs = pricemon_pb2_grpc.PriceMonitorStub(channel).StreamPrices(pricemon_pb2.StreamPricesRequest())
        await hangs.read()
        await asyncio.wait_for(server.stop(0.05), 30)
        cut = await hangs.code()

    assert ended is grpc.StatusCode.OK
    assert cut in (grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE)


async def answered(
    stub: "pricemon_pb2_grpc.PriceMonitorAsyncStub", request: pricemon_pb2.GetPriceRequest
) -> models_pb2.PriceChange:
    """The answer. A call that was begun on the connection that is ending fails with it, and is made again."""
    while True:
        try:
            return await stub.GetPrice(request, wait_for_ready=True, timeout=30)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise


async def test_a_channel_finds_a_server_that_came_back_within_seconds() -> None:
    async with serving(Refusing()) as (server, channel):
        stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        await stub.GetPrice(pricemon_pb2.GetPriceRequest())
        await server.stop(0)
        descriptor = pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"]
        add = pricemon_pb2_grpc.add_PriceMonitorServicer_to_server
        again = await start_server(f"127.0.0.1:{server.port}", [(descriptor, add, Refusing())])
        try:
            async with asyncio.timeout(15):
                answer = await answered(stub, pricemon_pb2.GetPriceRequest(symbol="X"))
        finally:
            await again.stop(0)

    assert answer.symbol == "X"
