"""The public websockets: `/ws/…` with bare frames, `/stream` with the stream's name around each.

A client subscribes by message or by path. Frames of trades are sent for every trade, those of the best quotes once per
batch, those of tickers once a second, if anything has changed.
"""

import asyncio
import json
from collections.abc import Callable
from functools import partial

from aiohttp import WSMsgType, web

from gridsim.exchange import Outcome
from simex import frames
from simex.connection import Connection
from simex.payloads import Json, market_id
from simex.public_record import PublicRecord
from simex.venue import Venue

HEARTBEAT_SECONDS = 20.0
CLOSE_SECONDS = 1.0  # how long a client has to answer a close
KINDS = ("trade", "aggTrade", "bookTicker", "miniTicker", "ticker")


class PublicStreams:
    """Who listens to which stream, and what they get."""

    def __init__(self, venue: Venue, record: PublicRecord, clock_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._record = record
        self._clock_ms = clock_ms
        ids = {symbol: market_id(symbol).lower() for symbol in venue.listings}
        self._ids = ids
        self._listeners: dict[str, set[_Client]] = {f"{each}@{kind}": set() for each in ids.values() for kind in KINDS}
        self._clients: set[_Client] = set()
        self._changed: set[str] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serves one socket until it closes."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        combined = request.path.startswith("/stream")
        named = request.query.get("streams", "") if combined else request.match_info.get("name", "")
        client = _Client(Connection(socket), combined=combined)
        self._clients.add(client)
        self._subscribe(client, [name for name in named.split("/") if "@" in name])
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    client.connection.send(self._answer(client, message.data))
        finally:
            self._clients.discard(client)
            self._unsubscribe(client, list(self._listeners))
            await client.connection.close()
        return socket

    def publish(self, symbol: str, outcome: Outcome) -> None:
        """Sends what the public sees of an outcome."""
        if not (outcome.prints or outcome.quoted):
            return
        now_ms, market = self._clock_ms(), self._ids[symbol]
        self._changed.add(symbol)
        for each in outcome.prints:
            self._send(f"{market}@trade", partial(frames.trade, symbol, each, now_ms))
            self._send(f"{market}@aggTrade", partial(frames.aggregate_trade, symbol, each, now_ms))
        self._send(f"{market}@bookTicker", partial(frames.best_quotes, self._venue.book(symbol)))

    def publish_tickers(self) -> None:
        """Sends the tickers of the markets that have traded since the last call."""
        now_ms = self._clock_ms()
        for symbol in self._changed:
            book, day, last = self._venue.book(symbol), self._record.day(symbol, now_ms), self._record.last(symbol)
            self._send(f"{self._ids[symbol]}@miniTicker", partial(frames.mini_ticker, book, day, now_ms))
            self._send(f"{self._ids[symbol]}@ticker", partial(frames.ticker, book, day, last, now_ms))
        self._changed.clear()

    async def flushed(self) -> None:
        """Returns once every client's socket has what was published so far."""
        for client in list(self._clients):
            await client.connection.flushed()

    async def close(self) -> None:
        """Closes every socket."""
        await asyncio.gather(*(client.connection.close() for client in self._clients))

    def _send(self, stream: str, frame: Callable[[], Json]) -> None:
        """Sends a frame, which is built only if somebody listens."""
        if not self._listeners[stream]:
            return
        bare = json.dumps(frame(), separators=(",", ":"))
        for client in self._listeners[stream]:
            client.connection.send_text(f'{{"stream":"{stream}","data":{bare}}}' if client.combined else bare)

    def _answer(self, client: "_Client", text: str) -> Json:
        try:
            request = json.loads(text)
            method, request_id, names = request["method"], request.get("id"), request.get("params", [])
        except (json.JSONDecodeError, TypeError, KeyError, AttributeError) as error:
            return _invalid(None, f"not a request with method, params and id ({type(error).__name__})")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return _invalid(request_id, "params must be a list of stream names")
        match method:
            case "SUBSCRIBE":
                self._subscribe(client, names)
            case "UNSUBSCRIBE":
                self._unsubscribe(client, names)
            case "LIST_SUBSCRIPTIONS":
                subscribed = [stream for stream, clients in self._listeners.items() if client in clients]
                return {"result": subscribed, "id": request_id}
            case _:
                return _invalid(request_id, f"unknown method {method!r}")
        return {"result": None, "id": request_id}

    def _subscribe(self, client: "_Client", names: list[str]) -> None:
        """A stream that does not exist is silent, as on Binance."""
        for name in names:
            if name in self._listeners:
                self._listeners[name].add(client)

    def _unsubscribe(self, client: "_Client", names: list[str]) -> None:
        for name in names:
            if name in self._listeners:
                self._listeners[name].discard(client)


class _Client:
    """Identity matters, not value: each is one socket."""

    def __init__(self, connection: Connection, *, combined: bool) -> None:
        self.connection = connection
        self.combined = combined


def _invalid(request_id: object, why: str) -> Json:
    return {"error": {"code": 2, "msg": f"Invalid request: {why}"}, "id": request_id}
