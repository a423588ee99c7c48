"""One-minute candles of what was traded, for klines and 24-hour statistics; it remembers a day and no more."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from gridsim.orders import Side

MINUTE_MS = 60_000
DAY_MINUTES = 1440


@dataclass(frozen=True, slots=True)
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

    def merged(self, later: "Candle") -> "Candle":
        """This candle and a later one as a single one."""
        return replace(
            self,
            high=max(self.high, later.high),
            low=min(self.low, later.low),
            close=later.close,
            volume=self.volume + later.volume,
            quote_volume=self.quote_volume + later.quote_volume,
            buy_volume=self.buy_volume + later.buy_volume,
            buy_quote_volume=self.buy_quote_volume + later.buy_quote_volume,
            trades=self.trades + later.trades,
            last_trade_id=later.last_trade_id,
        )


class Candles:
    """The last day's minutes, oldest first; minutes without a trade have no candle."""

    def __init__(self) -> None:
        self._minutes: deque[Candle] = deque(maxlen=DAY_MINUTES)

    def add(self, trade_id: int, price: Decimal, quantity: Decimal, taker: Side, time_ms: int) -> None:
        """Counts a trade; times never go back."""
        opened_ms = time_ms - time_ms % MINUTE_MS
        notional = price * quantity
        bought, spent = (quantity, notional) if taker is Side.BUY else (Decimal(0), Decimal(0))
        candle = Candle(
            opened_ms, price, price, price, price, quantity, notional, bought, spent, 1, trade_id, trade_id
        )  # fmt: skip
        if self._minutes and self._minutes[-1].opened_ms == opened_ms:
            candle = self._minutes.pop().merged(candle)
        self._minutes.append(candle)

    def day(self, now_ms: int) -> Candle | None:
        """The last 24 hours as one candle, None where nothing was traded."""
        total: Candle | None = None
        for minute in self._minutes:
            if minute.opened_ms > now_ms - DAY_MINUTES * MINUTE_MS:
                total = minute if total is None else total.merged(minute)
        return total

    def every(self, interval_ms: int) -> Iterator[Candle]:
        """The candles of an interval of whole minutes, aligned to the epoch, oldest first."""
        current: Candle | None = None
        for minute in self._minutes:
            opened_ms = minute.opened_ms - minute.opened_ms % interval_ms
            if current is not None and current.opened_ms == opened_ms:
                current = current.merged(minute)
                continue
            if current is not None:
                yield current
            current = replace(minute, opened_ms=opened_ms)
        if current is not None:
            yield current
