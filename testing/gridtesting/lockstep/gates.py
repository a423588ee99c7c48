"""Gates before the orchestrator: servicers that forward data of pricemon and the executor when the test allows it.

The services' streams race by nature. With a gate in each, a test chooses which of two events the orchestrator receives
first, and everything else is unchanged. Both obey their contracts: PriceGate acts as a slow reader that gets the newest
price, and UpdateGate as a slow network.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import grpc

from gridcore.model.money import canonical
from gridrpc.channel import open_channel
from gridrpc.errors import rpc_error_of
from gridrpc.server import start_server
from gridservice.change_signal import ChangeSignal
from gridservice.tasks import cancel_and_wait
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2, pricemon_pb2, pricemon_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]

_PRICEMON = pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"]
_EXECUTOR = executor_pb2.DESCRIPTOR.services_by_name["Executor"]
_HEARTBEAT_SECONDS = 0.5


class PriceGate:
    """One symbol's prices. `heard` is pricemon's newest; readers get the one that was let through."""

    def __init__(self, symbol: str, channel: grpc.aio.Channel) -> None:
        self.heard: Decimal | None = None
        self._symbol = symbol
        self._stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        self._passed: Decimal | None = None
        self._changes = ChangeSignal()
        self.GetPrice = _passing_on(self._stub.GetPrice)
        self.ListTroubles = _passing_on(self._stub.ListTroubles)

    async def let_through(self, price: Decimal) -> None:
        """Makes the price the one that readers get from now on; it stays current until the next."""
        self._passed = price
        self._changes.beat()

    async def listen(self) -> None:
        """Keeps `heard` at pricemon's newest price, until it is cancelled."""
        request = pricemon_pb2.StreamPricesRequest(symbols=[self._symbol])
        async for message in self._stub.StreamPrices(request, wait_for_ready=True):
            self.heard = Decimal(message.price)

    async def StreamPrices(  # noqa: N802  gRPC's names
        self, request: pricemon_pb2.StreamPricesRequest, context: Context
    ) -> AsyncIterator[models_pb2.PriceChange]:
        """Streams the price that was let through, each further one, and heartbeats."""
        told = 0
        while True:
            if self._passed is not None:
                heartbeat, told = told == self._changes.count, self._changes.count
                yield models_pb2.PriceChange(symbol=self._symbol, price=canonical(self._passed), heartbeat=heartbeat)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changes.after(told), _HEARTBEAT_SECONDS)


class UpdateGate:
    """An executor whose order updates are held beyond an offset; all other calls are forwarded unchanged."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = executor_pb2_grpc.ExecutorStub(channel)
        self._open_to = 0
        self._changes = ChangeSignal()
        for method in _EXECUTOR.methods:
            if not method.server_streaming:
                setattr(self, method.name, _passing_on(getattr(self._stub, method.name)))

    async def let_through(self, offset: int) -> None:
        """Lets updates up to the offset pass."""
        self._open_to = max(self._open_to, offset)
        self._changes.beat()

    async def BatchExecute(  # noqa: N802
        self, request: executor_pb2.BatchExecuteRequest, context: Context
    ) -> AsyncIterator[models_pb2.ActionResult]:
        """Forwards to the executor."""
        async for result in _told(self._stub.BatchExecute(request, wait_for_ready=True)):
            yield result

    async def StreamOrderUpdates(  # noqa: N802
        self, request: executor_pb2.StreamOrderUpdatesRequest, context: Context
    ) -> AsyncIterator[models_pb2.OrderUpdate]:
        """Streams the log up to the gate's offset."""
        async for update in _told(self._stub.StreamOrderUpdates(request, wait_for_ready=True)):
            while self._open_to < update.offset:
                await self._changes.after(self._changes.count)
            yield update


@dataclass(frozen=True, slots=True)
class Gates:
    """Both gates, and the address at which the orchestrator reaches them."""

    prices: PriceGate
    updates: UpdateGate
    address: str


@contextlib.asynccontextmanager
async def gates_before(symbol: str, pricemon: str, executor: str) -> AsyncIterator[Gates]:
    """Serves both at one address, before the services at these addresses, which may start later."""
    async with open_channel(pricemon, newest_only=True) as price_channel, open_channel(executor) as executor_channel:
        prices, updates = PriceGate(symbol, price_channel), UpdateGate(executor_channel)
        price_door = (_PRICEMON, pricemon_pb2_grpc.add_PriceMonitorServicer_to_server, prices)
        executor_door = (_EXECUTOR, executor_pb2_grpc.add_ExecutorServicer_to_server, updates)
        server = await start_server("127.0.0.1:0", [price_door, executor_door])
        listening = asyncio.create_task(prices.listen())
        try:
            yield Gates(prices, updates, f"127.0.0.1:{server.port}")
        finally:
            await cancel_and_wait([listening])
            await server.stop(0)


def _passing_on(call: Callable[..., Any]) -> Callable[[Any, Context], Any]:
    async def answer(request: Any, _context: Context) -> Any:
        try:
            return await call(request, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            raise rpc_error_of(error) or error from error

    return answer


async def _told(stream: Any) -> AsyncIterator[Any]:
    try:
        async for message in stream:
            yield message
    except grpc.aio.AioRpcError as error:
        raise rpc_error_of(error) or error from error
