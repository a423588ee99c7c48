"""The public websockets: `/ws/…` with bare frames, `/stream` with frames wrapped in the stream's name.

A client subscribes by message or by path. Trade streams send a frame for every trade, quote streams one per batch of
events that changed the quotes, the others at fixed times.
"""

import asyncio
from collections.abc import Callable

from aiohttp import WSMsgType, web

from gridsim.outcome import Outcome
from simex.access.limits import Limits
from simex.exchange.venue import Venue
from simex.market_data import stream_payloads
from simex.market_data.market import PublicMarket
from simex.market_data.record import PublicRecord
from simex.protocol.formats import Json, market_id
from simex.streams.connection import Connection
from simex.streams.subscription_requests import answer
from simex.streams.subscriptions import MOST_STREAMS, Listener, Subscriptions
from simex.streams.timed_streams import TICK_SECONDS, TimedStreams


class PublicStreams:
    """All sockets of the public streams, and their events."""

    def __init__(self, venue: Venue, record: PublicRecord, limits: Limits, clock_ms: Callable[[], int]) -> None:
        self._limits = limits
        self._clock_ms = clock_ms
        self._ids = {symbol: market_id(symbol) for symbol in venue.listings}
        self._markets = {symbol: PublicMarket(symbol, venue, record) for symbol in venue.listings}
        self._audience = Subscriptions()
        self._timed = TimedStreams(self._markets, self._audience)
        self._listeners: set[Listener] = set()
        self._best: dict[str, Json] = {}  # the quotes that were sent last

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serves one socket until it closes."""
        combined = request.path.startswith("/stream")
        named = request.query.get("streams", "") if combined else request.match_info.get("name", "")
        streams = [name for name in named.split("/") if "@" in name]
        if len(streams) > MOST_STREAMS:
            raise web.HTTPBadRequest(text=f"A connection can listen to {MOST_STREAMS} streams at most.")
        connection = await Connection.accepted(request)
        listener = Listener(connection, combined=combined)
        self._listeners.add(listener)
        self._audience.join(listener, streams)
        pace = self._limits.pace()
        try:
            async for message in connection.socket:
                if pace.too_fast(self._clock_ms()):
                    await connection.dismiss()
                elif message.type is WSMsgType.TEXT:
                    connection.send(answer(self._audience, listener, message.data))
        finally:
            self._listeners.discard(listener)
            self._audience.leave(listener, listener.streams)
            await connection.close()
        return connection.socket

    def publish(self, symbol: str, outcome: Outcome) -> None:
        """Sends the public part of an outcome."""
        market, prints = self._ids[symbol], outcome.prints
        name, now_ms = market.lower(), self._clock_ms()
        if prints or outcome.quoted:
            self._timed.note_move(symbol)
        if prints and f"{name}@trade" in self._audience:
            self._audience.send(f"{name}@trade", stream_payloads.trades(market, prints, now_ms))
        if prints and f"{name}@aggTrade" in self._audience:
            self._audience.send(f"{name}@aggTrade", stream_payloads.aggregate_trades(market, prints, now_ms))
        if f"{name}@bookTicker" in self._audience:
            self._publish_best(f"{name}@bookTicker", self._markets[symbol])

    async def run(self) -> None:
        """Runs the timed streams until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._timed.tick(self._clock_ms())

    async def flushed(self) -> None:
        """Waits until every client's socket has everything published so far."""
        for listener in list(self._listeners):
            await listener.connection.flushed()

    async def close(self) -> None:
        """Sends a goodbye on every socket and closes it."""
        goodbye: Json = {"e": "serverShutdown", "E": self._clock_ms()}
        await asyncio.gather(*(_close(listener, goodbye) for listener in self._listeners))

    def _publish_best(self, stream: str, market: PublicMarket) -> None:
        best = stream_payloads.best_quotes(market.book, market.look().update_id)
        if self._best.get(stream, {}) | {"u": best["u"]} != best:
            self._best[stream] = best
            self._audience.tell(stream, best)


async def _close(listener: Listener, goodbye: Json) -> None:
    listener.connection.send({"stream": "!serverShutdown", "data": goodbye} if listener.combined else goodbye)
    await listener.connection.flushed()
    await listener.connection.close()
