"""Faults on websockets: connections that are refused or cut, and events that are late, duplicated or lost.

They affect events only. Answers to requests over a socket get the faults of requests, see `fault_gateway`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from weakref import WeakSet

from aiohttp import web

from simex.faults.kinds import Fault, Kind, Occasion
from simex.faults.plan import FaultPlan
from simex.streams.connection import TAMPERING, Connection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class StreamFaults:
    """The open websockets by stream, "public" or "user"."""

    def __init__(self, plan: FaultPlan, clock_ms: Callable[[], int]) -> None:
        self._plan = plan
        self._clock_ms = clock_ms
        self._open: dict[str, WeakSet[Connection]] = {"public": WeakSet(), "user": WeakSet()}

    def guarded(self, stream: str, handler: Handler) -> Handler:
        """Wraps the handler of a websocket's route; a fault may refuse the client."""

        async def serve(request: web.Request) -> web.StreamResponse:
            if self._plan.strike(Occasion.CONNECTION, stream, "", self._clock_ms()):
                return web.Response(status=503, text="Service Unavailable")
            request[TAMPERING] = Tamper(self._plan, stream, self._clock_ms, self._open[stream])
            return await handler(request)

        return serve

    def drop(self, streams: Sequence[str]) -> int:
        """Cuts the open sockets of some streams; returns how many there were."""
        connections = [each for stream in streams for each in self._open[stream] if each.open]
        for connection in connections:
            connection.abort()
        return len(connections)


class Tamper:
    """Applies faults to the events of one socket, before its queue."""

    def __init__(
        self, plan: FaultPlan, stream: str, clock_ms: Callable[[], int], connections: "WeakSet[Connection]"
    ) -> None:
        self._plan = plan
        self._stream = stream
        self._clock_ms = clock_ms
        self._connections = connections
        self._overtaken: list[bytes] = []  # frames to send after the next one
        self._silence: list[bytes] | None = None  # frames held during a silence; None: no silence

    def attach(self, connection: Connection) -> None:
        """The socket has been opened."""
        self._connections.add(connection)

    def passed(self, connection: Connection, frames: Sequence[bytes], account: str) -> Sequence[bytes]:
        """Returns the frames to send now."""
        if not self._plan.expects(Occasion.EVENT) and self._silence is None and not self._overtaken:
            return frames
        return [sent for frame in frames for sent in self._one(connection, frame, account)]

    def _one(self, connection: Connection, frame: bytes, account: str) -> list[bytes]:
        if self._silence is not None:
            self._silence.append(frame)
            return []
        fault = self._plan.strike(Occasion.EVENT, self._stream, account, self._clock_ms())
        match fault.kind if fault else None:
            case Kind.REORDER:
                self._overtaken.append(frame)
                return []
            case Kind.MISSING:
                return []
            case Kind.DROP:
                connection.abort()
                return []
            case Kind.SILENCE if fault:
                self._fall_silent(connection, fault, frame)
                return []
            case kind:
                sent = [frame, frame] if kind is Kind.DUPLICATE else [frame]
                overtaken, self._overtaken = self._overtaken, []
                return sent + overtaken

    def _fall_silent(self, connection: Connection, fault: Fault, frame: bytes) -> None:
        self._silence = [frame]
        asyncio.get_running_loop().call_later(fault.delay_ms / 1000, self._speak, connection, fault.lost)

    def _speak(self, connection: Connection, lost: bool) -> None:  # noqa: FBT001  a callback's argument
        kept, self._silence = self._silence or [], None
        if not lost:
            connection.send_frames(kept)
