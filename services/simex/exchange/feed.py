"""A market's source read one event ahead, so that what is due can be told from what is not."""

from collections.abc import Iterator

from gridsim.market import MarketEvent, MarketPoint, Source


class Feed:
    """The events after a point, in order. Raises TapeError where a tape cannot be read any further."""

    def __init__(self, source: Source, point: MarketPoint) -> None:
        self._source = source
        self.seek(point)

    def seek(self, point: MarketPoint) -> None:
        """Goes on from another point."""
        self._events: Iterator[MarketEvent] = self._source.after(point)
        self._ahead = next(self._events, None)

    @property
    def at_end(self) -> bool:
        """Whether no event is left."""
        return self._ahead is None

    def take(self, limit: int, until_market_ms: int | None = None) -> list[MarketEvent]:
        """The next events, at most `limit`, and none later than a market time if given."""
        taken: list[MarketEvent] = []
        while self._ahead is not None and len(taken) < limit:
            if until_market_ms is not None and self._ahead.market_time_ms > until_market_ms:
                break
            taken.append(self._ahead)
            self._ahead = next(self._events, None)
        return taken
