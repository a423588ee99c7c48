"""Whether the user stream may be relied on to be first, which decides how often the account is polled.

The stream is proven by news of our own orders. It loses that by breaking, and for longer each time by a poll that finds
what it did not say. What it may lose is never lost for good: the poll finds everything, only later.
"""

import asyncio
from collections.abc import Callable

_FIRST_DISTRUST_SECONDS, _LONGEST_DISTRUST_SECONDS = 60.0, 3_600.0


class StreamTrust:
    """Of one account. `clock` is seconds of any steady clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._said = False
        self._distrust_seconds = _FIRST_DISTRUST_SECONDS
        self._distrusted_until = 0.0
        self.changed = asyncio.Event()

    @property
    def proven(self) -> bool:
        """Polls may be rare."""
        return self._said and self._clock() >= self._distrusted_until

    def said(self) -> None:
        """It said something about an order of ours."""
        self._said = True

    def broke(self) -> None:
        """A connection ended: what happened meanwhile was not said."""
        if self._said:
            self._said = False
            self.changed.set()

    def missed(self) -> None:
        """A poll has found what it should have said."""
        self._said = False
        self._distrusted_until = self._clock() + self._distrust_seconds
        self._distrust_seconds = min(2 * self._distrust_seconds, _LONGEST_DISTRUST_SECONDS)
        self.changed.set()
