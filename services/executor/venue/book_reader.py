"""The venue's books of open orders, asked for by many and answered together."""

import asyncio
from collections.abc import Callable
from functools import partial

from executor.venue.limits.rate_limit import Priority
from executor.venue.port import Books, ReadFailedError, Venue, VenueOrder
from executor.venue.reader import Reader
from executor.venue.shared_read import Rounds


class BookReader:
    """Puts the questions of the same moment into one. The poll's questions are kept apart: they wait longer."""

    def __init__(self, venue: Venue, reader: Reader, listed: Callable[[], tuple[str, ...]]) -> None:
        self._listed = listed
        self._rounds = Rounds[str, list[VenueOrder] | ReadFailedError](
            lambda symbols: reader.read(partial(venue.open_orders_of, symbols))
        )
        self._last: dict[str, tuple[float, list[VenueOrder]]] = {}  # with the steady time when it was asked for

    async def of(self, symbol: str, max_age_seconds: float = 0.0) -> list[VenueOrder]:
        """What rests there, as it was no longer ago than this; by default, after this call. Raises ReadFailedError."""
        asked_at, book = self._last.get(symbol, (float("-inf"), []))
        if max_age_seconds and asyncio.get_running_loop().time() - asked_at <= max_age_seconds:
            return book
        # Who is content with an older answer leaves one for the other symbols, which will ask next.
        symbols = tuple({symbol: None} | dict.fromkeys(self._listed())) if max_age_seconds else (symbol,)
        answer = (await self.all_of(symbols, Priority.READ))[symbol]
        if isinstance(answer, ReadFailedError):
            raise answer
        return answer

    async def all_of(self, symbols: tuple[str, ...], priority: Priority) -> Books:
        """What rests there after this call. Raises ReadFailedError where the venue answers for none."""
        asked_at = asyncio.get_running_loop().time()
        books = await self._rounds.read(symbols, priority)
        for symbol, book in books.items():
            if not isinstance(book, ReadFailedError):
                self._last[symbol] = asked_at, book
        return books
