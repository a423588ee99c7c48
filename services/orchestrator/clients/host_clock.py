"""Estimates the offset between another host's clock and ours, from timestamps in its answers.

The offset is measured against our monotonic clock, so that neither a correction of our wall clock nor a slow message
makes it wrong.
"""

import threading

from gridservice.clock import now_ms, steady_ms

_LONGEST_WAY_MS = 1_000  # a slower answer is too imprecise; it is ignored if there was a better one


class HostClock:
    """Bounds of the other clock's offset. Thread-safe.

    The timestamp was taken at some moment between request and answer. So the offset is known within the round-trip
    time: if zero lies within the bounds the offset counts as zero, otherwise the lower bound is used for deadlines.
    """

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._least_ms: int | None = None  # lower bound: other clock minus our monotonic clock
        self._way_ms = 0  # round-trip time: upper bound minus lower bound

    def heard(self, told_ms: int, asked_steady_ms: int) -> None:
        """Records the timestamp of an answer (0: it has none) and the monotonic time when its request was sent."""
        answered_ms = steady_ms()
        way_ms = answered_ms - asked_steady_ms
        with self._mutex:
            if told_ms and (way_ms <= _LONGEST_WAY_MS or self._least_ms is None):
                self._least_ms, self._way_ms = told_ms - answered_ms, way_ms

    def offset_ms(self, our_ms: int) -> int:
        """Returns the other clock's time now minus `our_ms`; 0 if they may agree or no timestamp was received."""
        least, most = self._bounds(our_ms)
        return 0 if least <= 0 <= most else least

    @property
    def difference_ms(self) -> int:
        """The other clock minus ours, as far as it is certain; 0 if they may agree."""
        least, most = self._bounds(now_ms())
        return max(0, least) + min(0, most)

    def _bounds(self, our_ms: int) -> tuple[int, int]:
        with self._mutex:
            if self._least_ms is None:
                return 0, 0
            least = self._least_ms + steady_ms() - our_ms
            return least, least + self._way_ms
