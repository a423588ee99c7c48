"""The venue's clock as we know it: ours plus a measured skew. Timestamps to be signed and evidence are told by it."""

import logging
import time
from collections.abc import Callable

from executor.ports import Venue

_log = logging.getLogger(__name__)

_WORTH_TELLING_MS = 1_000  # Binance refuses what is this far ahead of its clock


def unix_ms() -> int:
    """This machine's Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


class VenueClock:
    """Local time and, once measured, the venue's."""

    def __init__(self, local_ms: Callable[[], int] = unix_ms) -> None:
        self._local_ms = local_ms
        self.skew_ms = 0  # venue minus local
        self._told_ms = 0  # the skew that the log knows of

    def local_ms(self) -> int:
        """This machine's time: for not_after_ms, records and waits."""
        return self._local_ms()

    def venue_ms(self) -> int:
        """The venue's time: for what is signed, and for how old a request is."""
        return self._local_ms() + self.skew_ms

    async def measure(self, venue: Venue) -> None:
        """Asks the venue, taking its answer for the middle of the round trip. Raises ReadFailedError."""
        before = self._local_ms()
        told = await venue.time_ms()
        after = self._local_ms()
        self.skew_ms = told - (before + after) // 2
        venue.set_skew(self.skew_ms)
        self._tell()

    def _tell(self) -> None:
        if abs(self.skew_ms - self._told_ms) < _WORTH_TELLING_MS:
            return
        self._told_ms = self.skew_ms
        _log.warning("the venue's clock is %+d ms from ours: requests are signed by the venue's", self.skew_ms)
