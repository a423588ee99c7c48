"""Subscriptions of sockets to public streams, and the sending of frames to them."""

import json
from collections.abc import Iterable, Sequence

from simex.streams.connection import Connection, framed

MOST_STREAMS = 1024  # limit of one connection


class Listener:
    """One socket, compared by identity. `combined`: its frames are wrapped in the stream's name."""

    def __init__(self, connection: Connection, *, combined: bool) -> None:
        self.connection = connection
        self.combined = combined
        self.streams: dict[str, None] = {}  # in order of subscription


class Subscriptions:
    """Listeners by stream. A stream that does not exist is silent, as on Binance."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}

    def __contains__(self, stream: str) -> bool:
        """Whether the stream has a listener."""
        return stream in self._listeners

    def join(self, listener: Listener, streams: Iterable[str]) -> bool:
        """Subscribes to all streams, or to none if that exceeds the limit of a socket; returns whether it did."""
        streams = dict.fromkeys(streams)
        if len(listener.streams | streams) > MOST_STREAMS:
            return False
        listener.streams |= streams
        for stream in streams:
            self._listeners.setdefault(stream, set()).add(listener)
        return True

    def leave(self, listener: Listener, streams: Iterable[str]) -> None:
        """Ends subscriptions; unknown ones are ignored."""
        for stream in list(streams):
            listener.streams.pop(stream, None)
            listeners = self._listeners.get(stream, set())
            listeners.discard(listener)
            if not listeners:
                self._listeners.pop(stream, None)

    def tell(self, stream: str, event: object) -> None:
        """Sends an event as JSON."""
        self.send(stream, [json.dumps(event, separators=(",", ":"))])

    def send(self, stream: str, texts: Sequence[str]) -> None:
        """Sends serialised events; each is framed once for all listeners."""
        bare: list[bytes] | None = None
        combined: list[bytes] | None = None
        for listener in self._listeners.get(stream, ()):
            if listener.combined:
                if combined is None:
                    combined = [framed(f'{{"stream":"{stream}","data":{text}}}') for text in texts]
                listener.connection.publish(combined)
            else:
                if bare is None:
                    bare = [framed(text) for text in texts]
                listener.connection.publish(bare)
