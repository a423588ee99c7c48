"""Pricemon client: streams prices with their age and reconnects whenever the stream breaks."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

import grpc

from gridrpc.convert_orders import parse_decimal
from gridrpc.errors import rpc_error_of
from gridservice.backoff import backoff_seconds
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc
from orchestrator.clients.reachability import Reachability

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PriceHeard:
    """A price and the milliseconds since the feed last confirmed it. A heartbeat repeats the last price.

    `skipped`: the extremes of the prices that pricemon skipped before it; the first was received `skipped_age_ms` ago.
    """

    symbol: str
    price: Decimal
    age_ms: int
    heartbeat: bool = False
    skipped: tuple[Decimal, ...] = ()
    skipped_age_ms: int = 0


class PriceClient:
    """Streams prices from one pricemon."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        self._peer = Reachability("pricemon")

    @property
    def reachable(self) -> bool:
        """Whether the stream is open."""
        return self._peer.reachable

    async def prices(self, symbols: Sequence[str], heartbeat_ms: int) -> AsyncIterator[PriceHeard]:
        """Streams the current price of each symbol, then each change and heartbeat, without end."""
        request = pricemon_pb2.StreamPricesRequest(symbols=symbols, heartbeat_ms=heartbeat_ms)
        pauses = backoff_seconds()
        while True:
            try:
                async for message in self._stub.StreamPrices(request):
                    self._peer.answered()
                    pauses = backoff_seconds()
                    yield _heard(message)
            except grpc.aio.AioRpcError as error:
                self._lost(error)
            await asyncio.sleep(next(pauses))

    def _lost(self, error: grpc.aio.AioRpcError) -> None:
        fault = rpc_error_of(error)
        if fault is not None:
            log.warning("pricemon refuses the prices: %s", fault.message)
            self._peer.reachable = False
        else:
            self._peer.lost("StreamPrices", error.code())


def _heard(message: models_pb2.PriceChange) -> PriceHeard:
    return PriceHeard(
        symbol=message.symbol,
        price=parse_decimal(message.price, "price_change.price"),
        age_ms=message.age_ms,
        heartbeat=message.heartbeat,
        skipped=tuple(
            parse_decimal(price, f"price_change.skipped_prices[{n}]") for n, price in enumerate(message.skipped_prices)
        ),
        skipped_age_ms=message.skipped_age_ms,
    )
