"""What the public has seen lately: each symbol's last thousand trades and the day's candles.

It is kept in memory only: it is the market's, not the account's, and begins anew with the process.
"""

from collections import deque
from collections.abc import Iterable

from gridsim.candles import Candle, Candles
from gridsim.exchange import Outcome, Print

_REMEMBERED = 1000


class PublicRecord:
    """Fed by the venue with every outcome."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self._prints = {symbol: deque[Print](maxlen=_REMEMBERED) for symbol in symbols}
        self._candles = {symbol: Candles() for symbol in self._prints}

    def note(self, symbol: str, outcome: Outcome) -> None:
        """Takes in what the public saw of an outcome."""
        candles = self._candles[symbol]
        self._prints[symbol].extend(outcome.prints)
        for each in outcome.prints:
            candles.add(each.trade_id, each.price, each.quantity, each.taker, each.time_ms)

    def prints(self, symbol: str, limit: int) -> list[Print]:
        """The last trades, oldest first."""
        return list(self._prints[symbol])[-limit:]

    def last(self, symbol: str) -> Print | None:
        """The last trade."""
        prints = self._prints[symbol]
        return prints[-1] if prints else None

    def day(self, symbol: str, now_ms: int) -> Candle | None:
        """The last 24 hours as one candle."""
        return self._candles[symbol].day(now_ms)

    def candles(self, symbol: str) -> Candles:
        """The day's candles."""
        return self._candles[symbol]
