"""Recorded market: the lines of a tape of any kind as a sequence of events."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice

from gridsim import tape_csv
from gridsim.market import MarketEvent, MarketPoint, MarketTrade
from gridsim.rules import SymbolRules
from gridsim.tape_frames import frames, is_frame
from gridsim.tape_lines import TapeError


@dataclass(frozen=True, slots=True)
class Tape:
    """Recorded market. Each call of `open_lines` returns the tape's lines from the first on.

    `volume_in_quote`: the volume of its candles is in quote. `time_shift_ms` is added to its times: by how
    much the recorder's clock was behind the venue's.
    """

    rules: SymbolRules
    open_lines: Callable[[], Iterable[str]]
    volume_in_quote: bool = False
    time_shift_ms: int = 0

    def opening(self) -> MarketPoint:
        """Returns the point at the tape's first price, before its first event. Raises TapeError without a price."""
        first = next((event for event in self._walk() if isinstance(event, MarketTrade)), None)
        if first is None:
            raise TapeError(2, "", "there is no event; give a tape with at least one line after its header")
        return MarketPoint(0, first.market_time_ms, first.price, first.taker, first.price)

    def after(self, point: MarketPoint) -> Iterator[MarketEvent]:
        """Yields the events after the point. Raises TapeError at the first line that is no event."""
        return islice(self._walk(), point.events_done, None)

    def _walk(self) -> Iterator[MarketEvent]:
        events = self._recorded()
        if not self.time_shift_ms:
            return events
        return (replace(event, market_time_ms=event.market_time_ms + self.time_shift_ms) for event in events)

    def _recorded(self) -> Iterator[MarketEvent]:
        lines = iter(self.open_lines())
        first = next(lines, "").strip()
        match first:
            case tape_csv.TRADES_HEADER:
                return tape_csv.trades(self.rules, lines)
            case tape_csv.QUOTES_HEADER:
                return tape_csv.quotes(self.rules, lines)
            case tape_csv.CANDLES_HEADER:
                return tape_csv.candles(self.rules, lines, volume_in_quote=self.volume_in_quote)
            case _ if is_frame(first):
                return frames(self.rules, chain([first], lines))
            case _:
                headers = (tape_csv.TRADES_HEADER, tape_csv.QUOTES_HEADER, tape_csv.CANDLES_HEADER)
                raise TapeError(1, first, f"the header must be {' or '.join(map(repr, headers))}")
