"""Records recent public data: each symbol's last thousand trades, its candles, and its order book's updates.

It is in memory only and begins empty with each process: it belongs to the market, not to an account.
"""

from collections import deque
from collections.abc import Iterable

from gridsim.candles import Candles
from gridsim.outcome import Outcome, Print
from simex.market_data.book import PublicBook

_REMEMBERED = 1000

_IDS_PER_MS = 1000  # more than a book's changes per millisecond


def first_update_id(now_ms: int) -> int:
    """The first update id after a startup, derived from the clock, so that ids never decrease."""
    return now_ms * _IDS_PER_MS


class PublicRecord:
    """Records every outcome of the venue. Book updates are numbered from `update_id` on."""

    def __init__(self, symbols: Iterable[str], update_id: int = 0) -> None:
        self._prints = {symbol: deque[Print](maxlen=_REMEMBERED) for symbol in symbols}
        self._candles = {symbol: Candles() for symbol in self._prints}
        self._books = {symbol: PublicBook(update_id) for symbol in self._prints}

    def note(self, symbol: str, outcome: Outcome) -> None:
        """Records the public part of an outcome."""
        add = self._candles[symbol].add
        self._prints[symbol].extend(outcome.prints)
        for each in outcome.prints:
            add(each.trade_id, each.price, each.quantity, each.taker, each.time_ms)

    def forget(self) -> None:
        """Drops the recorded trades, because their ids begin again. Candles and book updates are kept."""
        for prints in self._prints.values():
            prints.clear()

    def prints(self, symbol: str) -> list[Print]:
        """The recorded trades, oldest first."""
        return list(self._prints[symbol])

    def last(self, symbol: str) -> Print | None:
        """The newest recorded trade, None before the first."""
        prints = self._prints[symbol]
        return prints[-1] if prints else None

    def candles(self, symbol: str) -> Candles:
        """The symbol's trades as candles, from which klines and tickers are made."""
        return self._candles[symbol]

    def book(self, symbol: str) -> PublicBook:
        """The order book's updates."""
        return self._books[symbol]
