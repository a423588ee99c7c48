"""The markets' clocks: process each market's due events in batches small enough to keep serving."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal

from simex.exchange.venue import Venue

PERIOD_SECONDS = 0.02
BATCH_EVENTS = 200
_MAX_LAG_NS = 1_000_000_000  # limit of what a suspended or overloaded process catches up


class MarketClock:
    """One market's clock. `speed` is market seconds per second."""

    def __init__(self, venue: Venue, symbol: str, speed: Decimal, clock_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._symbol = symbol
        self._speed = speed
        self._clock_ms = clock_ms
        self._market_ns = 0

    async def run(self) -> None:
        """Runs until cancelled. Raises sqlite3.Error if the book on disk refuses a write."""
        last_ns = time.monotonic_ns()
        while True:
            await asyncio.sleep(PERIOD_SECONDS)
            now_ns = time.monotonic_ns()
            await self._catch_up(min(now_ns - last_ns, _MAX_LAG_NS))
            last_ns = now_ns

    async def _catch_up(self, elapsed_ns: int) -> None:
        state = self._venue.state(self._symbol)
        if not state.running or state.at_end or not self._venue.book(self._symbol).rules.trades:
            return
        # An Advance or a restart may have moved the market beyond its clock: the clock continues from there.
        self._market_ns = max(self._market_ns, state.point.market_time_ms * 1_000_000) + int(elapsed_ns * self._speed)
        until_ms = self._market_ns // 1_000_000
        done = BATCH_EVENTS
        while done == BATCH_EVENTS:
            done = self._venue.advance(self._symbol, BATCH_EVENTS, self._clock_ms(), until_ms)
            await asyncio.sleep(0)  # requests get their turn between batches
