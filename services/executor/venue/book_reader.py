"""Open orders of the venue, read once for many concurrent callers."""

import asyncio
from collections.abc import Callable
from functools import partial

from executor.venue.limits.rate_limit import Priority
from executor.venue.port import Books, ReadFailedError, Venue, VenueOrder
from executor.venue.reader import Reader
from executor.venue.shared_read import Rounds


class BookReader:
    """Combines concurrent reads into one. The poll's reads are kept separate: they wait longer."""

    def __init__(self, venue: Venue, reader: Reader, listed: Callable[[], tuple[str, ...]]) -> None:
        self._listed = listed
        self._rounds = Rounds[str, list[VenueOrder] | ReadFailedError](
            lambda symbols: reader.read(partial(venue.open_orders_of, symbols))
        )
        self._last: dict[str, tuple[float, list[VenueOrder]]] = {}  # with the steady time when it was requested

    async def of(self, symbol: str, max_age_seconds: float = 0.0) -> list[VenueOrder]:
        """Reads the open orders of a symbol, not older than the given age; by default, than this call.

        Raises ReadFailedError.
        """
        asked_at, book = self._last.get(symbol, (float("-inf"), []))
        if max_age_seconds and asyncio.get_running_loop().time() - asked_at <= max_age_seconds:
            return book
        # A caller that accepts an older book reads those of all symbols, since the others will need theirs next.
        symbols = tuple({symbol: None} | dict.fromkeys(self._listed())) if max_age_seconds else (symbol,)
        answer = (await self.all_of(symbols, Priority.READ))[symbol]
        if isinstance(answer, ReadFailedError):
            raise answer
        return answer

    async def all_of(self, symbols: tuple[str, ...], priority: Priority) -> Books:
        """Reads the open orders of several symbols, not older than this call.

        Raises ReadFailedError if all of them fail.
        """
        asked_at = asyncio.get_running_loop().time()
        books = await self._rounds.read(symbols, priority)
        for symbol, book in books.items():
            if not isinstance(book, ReadFailedError):
                self._last[symbol] = asked_at, book
        return books
