"""The venue's clock: this machine's or a test's clock plus an offset. The offset can jump."""

import time
from collections.abc import Callable


def wall_clock_ms() -> int:
    """This machine's clock: Unix milliseconds."""
    return time.time_ns() // 1_000_000


class VenueClock:
    """A callable that returns the venue's time in Unix milliseconds."""

    def __init__(self, base_ms: Callable[[], int] = wall_clock_ms, offset_ms: int = 0) -> None:
        self._base_ms = base_ms
        self.offset_ms = offset_ms  # below 0: the venue is behind

    def __call__(self) -> int:
        """The venue's time."""
        return self._base_ms() + self.offset_ms
