"""One websocket client: a bounded queue before its socket, so that a slow reader does not delay others.

Whole frames are queued and written together: in a fast market one system call per frame would take most of the time.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Protocol

from aiohttp import WSCloseCode, web
from aiohttp.abc import AbstractStreamWriter

HEARTBEAT_SECONDS = 20.0
CLOSE_SECONDS = 1.0  # timeout for a client's answer to a close
_QUEUED = 20_000
_AT_ONCE = 1_000  # frames in one write
_FLUSH_SECONDS = 2.0


def framed(text: str) -> bytes:
    """A text message as one whole websocket frame (RFC 6455, section 5.2), unmasked like all frames of a server."""
    payload = text.encode()
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2) + payload
    return b"\x81\x7f" + length.to_bytes(8) + payload


class Tampering(Protocol):
    """Changes that faults make to events on their way to a socket."""

    def attach(self, connection: "Connection") -> None:
        """The socket has been opened."""
        ...

    def passed(self, connection: "Connection", frames: Sequence[bytes], account: str) -> Sequence[bytes]:
        """Returns the frames to send now."""
        ...


TAMPERING = web.RequestKey("tampering", Tampering)  # set by a route for the connection that it opens


class Connection:
    """Sends in order. A client that is `_QUEUED` frames behind is disconnected, as Binance does."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        out: AbstractStreamWriter,
        tampering: Tampering | None = None,
    ) -> None:
        self.socket = socket
        self._tampering = tampering
        self._transport = transport
        self._out = out
        self._queue: deque[bytes] = deque()
        self._filled, self._empty = asyncio.Event(), asyncio.Event()
        self._empty.set()
        self._writer = asyncio.create_task(self._write())
        if tampering is not None:
            tampering.attach(self)

    @classmethod
    async def accepted(cls, request: web.Request) -> "Connection":
        """Accepts a request to open a websocket. Raises ConnectionError if the client has already disconnected.

        Without compression: it would cost more than all other work on a frame.
        """
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS, compress=False)
        out = await socket.prepare(request)
        if request.transport is None:
            raise ConnectionResetError("the client has disconnected")
        return cls(socket, request.transport, out, request.get(TAMPERING))

    @property
    def open(self) -> bool:
        """Whether the client is still connected."""
        return not self._transport.is_closing()

    def send(self, message: object) -> None:
        """Queues a message as JSON."""
        self.send_frames([framed(json.dumps(message, separators=(",", ":")))])

    def send_frames(self, frames: Sequence[bytes]) -> None:
        """Queues frames in the form that `framed` returns."""
        if len(self._queue) + len(frames) > _QUEUED:
            self._writer.cancel()
            return
        self._queue.extend(frames)
        self._empty.clear()
        self._filled.set()

    def publish(self, frames: Sequence[bytes], account: str = "") -> None:
        """Queues events of an account, to which faults may apply; they never apply to answers."""
        passed = frames if self._tampering is None else self._tampering.passed(self, frames, account)
        if passed:
            self.send_frames(passed)

    def abort(self) -> None:
        """Cuts the connection silently."""
        self._transport.abort()

    async def flushed(self) -> None:
        """Waits until all queued frames are written to the socket. A client that takes too long is disconnected."""
        flush = asyncio.create_task(self._empty.wait())
        await asyncio.wait({flush, self._writer}, timeout=_FLUSH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not flush.done():
            flush.cancel()
            self._writer.cancel()

    async def dismiss(self) -> None:
        """Sends what is queued, then closes the socket of a client over a limit."""
        await self.flushed()
        await self.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"Too many requests")

    async def close(self) -> None:
        """Stops sending and closes the socket."""
        self._writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._writer

    async def _write(self) -> None:
        try:
            while True:
                await self._filled.wait()
                await self._write_some()
        except ConnectionError:
            pass  # the reader's loop also sees the end of the socket, and cleans up
        finally:
            await self.socket.close(code=WSCloseCode.GOING_AWAY)

    async def _write_some(self) -> None:
        if self._transport.is_closing():
            raise ConnectionResetError("the client has disconnected")
        some = b"".join(islice(self._queue, _AT_ONCE))
        for _ in range(min(_AT_ONCE, len(self._queue))):
            self._queue.popleft()
        self._transport.write(some)
        await self._out.drain()
        if not self._queue:
            self._filled.clear()
            self._empty.set()
