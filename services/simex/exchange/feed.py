"""Reads a market's source one event ahead, so that due events can be separated from later ones."""

from collections.abc import Iterator

from gridsim.market import MarketEvent, MarketPoint, Source


class Feed:
    """The events after a point, in order. Raises TapeError if a tape cannot be read further."""

    def __init__(self, source: Source, point: MarketPoint) -> None:
        self._source = source
        self.seek(point)

    def seek(self, point: MarketPoint) -> None:
        """Continues from another point."""
        self._events: Iterator[MarketEvent] = self._source.after(point)
        self._ahead = next(self._events, None)

    @property
    def at_end(self) -> bool:
        """Whether there are no more events."""
        return self._ahead is None

    def take(self, limit: int, until_market_ms: int | None = None) -> list[MarketEvent]:
        """The next events, at most `limit`, and none later than `until_market_ms` if given."""
        taken: list[MarketEvent] = []
        while self._ahead is not None and len(taken) < limit:
            if until_market_ms is not None and self._ahead.market_time_ms > until_market_ms:
                break
            taken.append(self._ahead)
            self._ahead = next(self._events, None)
        return taken
