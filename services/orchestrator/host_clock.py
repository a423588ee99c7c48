"""The clock of another host, as its answers tell it, held against ours.

It is known relative to our steady clock, so that neither a correction of our time nor a message that is long on its way
makes it wrong.
"""

import threading

from gridservice.steady import steady_ms
from orchestrator.clock import now_ms

_LONGEST_WAY_MS = 1_000  # an answer that took longer says too little of when it was given, where there was a better one


class HostClock:
    """What an answer that carries the time has told. Used from any thread."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._ahead_ms: int | None = None  # of our steady clock
        self._way_ms = 0  # how long the answer took that told it: it is known to half of that

    def heard(self, told_ms: int, asked_steady_ms: int) -> None:
        """An answer said this time; the question was sent then. 0: it did not say."""
        answered_ms = steady_ms()
        way_ms = answered_ms - asked_steady_ms
        with self._mutex:
            if told_ms and (way_ms <= _LONGEST_WAY_MS or self._ahead_ms is None):
                self._ahead_ms, self._way_ms = told_ms - (asked_steady_ms + answered_ms) // 2, way_ms

    def offset_ms(self, our_ms: int) -> int:
        """That clock now, minus what is given as our Unix time; 0 where it was never heard."""
        with self._mutex:
            return 0 if self._ahead_ms is None else self._ahead_ms + steady_ms() - our_ms

    @property
    def difference_ms(self) -> int:
        """That clock minus ours, as far as it is certain."""
        offset_ms = self.offset_ms(now_ms())
        certain_ms = max(0, abs(offset_ms) - self._way_ms // 2)
        return certain_ms if offset_ms > 0 else -certain_ms
