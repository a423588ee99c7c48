"""The PriceMonitor RPCs: validate the request, read the board, convert."""

from collections.abc import AsyncIterator
from typing import Any

import grpc

from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from gridservice.troubles import Troubles
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc
from pricemon.board import Outgoing, PriceBoard
from pricemon.clock import Clock
from pricemon.convert import price_change

LEAST_HEARTBEAT_MS = 10  # a shorter one would send little else

Context = grpc.aio.ServicerContext[Any, Any]


class PriceMonitorServicer(pricemon_pb2_grpc.PriceMonitorServicer):
    """Serves one board."""

    def __init__(self, board: PriceBoard, heartbeat_ms: int, clock: Clock, troubles: Troubles) -> None:
        self._board = board
        self._heartbeat_ms = heartbeat_ms
        self._clock = clock
        self._troubles = troubles

    async def StreamPrices(  # noqa: N802 – the contract's name
        self, request: pricemon_pb2.StreamPricesRequest, context: Context
    ) -> AsyncIterator[models_pb2.PriceChange]:
        """Sends each symbol's price, then every change that the reader keeps up with, until it disconnects."""
        symbols = [self._known(symbol) for symbol in request.symbols] or self._board.symbols
        with self._board.reading(symbols, self._heartbeat_of(request)) as reader:
            while not self._board.closed:
                now = self._clock()
                outgoing = reader.take(now)
                if outgoing is None:
                    await reader.wait(now)
                else:
                    yield price_change(outgoing, now)
        raise Unavailable("pricemon is stopping: call again once it is back", reason="STOPPING")

    async def GetPrice(  # noqa: N802 – the contract's name
        self, request: pricemon_pb2.GetPriceRequest, context: Context
    ) -> models_pb2.PriceChange:
        """Returns the last price with its age."""
        if request.symbol not in self._board.symbols:
            raise NotFound(self._unknown("symbol", request.symbol))
        price = self._board.price(request.symbol)
        if sentence := self._board.refused.get(request.symbol):
            raise FailedPrecondition(sentence, reason="SYMBOL_REFUSED")
        if price.seq == 0:
            raise Unavailable(f"symbol {request.symbol!r} has no price yet: call again", reason="NO_PRICE_YET")
        return price_change(Outgoing(price, skipped=0, heartbeat=False), self._clock())

    async def ListTroubles(  # noqa: N802 – the contract's name
        self, request: models_pb2.ListTroublesRequest, context: Context
    ) -> models_pb2.ListTroublesResponse:
        """Returns the current troubles with the venue."""
        return self._troubles.to_proto()

    def _known(self, symbol: str) -> str:
        if symbol not in self._board.symbols:
            raise InvalidArgument(self._unknown("symbols", symbol))
        return symbol

    def _unknown(self, field: str, symbol: str) -> str:
        return (
            f"{field} {symbol!r} is not monitored: choose from {', '.join(self._board.symbols)} or add it to the grids"
        )

    def _heartbeat_of(self, request: pricemon_pb2.StreamPricesRequest) -> int:
        wanted_ms = request.heartbeat_ms or self._heartbeat_ms
        if wanted_ms < LEAST_HEARTBEAT_MS:
            raise InvalidArgument(
                f"heartbeat_ms {wanted_ms} is too short: give at least {LEAST_HEARTBEAT_MS}, or 0 for the default"
            )
        return wanted_ms
