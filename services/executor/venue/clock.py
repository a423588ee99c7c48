"""The venue's clock as we know it: ours plus a measured skew. Timestamps to be signed and evidence are told by it."""

import logging
import time
from collections.abc import Callable

from executor.venue.port import ReadFailedError, Venue

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
        self._least_skew_ms = 0  # the least that it can be: the venue told its time before we heard it
        self._told_ms = 0  # the skew that the log knows of

    def local_ms(self) -> int:
        """This machine's time: for not_after_ms, records and waits."""
        return self._local_ms()

    def venue_ms(self) -> int:
        """The venue's time: for what is signed, and for how old a request is."""
        return self._local_ms() + self.skew_ms

    def venue_at_least_ms(self) -> int:
        """What the venue's time certainly is by now: for evidence, which a guess of half a round trip would spoil."""
        return self._local_ms() + self._least_skew_ms

    async def measure(self, venue: Venue) -> int:
        """Asks the venue, taking its answer for the middle of the round trip. Raises ReadFailedError.

        Returns what it said, its time now or a moment ago: never ahead, as the skew can be by half of the round trip.
        """
        before = self._local_ms()
        told = await venue.time_ms()
        after = self._local_ms()
        self.skew_ms = told - (before + after) // 2
        self._least_skew_ms = told - after
        venue.set_skew(self.skew_ms)
        self._tell()
        return told

    async def set_again(self, venue: Venue) -> None:
        """Measures after the venue has refused our time; where it does not say its own, ours stays as it was."""
        try:
            await self.measure(venue)
        except ReadFailedError as error:
            _log.warning("the venue's clock could not be read: %s", error)

    def _tell(self) -> None:
        if abs(self.skew_ms - self._told_ms) < _WORTH_TELLING_MS:
            return
        self._told_ms = self.skew_ms
        _log.warning("the venue's clock is %+d ms from ours: requests are signed by the venue's", self.skew_ms)
