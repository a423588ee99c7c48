"""The venue's clock: this machine's or a test's clock plus an offset. The offset can jump."""

from collections.abc import Callable

from gridservice.clock import now_ms


class VenueClock:
    """A callable that returns the venue's time in Unix milliseconds."""

    def __init__(self, base_ms: Callable[[], int] = now_ms, offset_ms: int = 0) -> None:
        self._base_ms = base_ms
        self.offset_ms = offset_ms  # below 0: the venue is behind

    def __call__(self) -> int:
        """The venue's time."""
        return self._base_ms() + self.offset_ms
