"""One websocket client: a bounded queue in front of its socket, so that a slow reader costs nobody else a moment."""

import asyncio
import contextlib
import json

from aiohttp import WSCloseCode, web

_QUEUED = 20_000
_FLUSH_SECONDS = 2.0


class Connection:
    """Sends in order. A client that is `_QUEUED` frames behind is cut off, as Binance does."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[str] = asyncio.Queue(_QUEUED)
        self._writer = asyncio.create_task(self._write())

    def send(self, message: object) -> None:
        """Queues a message as JSON."""
        self.send_text(json.dumps(message, separators=(",", ":")))

    def send_text(self, text: str) -> None:
        """Queues a text."""
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self._writer.cancel()

    async def flushed(self) -> None:
        """Returns once all that is queued has been handed to the socket. A client that takes too long is cut off."""
        flush = asyncio.create_task(self._queue.join())
        await asyncio.wait({flush, self._writer}, timeout=_FLUSH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not flush.done():
            flush.cancel()
            self._writer.cancel()

    async def close(self) -> None:
        """Stops sending and closes the socket."""
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer

    async def _write(self) -> None:
        try:
            while True:
                text = await self._queue.get()
                await self._socket.send_str(text)
                self._queue.task_done()
        except ConnectionError:
            pass  # the reader's loop sees the end of the socket too, and cleans up
        finally:
            await self._socket.close(code=WSCloseCode.GOING_AWAY)
