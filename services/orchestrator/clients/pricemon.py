"""pricemon as the orchestrator sees it: prices with their age, the stream opened again whenever it breaks."""

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

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PriceHeard:
    """A price, and how long ago the feed last proved it current. A heartbeat repeats it and is no news.

    `skipped`: the extremes of what pricemon passed over before it, the first of which was heard `skipped_age_ms` ago.
    """

    symbol: str
    price: Decimal
    age_ms: int
    heartbeat: bool = False
    skipped: tuple[Decimal, ...] = ()
    skipped_age_ms: int = 0


class PriceClient:
    """Listens to one pricemon. `reachable` tells whether the stream is up."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        self.reachable = False

    async def prices(self, symbols: Sequence[str], heartbeat_ms: int) -> AsyncIterator[PriceHeard]:
        """The current price of each symbol, then each change and heartbeat, for ever."""
        request = pricemon_pb2.StreamPricesRequest(symbols=symbols, heartbeat_ms=heartbeat_ms)
        pauses = backoff_seconds()
        while True:
            try:
                async for message in self._stub.StreamPrices(request):
                    self.reachable = True
                    pauses = backoff_seconds()
                    yield _heard(message)
            except grpc.aio.AioRpcError as error:
                self._lost(error)
            await asyncio.sleep(next(pauses))

    def _lost(self, error: grpc.aio.AioRpcError) -> None:
        fault = rpc_error_of(error)
        if fault is not None:
            log.warning("pricemon refuses the prices: %s", fault.message)
        elif self.reachable:
            log.warning("pricemon lost (%s): trying again until it answers", error.code().name)
        self.reachable = False


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
