"""Venue clock: local time plus a measured skew. Signed timestamps and evidence use it."""

import logging
from collections.abc import Callable

from executor.venue.port import ReadFailedError, Venue
from gridservice.clock import now_ms

_log = logging.getLogger(__name__)

_WORTH_TELLING_MS = 1_000  # Binance refuses timestamps this far ahead of its clock


class VenueClock:
    """Local time and, once measured, the venue's."""

    def __init__(self, local_ms: Callable[[], int] = now_ms) -> None:
        self._local_ms = local_ms
        self.skew_ms = 0  # venue minus local
        self._least_skew_ms = 0  # lower bound: the venue read its clock before we got the reply
        self._told_ms = 0  # the skew that was logged last

    def local_ms(self) -> int:
        """Returns local time: for not_after_ms, records and waits."""
        return self._local_ms()

    def venue_ms(self) -> int:
        """Returns the venue's time: for signatures and the age of requests."""
        return self._local_ms() + self.skew_ms

    def venue_at_least_ms(self) -> int:
        """Returns a lower bound of the venue's time: evidence must not depend on a guess of half a round trip."""
        return self._local_ms() + self._least_skew_ms

    async def measure(self, venue: Venue) -> int:
        """Reads the venue's time and takes it for the middle of the round trip. Raises ReadFailedError.

        Returns the venue's time as it was reported. It is never ahead, while the skew can be by half of the round trip.
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
        """Measures after the venue has refused our timestamp. If that fails, the skew stays unchanged."""
        try:
            await self.measure(venue)
        except ReadFailedError as error:
            _log.warning("the venue's clock could not be read: %s", error)

    def _tell(self) -> None:
        if abs(self.skew_ms - self._told_ms) < _WORTH_TELLING_MS:
            return
        self._told_ms = self.skew_ms
        _log.warning("the venue's clock is %+d ms from ours: requests are signed by the venue's", self.skew_ms)
