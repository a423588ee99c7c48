"""Who listens to which public stream: subscriptions by socket, and the sending of frames to whoever has one."""

import json
from collections.abc import Iterable, Sequence

from simex.streams.connection import Connection, framed

MOST_STREAMS = 1024  # of one connection


class Listener:
    """One socket; identity matters, not value. `combined`: the stream's name goes around each of its frames."""

    def __init__(self, connection: Connection, *, combined: bool) -> None:
        self.connection = connection
        self.combined = combined
        self.streams: dict[str, None] = {}  # in the order in which they were subscribed


class Subscriptions:
    """Every listener by stream. A stream that does not exist is silent, as on Binance."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[Listener]] = {}

    def __contains__(self, stream: str) -> bool:
        """Whether anybody listens to it."""
        return stream in self._listeners

    def join(self, listener: Listener, streams: Iterable[str]) -> bool:
        """Subscribes to all of them, or to none where that would be more than a socket may have; whether it did."""
        streams = dict.fromkeys(streams)
        if len(listener.streams | streams) > MOST_STREAMS:
            return False
        listener.streams |= streams
        for stream in streams:
            self._listeners.setdefault(stream, set()).add(listener)
        return True

    def leave(self, listener: Listener, streams: Iterable[str]) -> None:
        """Ends subscriptions; one that there is not is none to end."""
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
        """Sends events that are written already; each is framed once, however many listen."""
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
