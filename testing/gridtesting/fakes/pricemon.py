"""A fake pricemon: a real servicer whose prices the test sets, and whose feed the test can stop."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import grpc

from gridcore.model.money import canonical
from gridrpc.errors import NotFound
from gridrpc.server import Server, start_server
from gridservice.change_signal import ChangeSignal
from gridservice.clock import now_ms
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]
_DESCRIPTOR = pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"]


@dataclass(slots=True)
class Quote:
    """A symbol's newest price."""

    price: Decimal
    seq: int
    proved_ms: int


class FakePrices(pricemon_pb2_grpc.PriceMonitorServicer):
    """The PriceMonitor service for tests. While `alive`, the feed keeps its prices proved current."""

    def __init__(self) -> None:
        self.alive = True
        self._quotes: dict[str, Quote] = {}
        self._changes = ChangeSignal()

    async def set_price(self, symbol: str, price: Decimal) -> None:
        """Sets the market's price."""
        seq = self._quotes[symbol].seq + 1 if symbol in self._quotes else 1
        self._quotes[symbol] = Quote(price, seq, now_ms())
        self._changes.beat()

    def forget(self, symbol: str) -> None:
        """Removes the price, as if there never was one."""
        del self._quotes[symbol]

    async def StreamPrices(  # noqa: N802  gRPC's names
        self, request: pricemon_pb2.StreamPricesRequest, context: Context
    ) -> AsyncIterator[models_pb2.PriceChange]:
        """Streams the current prices, each newer one, and heartbeats that repeat them with their age."""
        told: dict[str, int] = {}
        heartbeat_seconds = (request.heartbeat_ms or 1_000) / 1000
        while True:
            for symbol, quote in self._asked(request):
                yield self._message(symbol, quote, heartbeat=told.get(symbol) == quote.seq)
                told[symbol] = quote.seq
            await self._wait_for_news(request, told, heartbeat_seconds)

    async def GetPrice(  # noqa: N802
        self, request: pricemon_pb2.GetPriceRequest, context: Context
    ) -> models_pb2.PriceChange:
        """Returns the newest price."""
        if request.symbol not in self._quotes:
            raise NotFound(f"symbol = {request.symbol!r}: not monitored")
        return self._message(request.symbol, self._quotes[request.symbol], heartbeat=False)

    async def ListTroubles(  # noqa: N802
        self, request: models_pb2.ListTroublesRequest, context: Context
    ) -> models_pb2.ListTroublesResponse:
        """Returns none."""
        return models_pb2.ListTroublesResponse()

    def _asked(self, request: pricemon_pb2.StreamPricesRequest) -> list[tuple[str, Quote]]:
        return [(symbol, self._quotes[symbol]) for symbol in request.symbols if symbol in self._quotes]

    async def _wait_for_news(
        self, request: pricemon_pb2.StreamPricesRequest, told: dict[str, int], seconds: float
    ) -> None:
        def news() -> bool:
            return any(told.get(symbol) != quote.seq for symbol, quote in self._asked(request))

        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changes.until(news), seconds)

    def _message(self, symbol: str, quote: Quote, *, heartbeat: bool) -> models_pb2.PriceChange:
        if self.alive:
            quote.proved_ms = now_ms()
        return models_pb2.PriceChange(
            symbol=symbol,
            price=canonical(quote.price),
            seq=quote.seq,
            age_ms=now_ms() - quote.proved_ms,
            heartbeat=heartbeat,
        )


@contextlib.asynccontextmanager
async def serving_prices(fake: FakePrices, address: str = "127.0.0.1:0") -> AsyncIterator[Server]:
    """Serves the fake for the block."""
    add = pricemon_pb2_grpc.add_PriceMonitorServicer_to_server
    server = await start_server(address, [(_DESCRIPTOR, add, fake)])
    try:
        yield server
    finally:
        await server.stop(grace_seconds=0)
