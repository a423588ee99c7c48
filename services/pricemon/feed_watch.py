"""Raises troubles for stale prices: one per symbol, or one for a venue that does not answer at all.

A silence that the venue demands is a trouble as well.
"""

import asyncio
from collections.abc import Callable

from gridservice.troubles import Kind, Troubles
from pricemon.board import PriceBoard
from pricemon.clock import Clock

_EVERY_SECONDS = 0.5
_REST_MS = 4_000  # time for REST to prove a price, after the websocket has been silent for too long


class FeedWatch:
    """Checks the ages. `broken` returns which connection to the venue does not work, and why; empty if all work."""

    def __init__(
        self,
        board: PriceBoard,
        troubles: Troubles,
        clock: Clock,
        stale_after_ms: int,
        broken: Callable[[], str],
        silence: Callable[[], tuple[str, int]],
    ) -> None:
        """`silence` is the feed's: RATE_LIMITED or BANNED, and until when (Unix milliseconds) the venue demands it."""
        self._board = board
        self._troubles = troubles
        self._clock = clock
        self._limit_ms = stale_after_ms + _REST_MS
        self._broken = broken
        self._silence = silence
        self._began_ms = clock().steady_ms
        self._told: set[tuple[Kind, str]] = set()  # existing troubles, which are not begun again at each check

    async def run(self) -> None:
        """Checks periodically until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_EVERY_SECONDS)

    def look(self) -> None:
        """Begins and ends troubles according to the current ages."""
        listed = [symbol for symbol in self._board.symbols if symbol not in self._board.refused]
        ages = {symbol: self._age_ms(symbol) for symbol in listed}
        stale = {symbol: age_ms for symbol, age_ms in ages.items() if age_ms > self._limit_ms}
        present: dict[tuple[Kind, str], tuple[str, int]] = {}
        broken = self._broken()
        kind_of_silence, until_ms = self._silence()
        silent = until_ms > self._clock().wall_ms
        if silent:
            sentence = "the venue wants silence from this address: it is kept, and no price is asked for meanwhile"
            present[Kind(kind_of_silence), ""] = sentence, 0
        if stale and silent:
            pass  # the silence is the reason
        elif broken and stale and len(stale) == len(listed):
            sentence = f"{broken}; no price is current, it is asked repeatedly; look at the network and the venue"
            present[Kind.VENUE_UNREACHABLE, ""] = sentence, min(stale.values())
        else:
            sentence = (
                "the price is not proved current any more; orders rest where they are, and no new one is sent on it"
            )
            present |= {(Kind.FEED_STALE, symbol): (sentence, age_ms) for symbol, age_ms in stale.items()}
        for kind, symbol in self._told - present.keys():
            self._troubles.end(kind, symbol=symbol)
        for kind, symbol in present.keys() - self._told:
            said, age_ms = present[kind, symbol]
            since_ms, retry_at_ms = self._clock().wall_ms - age_ms, until_ms if silent else 0
            self._troubles.begin(kind, said, symbol=symbol, since_ms=since_ms, retry_at_ms=retry_at_ms)
        self._told = set(present)

    def _age_ms(self, symbol: str) -> int:
        price, now = self._board.price(symbol), self._clock()
        return price.age_ms(now) if price.seq else now.steady_ms - self._began_ms
