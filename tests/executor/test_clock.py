"""The venue's clock: a guess for what is signed, a certainty for what evidence rests on."""

import pytest

from executor.venue.clock import VenueClock
from gridtesting.fakes.venue import FakeVenue, ManualClock

TRIP_MS = 600


class FarVenue(FakeVenue):
    """Its answer takes its time, on the way there or on the way back."""

    def __init__(self, clock: ManualClock, there_ms: int) -> None:
        super().__init__(clock)
        self._passes, self._there_ms = clock.advance, there_ms

    async def time_ms(self) -> int:
        self._passes(self._there_ms)
        reported = await super().time_ms()
        self._passes(TRIP_MS - self._there_ms)
        return reported


@pytest.mark.parametrize("there_ms", [0, TRIP_MS // 2, TRIP_MS])
async def test_evidence_never_counts_on_more_time_than_has_passed_at_the_venue(
    clock: ManualClock, there_ms: int
) -> None:
    venue_clock = VenueClock(clock)
    await venue_clock.measure(FarVenue(clock, there_ms))
    assert venue_clock.venue_at_least_ms() <= clock()
    assert abs(venue_clock.venue_ms() - clock()) <= TRIP_MS // 2
