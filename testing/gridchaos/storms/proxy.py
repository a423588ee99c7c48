"""Proxy between two services that a storm can disturb, and on which it detects orders.

It forwards bytes and knows of HTTP only how the request of an order begins. A partition has the consequences of a real
one: what was in flight when a STALLED began arrives late, whether or not its sender still lives.
"""

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

_ORDER = b"POST /api/v3/order"
_CHUNK = 65_536


class LinkState(enum.Enum):
    """Current state of a connection."""

    UP = "up"
    CUT = "cut"  # existing and new connections are reset
    STALLED = "stalled"  # nothing gets through until it ends, then everything does
    RESPONSES_DROPPED = "responses-dropped"  # requests get through, answers do not


@dataclass(frozen=True, slots=True)
class Trap:
    """Trap that springs at the n-th order from now: after the order was forwarded to the venue, or instead of that."""

    order: int
    arrives: bool
    spring: Callable[[], None]


class Proxy:
    """Listens on a port of 127.0.0.1 while it is entered, and connects each client to `target`."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._state = LinkState.UP
        self._up = asyncio.Event()
        self._up.set()
        self._trap: Trap | None = None
        self._pairs: set[_Pair] = set()
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._up.set()
        self._reset()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def address(self) -> str:
        """host:port to which the caller connects."""
        assert self._server is not None
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def change(self, state: LinkState) -> None:
        """Changes the state of the connection."""
        before, self._state = self._state, state
        if state is LinkState.CUT or before is LinkState.RESPONSES_DROPPED:
            self._reset()
        if state is LinkState.STALLED:
            self._up.clear()
        else:
            self._up.set()

    def set_trap(self, trap: Trap | None) -> None:
        """Sets the trap, which replaces the previous one; it springs once."""
        self._trap = trap

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._connected(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state is LinkState.CUT:
            _reset(writer)
            return
        await self._up.wait()
        try:
            there = await asyncio.open_connection(*self._target)
        except OSError:
            _reset(writer)
            return
        pair = _Pair(writer, there[1])
        self._pairs.add(pair)
        try:
            await asyncio.gather(self._requests(reader, pair), self._answers(there[0], pair))
        finally:
            self._pairs.discard(pair)
            pair.here.close()
            pair.there.close()

    async def _requests(self, reader: asyncio.StreamReader, pair: "_Pair") -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                await self._up.wait()
                trap = self._sprung(data)
                if trap is not None and not trap.arrives:
                    trap.spring()
                    break
                pair.there.write(data)
                await pair.there.drain()
                if trap is not None:
                    trap.spring()
        with contextlib.suppress(OSError, RuntimeError):
            pair.there.write_eof()

    async def _answers(self, reader: asyncio.StreamReader, pair: "_Pair") -> None:
        try:
            while data := await reader.read(_CHUNK):
                await self._up.wait()
                if self._state is not LinkState.RESPONSES_DROPPED:
                    pair.here.write(data)
                    await pair.here.drain()
        except ConnectionError:
            pair.reset()
        else:
            pair.here.close()

    def _sprung(self, data: bytes) -> Trap | None:
        trap = self._trap
        if trap is None or _ORDER not in data:
            return None
        if trap.order > 1:
            self._trap = Trap(trap.order - 1, trap.arrives, trap.spring)
            return None
        self._trap = None
        return trap

    def _reset(self) -> None:
        for pair in list(self._pairs):
            pair.reset()


@dataclass(frozen=True, eq=False)
class _Pair:
    """One connection: the caller's end and the end to the target."""

    here: asyncio.StreamWriter
    there: asyncio.StreamWriter

    def reset(self) -> None:
        _reset(self.here)
        _reset(self.there)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection by RST instead of FIN."""
    connection = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # already closed
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
