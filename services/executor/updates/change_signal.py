"""Waking those who read a symbol's update log when something was appended."""

import asyncio


class ChangeSignal:
    """Rings per symbol. A listener takes the current sound first, reads the log, then waits for that sound."""

    def __init__(self) -> None:
        self._sounds: dict[str, asyncio.Event] = {}
        self.closed = False

    def sound(self, symbol: str) -> asyncio.Event:
        """Set by the next ring."""
        return self._sounds.setdefault(symbol, asyncio.Event())

    def ring(self, symbol: str) -> None:
        """Something was appended to the symbol's log."""
        self._sounds.pop(symbol, asyncio.Event()).set()

    def close(self) -> None:
        """Wakes everybody for the last time."""
        self.closed = True
        for symbol in list(self._sounds):
            self.ring(symbol)
