"""The clock of another host, as its answers tell it, held against ours.

It is known relative to our steady clock, so that neither a correction of our time nor a message that is long on its way
makes it wrong.
"""

import threading

from gridservice.steady import steady_ms
from orchestrator.clock import now_ms

_LONGEST_WAY_MS = 1_000  # an answer that took longer says too little of when it was given, where there was a better one


class HostClock:
    """What an answer that carries the time has told. Used from any thread.

    The other clock said it at some moment between question and answer, so the difference is known to the length of that
    way: where none at all would fit, there is none, else deadlines are told by the least that it can be.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._least_ms: int | None = None  # that clock minus our steady one
        self._way_ms = 0  # how much more it can be

    def heard(self, told_ms: int, asked_steady_ms: int) -> None:
        """An answer said this time; the question was sent then. 0: it did not say."""
        answered_ms = steady_ms()
        way_ms = answered_ms - asked_steady_ms
        with self._mutex:
            if told_ms and (way_ms <= _LONGEST_WAY_MS or self._least_ms is None):
                self._least_ms, self._way_ms = told_ms - answered_ms, way_ms

    def offset_ms(self, our_ms: int) -> int:
        """That clock now, minus what is given as our Unix time; 0 where it was never heard."""
        least, most = self._bounds(our_ms)
        return 0 if least <= 0 <= most else least

    @property
    def difference_ms(self) -> int:
        """That clock minus ours, as far as it is certain."""
        least, most = self._bounds(now_ms())
        return max(0, least) + min(0, most)

    def _bounds(self, our_ms: int) -> tuple[int, int]:
        with self._mutex:
            if self._least_ms is None:
                return 0, 0
            least = self._least_ms + steady_ms() - our_ms
            return least, least + self._way_ms
