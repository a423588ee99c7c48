"""Candles of what was traded, for klines and rolling statistics: the last hour by the second, the last week by the
minute, and nothing older.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from gridsim.orders import Side

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
EVER_MS = 2**63  # later than any time
SECONDS_KEPT_MS = HOUR_MS
MINUTES_KEPT_MS = 7 * DAY_MS

_ZERO = Decimal(0)


@dataclass(slots=True)  # not frozen: the newest one grows with every trade, which a fast market cannot pay copies for
class Candle:
    """What was traded from `opened_ms` on, for as long as the candle is meant to last; volumes in base and quote."""

    opened_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    buy_volume: Decimal
    buy_quote_volume: Decimal
    trades: int
    first_trade_id: int
    last_trade_id: int

    def take(self, later: "Candle") -> None:
        """Takes in what was traded after it."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.buy_volume += later.buy_volume
        self.buy_quote_volume += later.buy_quote_volume
        self.trades += later.trades
        self.last_trade_id = later.last_trade_id


def flat(opened_ms: int, price: Decimal) -> Candle:
    """A candle in which nothing was traded: the price stood where it was. Its trade ids are -1, as Binance's are."""
    return Candle(opened_ms, price, price, price, price, _ZERO, _ZERO, _ZERO, _ZERO, 0, -1, -1)


class Candles:
    """What was traded lately, oldest first; a second or minute without a trade has no candle."""

    def __init__(self) -> None:
        self._seconds = _Row(SECOND_MS, SECONDS_KEPT_MS)
        self._minutes = _Row(MINUTE_MS, MINUTES_KEPT_MS)

    def add(self, trade_id: int, price: Decimal, quantity: Decimal, taker: Side, time_ms: int) -> None:
        """Counts a trade. One that is dated before the last belongs to the last one's candle: a clock was set back."""
        notional = price * quantity
        bought, spent = (quantity, notional) if taker is Side.BUY else (_ZERO, _ZERO)
        traded = Candle(
            time_ms, price, price, price, price, quantity, notional, bought, spent, 1, trade_id, trade_id
        )  # fmt: skip
        self._seconds.add(traded)
        self._minutes.add(traded)

    def between(self, start_ms: int, end_ms: int = EVER_MS, *, by_second: bool = False) -> Candle | None:
        """What was traded in the minutes (or seconds) that opened in the stretch of time, its end not in it, as one
        candle; None where nothing was.
        """
        return _merged(each for each in self._row(by_second=by_second) if start_ms <= each.opened_ms < end_ms)

    def last_before(self, time_ms: int, *, by_second: bool = False) -> Candle | None:
        """The last minute (or second) with a trade that opened before a time."""
        return next((each for each in reversed(self._row(by_second=by_second)) if each.opened_ms < time_ms), None)

    def every(self, opening: Callable[[int], int], *, by_second: bool = False) -> Iterator[Candle]:
        """The candles of an interval of whole minutes (or seconds), oldest first; `opening` gives the time at which
        the interval began that another time lies in.
        """
        current: Candle | None = None
        for each in self._row(by_second=by_second):
            opened_ms = opening(each.opened_ms)
            if current is not None and current.opened_ms == opened_ms:
                current.take(each)
                continue
            if current is not None:
                yield current
            current = replace(each, opened_ms=opened_ms)
        if current is not None:
            yield current

    def _row(self, *, by_second: bool) -> deque[Candle]:
        return self._seconds.candles if by_second else self._minutes.candles


class _Row:
    """Candles of one span, for as long as they are kept."""

    def __init__(self, span_ms: int, kept_ms: int) -> None:
        self.candles: deque[Candle] = deque()
        self._span_ms = span_ms
        self._kept_ms = kept_ms

    def add(self, traded: Candle) -> None:
        opened_ms = traded.opened_ms - traded.opened_ms % self._span_ms
        if self.candles and opened_ms <= self.candles[-1].opened_ms:
            self.candles[-1].take(traded)
            return
        self.candles.append(replace(traded, opened_ms=opened_ms))
        while self.candles[0].opened_ms <= opened_ms - self._kept_ms:
            self.candles.popleft()


def _merged(candles: Iterable[Candle]) -> Candle | None:
    total: Candle | None = None
    for each in candles:
        if total is None:
            total = replace(each)
        else:
            total.take(each)
    return total
