"""What the public has seen lately: each symbol's last thousand trades, its candles, and its order book's updates.

It is kept in memory only: it is the market's, not the account's, and begins anew with the process.
"""

from collections import deque
from collections.abc import Iterable

from gridsim.candles import Candles
from gridsim.outcome import Outcome, Print
from simex.market_data.book import PublicBook

_REMEMBERED = 1000

_IDS_PER_MS = 1000  # more than a book changes


def first_update_id(now_ms: int) -> int:
    """Where book updates are numbered from at a start, so that their ids do not go back: by the clock."""
    return now_ms * _IDS_PER_MS


class PublicRecord:
    """Fed by the venue with every outcome. Book updates are numbered from `update_id` on."""

    def __init__(self, symbols: Iterable[str], update_id: int = 0) -> None:
        self._prints = {symbol: deque[Print](maxlen=_REMEMBERED) for symbol in symbols}
        self._candles = {symbol: Candles() for symbol in self._prints}
        self._books = {symbol: PublicBook(update_id) for symbol in self._prints}

    def note(self, symbol: str, outcome: Outcome) -> None:
        """Takes in what the public saw of an outcome."""
        add = self._candles[symbol].add
        self._prints[symbol].extend(outcome.prints)
        for each in outcome.prints:
            add(each.trade_id, each.price, each.quantity, each.taker, each.time_ms)

    def forget(self) -> None:
        """The trades that are remembered are gone: their ids begin anew. Candles and book updates go on."""
        for prints in self._prints.values():
            prints.clear()

    def prints(self, symbol: str) -> list[Print]:
        """The trades that are remembered, oldest first."""
        return list(self._prints[symbol])

    def last(self, symbol: str) -> Print | None:
        """The last trade."""
        prints = self._prints[symbol]
        return prints[-1] if prints else None

    def candles(self, symbol: str) -> Candles:
        """The candles."""
        return self._candles[symbol]

    def book(self, symbol: str) -> PublicBook:
        """The order book's updates."""
        return self._books[symbol]
