"""Serves the public part of Binance's spot API from recorded frames, exactly as Binance sent them, to ccxt adapters.

It has no matching; simex is the exchange. The test decides when each frame is sent.
"""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiohttp import WSMsgType, web

Frame = dict[str, Any]


def read_frames(path: Path) -> Iterator[tuple[str, Frame]]:
    """Yields stream name and frame of each recorded line that came by a stream."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            _, _, text = line.partition(" ")
            if text.strip():
                envelope = json.loads(text)
                if "stream" in envelope:
                    yield envelope["stream"], envelope["data"]


def _invalid_symbol() -> web.Response:
    return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)


class TapeServer:
    """Serves `exchangeInfo`, the 24 h ticker and `/ws/N` at a free port of this machine."""

    def __init__(self, exchange_info: Any) -> None:
        self.exchange_info = exchange_info
        self._sockets: dict[str, dict[web.WebSocketResponse, asyncio.Transport]] = {}  # by stream
        self._tickers: dict[str, Frame] = {}
        self._runner: web.AppRunner | None = None
        self.port = 0
        self.questions = 0  # ticker requests answered
        self.refused: set[str] = set()  # symbols because of which a whole request is refused, as Binance does

    @property
    def url(self) -> str:
        """The value for base_url."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Binds, at its previous port if there was one."""
        app = web.Application()
        app.router.add_get("/api/v3/exchangeInfo", self._serve_exchange_info)
        app.router.add_get("/api/v3/ticker/24hr", self._serve_ticker)
        app.router.add_get("/ws/{number}", self._serve_socket)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Closes every connection and the port."""
        await self.drop_sockets()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def subscribed(self, stream: str) -> bool:
        """Whether a client is subscribed to the stream now."""
        return bool(self._sockets.get(stream))

    async def send(self, stream: str, frame: Frame) -> None:
        """Sends a frame to the stream's subscribers, and updates the REST ticker."""
        self._note(frame)
        text = json.dumps(frame, separators=(",", ":"))
        for socket in list(self._sockets.get(stream, {})):
            await socket.send_str(text)

    async def drop_sockets(self) -> None:
        """Resets every websocket without a goodbye."""
        for sockets in self._sockets.values():
            for transport in sockets.values():
                transport.abort()
        self._sockets.clear()

    def _note(self, frame: Frame) -> None:
        ticker = self._tickers.setdefault(frame["s"], {"symbol": frame["s"]})
        if frame.get("e") == "trade":
            ticker |= {"lastPrice": frame["p"], "closeTime": frame["T"]}
        elif "b" in frame and "a" in frame and "e" not in frame:
            ticker |= {"bidPrice": frame["b"], "askPrice": frame["a"]}

    async def _serve_exchange_info(self, _: web.Request) -> web.Response:
        return web.json_response(self.exchange_info)

    async def _serve_ticker(self, request: web.Request) -> web.Response:
        self.questions += 1
        if "symbols" in request.query:
            wanted = json.loads(request.query["symbols"])
            if self.refused.intersection(wanted):
                return _invalid_symbol()
            return web.json_response([self._tickers[name] for name in wanted if name in self._tickers])
        ticker = self._tickers.get(request.query["symbol"])
        if ticker is None or request.query["symbol"] in self.refused:
            return _invalid_symbol()
        return web.json_response(ticker)

    async def _serve_socket(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        assert isinstance(request.transport, asyncio.Transport)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._subscribe(socket, request.transport, json.loads(message.data))
        finally:
            for sockets in self._sockets.values():
                sockets.pop(socket, None)
        return socket

    async def _subscribe(self, socket: web.WebSocketResponse, transport: asyncio.Transport, request: Frame) -> None:
        for stream in request["params"]:
            self._sockets.setdefault(stream, {})[socket] = transport
        await socket.send_str(json.dumps({"result": None, "id": request["id"]}))
