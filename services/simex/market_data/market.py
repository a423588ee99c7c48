"""One market as the public sees it: the venue's book combined with the recorded trades.

REST answers and timed streams both read it, so that they are consistent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from gridsim.book import Book
from gridsim.candles import DAY_MS, EVER_MS, MINUTE_MS, MINUTES_KEPT_MS, SECONDS_KEPT_MS, Candle, Candles, flat
from gridsim.outcome import Print
from simex.exchange.venue import Venue
from simex.market_data import ticker_payloads
from simex.market_data.book import PublicBook
from simex.market_data.record import PublicRecord
from simex.protocol.formats import Json
from simex.protocol.kline_intervals import Interval

_AVERAGE_MS = 5 * MINUTE_MS


@dataclass(frozen=True, slots=True)
class Kline:
    """A candle of an interval, and when the next one opens."""

    candle: Candle
    end_ms: int


class PublicMarket:
    """The public data of a market, by its symbol as ccxt writes it. Times are the venue's."""

    def __init__(self, symbol: str, venue: Venue, record: PublicRecord) -> None:
        self.symbol = symbol
        self._venue = venue
        self._record = record

    @property
    def book(self) -> Book:
        """The venue's book."""
        return self._venue.book(self.symbol)

    @property
    def last(self) -> Print | None:
        """The last trade, if one is recorded."""
        return self._record.last(self.symbol)

    @property
    def price(self) -> Decimal:
        """The price of the last trade; after a restart the market's last position."""
        return self.last.price if self.last else self.book.price

    def look(self) -> PublicBook:
        """The current order book with its update ids."""
        public = self._record.book(self.symbol)
        public.look(self.book)
        return public

    def forget_update(self, speed_ms: int) -> None:
        """Drops the pending changes of a diff stream that has no subscribers any more."""
        self._record.book(self.symbol).take_update(speed_ms)

    def day_ticker(self, now_ms: int) -> Json:
        """The statistics of the last 24 hours, with the best quotes."""
        opened_ms = now_ms - DAY_MS
        before = self._candles.last_before(opened_ms)
        statistics = self.statistics(opened_ms, now_ms)
        return ticker_payloads.day_ticker(self.book, statistics, before.close if before else None, self.last)

    def statistics(self, opened_ms: int, closed_ms: int) -> Json:
        """The statistics of a time range, by whole minutes."""
        return ticker_payloads.statistics(self.symbol, self.between(opened_ms, closed_ms + 1), opened_ms, closed_ms)

    def average_price(self, now_ms: int) -> Json:
        """The mean price of the last five minutes, weighted by quantity."""
        return ticker_payloads.average_price(self.between(now_ms - _AVERAGE_MS, by_second=True), self.last)

    def between(self, start_ms: int, end_ms: int = EVER_MS, *, by_second: bool = False) -> Candle:
        """The trades of a time range as one candle; a flat one if there are none."""
        return self._candles.between(start_ms, end_ms, by_second=by_second) or self._flat(start_ms, by_second=by_second)

    def kline(self, interval: Interval, opened_ms: int, zone_ms: int = 0) -> Kline:
        """The kline that opened at `opened_ms`; a flat one if nothing traded in it."""
        end_ms = interval.end(opened_ms, zone_ms)
        candle = self.between(opened_ms, end_ms, by_second=interval.by_second)
        candle.opened_ms = opened_ms
        return Kline(candle, end_ms)

    def klines(self, interval: Interval, now_ms: int, zone_ms: int = 0) -> Iterator[Kline]:
        """The recorded klines up to now, oldest first, including those without trades."""
        opening = partial(interval.opening, zone_ms=zone_ms)
        before: Kline | None = None
        for candle in self._candles.every(opening, by_second=interval.by_second):
            if before is not None:
                yield from _flats(interval, zone_ms, before.end_ms, candle.opened_ms, before.candle.close)
            before = Kline(candle, interval.end(candle.opened_ms, zone_ms))
            yield before
        if before is not None:
            kept_ms = SECONDS_KEPT_MS if interval.by_second else MINUTES_KEPT_MS
            start_ms = max(before.end_ms, opening(now_ms - kept_ms))
            yield from _flats(interval, zone_ms, start_ms, now_ms + 1, before.candle.close)

    @property
    def _candles(self) -> Candles:
        return self._record.candles(self.symbol)

    def _flat(self, opened_ms: int, *, by_second: bool) -> Candle:
        before = self._candles.last_before(opened_ms, by_second=by_second)
        return flat(opened_ms, before.close if before else self.price)


def _flats(interval: Interval, zone_ms: int, start_ms: int, until_ms: int, price: Decimal) -> Iterator[Kline]:
    while start_ms < until_ms:
        end_ms = interval.end(start_ms, zone_ms)
        yield Kline(flat(start_ms, price), end_ms)
        start_ms = end_ms
