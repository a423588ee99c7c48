"""Candles of trades, for klines and rolling statistics: the last hour by second, the last week by minute, nothing
older.
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


@dataclass(slots=True)  # not frozen: the newest candle changes with every trade; copies would slow a fast market down
class Candle:
    """Trades from `opened_ms` on, for the candle's interval; volumes in base and quote."""

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
        """Adds a candle of later trades to this one."""
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
    """Returns a candle without trades: the price did not move. Its trade ids are -1, as Binance's are."""
    return Candle(opened_ms, price, price, price, price, _ZERO, _ZERO, _ZERO, _ZERO, 0, -1, -1)


class Candles:
    """Candles of recent trades, oldest first. A second or minute without a trade has no candle."""

    def __init__(self) -> None:
        self._seconds = _Row(SECOND_MS, SECONDS_KEPT_MS)
        self._minutes = _Row(MINUTE_MS, MINUTES_KEPT_MS)

    def add(self, trade_id: int, price: Decimal, quantity: Decimal, taker: Side, time_ms: int) -> None:
        """Adds a trade. One dated before the last trade goes into the last trade's candle: a clock was set back."""
        notional = price * quantity
        bought, spent = (quantity, notional) if taker is Side.BUY else (_ZERO, _ZERO)
        traded = Candle(
            time_ms, price, price, price, price, quantity, notional, bought, spent, 1, trade_id, trade_id
        )  # fmt: skip
        self._seconds.add(traded)
        self._minutes.add(traded)

    def between(self, start_ms: int, end_ms: int = EVER_MS, *, by_second: bool = False) -> Candle | None:
        """Returns the trades of the minutes (or seconds) that opened in the range, end excluded, as one candle; None if
        there were none.
        """
        return _merged(each for each in self._row(by_second=by_second) if start_ms <= each.opened_ms < end_ms)

    def last_before(self, time_ms: int, *, by_second: bool = False) -> Candle | None:
        """Returns the last minute (or second) with a trade that opened before a time."""
        return next((each for each in reversed(self._row(by_second=by_second)) if each.opened_ms < time_ms), None)

    def every(self, opening: Callable[[int], int], *, by_second: bool = False) -> Iterator[Candle]:
        """Yields the candles of an interval of whole minutes (or seconds), oldest first; `opening` maps a time to the
        start of the interval that contains it.
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
    """Candles of one length, for as long as they are kept."""

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
