"""Wakes readers of a symbol's update log when an entry was appended."""

import asyncio


class ChangeSignal:
    """Event per symbol. A reader takes the current event first, reads the log, then waits for that event."""

    def __init__(self) -> None:
        self._sounds: dict[str, asyncio.Event] = {}
        self.closed = False

    def sound(self, symbol: str) -> asyncio.Event:
        """Returns the event that the next `ring` sets."""
        return self._sounds.setdefault(symbol, asyncio.Event())

    def ring(self, symbol: str) -> None:
        """Reports that an entry was appended to the symbol's log."""
        self._sounds.pop(symbol, asyncio.Event()).set()

    def close(self) -> None:
        """Wakes all readers for the last time."""
        self.closed = True
        for symbol in list(self._sounds):
            self.ring(symbol)
