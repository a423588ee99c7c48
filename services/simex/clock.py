"""The venue's clock: this machine's, or a test's, and how far ahead of it the venue is. The distance can jump."""

import time
from collections.abc import Callable


def wall_clock_ms() -> int:
    """This machine's clock: Unix milliseconds."""
    return time.time_ns() // 1_000_000


class VenueClock:
    """Called, it tells the venue's time in Unix milliseconds."""

    def __init__(self, base_ms: Callable[[], int] = wall_clock_ms, offset_ms: int = 0) -> None:
        self._base_ms = base_ms
        self.offset_ms = offset_ms  # below 0: it is behind

    def __call__(self) -> int:
        """The venue's time."""
        return self._base_ms() + self.offset_ms
