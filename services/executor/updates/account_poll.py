"""Poll of the whole account: open orders are read once for all symbols, trades only where an order has changed.

An order of ours has changed if it has left the book, or if its executed quantity is above that of the ledger. That
alone finds every fill. A slow sweep reads each symbol's trades in addition, for what no open order can show.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

from executor.ledger import orders
from executor.ledger.opening import Ledger
from executor.ledger.orders import OrderRecord
from executor.updates.failure_log import FailureLog
from executor.updates.stream_trust import StreamTrust
from executor.updates.symbol_readiness import SymbolReadiness
from executor.updates.symbol_watcher import SymbolWatcher
from executor.venue.book_reader import BookReader
from executor.venue.limits.rate_limit import Budget, Priority
from executor.venue.limits.throttle import in_background
from executor.venue.port import Books, KeysRefusedError, ReadFailedError, Venue, VenueOrder

_log = logging.getLogger(__name__)

_WHILE_PROVEN = 10  # factor on the poll interval while the stream is proven
_GRACE_SECONDS = 0.3  # time for a proven stream to report first what the poll has seen
_SWEEP_SECONDS = 60.0
_SWEEPS_OF_POLLS = 0.25  # the sweeps' share of the polls' budget
# Longest pause between two polls of a venue that fails. Each poll makes three attempts, so that a failing venue gets
# about as many requests as a healthy one.
_LONGEST_SILENCE_SECONDS = 2.0


class AccountPoll:
    """Polls until cancelled; `catch_up` is one poll that must succeed."""

    def __init__(
        self,
        watches: Sequence[SymbolWatcher],
        ledger: Ledger,
        venue: Venue,
        books: BookReader,
        budget: Budget,
        trust: StreamTrust,
        listing: SymbolReadiness,
        *,
        poll_interval_ms: int,
    ) -> None:
        self._all = watches
        self._ledger = ledger
        self._venue = venue
        self._books = books
        self._budget = budget
        self._trust = trust
        self._listing = listing
        self._interval_seconds = poll_interval_ms / 1000
        self._failure = FailureLog(_log)
        self._swept_at = 0.0
        self._next_sweep = 0

    @property
    def _watches(self) -> list[SymbolWatcher]:
        """Watchers of the symbols that the venue lists."""
        return [watch for watch in self._all if watch.symbol not in self._listing.refused]

    async def catch_up(self) -> None:
        """Brings the log of every listed symbol up to date. Raises ReadFailedError if that fails for all."""
        watches = self._watches
        if not watches:
            return
        known, books = await self._read(watches, Priority.READ)
        failures: list[ReadFailedError] = []
        for watch in watches:
            try:
                await watch.take_book(known.get(watch.symbol, []), _of(books, watch.symbol))
            except KeysRefusedError:
                raise
            except ReadFailedError as error:
                _log.warning("%s is not caught up yet: %s", watch.symbol, error)
                failures.append(error)
            else:
                self._listing.begin(watch.symbol)
        if len(failures) == len(watches):
            raise failures[0]

    async def poll_for_ever(self) -> None:
        """Polls at the interval, and less often while the stream is proven, the venue fails, or weight is scarce."""
        failures = 0
        while True:
            await self._pause(failures)
            with in_background():
                failures = 0 if await self._poll() else failures + 1

    def pause_seconds(self) -> float:
        """Returns the pause between two successful polls."""
        wished = self._interval_seconds * (_WHILE_PROVEN if self._trust.proven else 1)
        pace = self._budget.background_per_second()
        return max(wished, self._venue.weight_of_open_orders(len(self._watches)) / pace if pace else 0.0)

    async def _pause(self, failures: int) -> None:
        seconds = self.pause_seconds()
        if failures:
            longest = max(seconds, _LONGEST_SILENCE_SECONDS)
            seconds = min(self._interval_seconds * 2 ** min(failures, 10), longest)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._trust.changes.after(self._trust.changes.count)

    async def _poll(self) -> bool:
        """Polls once and returns whether everything succeeded."""
        watches = self._watches
        if not watches:
            return True
        try:
            known, books = await self._read(watches, Priority.BACKGROUND)
            for watch in watches:
                watch.failing = not await self._take(watch, known.get(watch.symbol, []), books)
            await self._sweep(watches)
        except ReadFailedError as error:
            self._failure.failed("poll of the account failed, retrying until it succeeds: %s", error)
        except Exception:  # noqa: BLE001  # the ledger comes back; the log must continue then
            _log.exception("poll of the account failed, retrying")
        else:
            self._failure.succeeded()
            return not any(watch.failing for watch in watches)
        for watch in watches:
            watch.failing = True
        return False

    async def _read(
        self, watches: Sequence[SymbolWatcher], priority: Priority
    ) -> tuple[Mapping[str, list[OrderRecord]], Books]:
        """Reads the ledger's open orders first, then the venue's books."""
        known = await self._ledger.writer.run(orders.all_on_venue)
        return known, await self._books.all_of(tuple(watch.symbol for watch in watches), priority)

    async def _take(self, watch: SymbolWatcher, known: list[OrderRecord], books: Books) -> bool:
        """Records one symbol's book and returns whether that succeeded. A failure does not affect other symbols."""
        try:
            book = _of(books, watch.symbol)
            await watch.take_book(await self._still_unsaid(watch, known, book), book)
        except ReadFailedError as error:
            watch.poll_failure.failed("poll of %s failed, retrying until it succeeds: %s", watch.symbol, error)
            return False
        except Exception:  # noqa: BLE001  # as in the poll
            _log.exception("poll of %s failed, retrying", watch.symbol)
            return False
        watch.poll_failure.succeeded()
        self._listing.begin(watch.symbol)
        return True

    async def _still_unsaid(
        self, watch: SymbolWatcher, known: list[OrderRecord], book: list[VenueOrder]
    ) -> list[OrderRecord]:
        """Returns the ledger's open orders, after a proven stream has had time to report what the book shows."""
        if not self._trust.proven or not watch.moved(known, book):
            return known
        await asyncio.sleep(_GRACE_SECONDS)
        known = await self._ledger.writer.run(orders.still_on_venue, known)
        if watch.moved(known, book):
            _log.info("the user stream did not report what the poll of %s has found", watch.symbol)
            self._trust.missed()
        return known

    async def _sweep(self, watches: Sequence[SymbolWatcher]) -> None:
        """Reads the trades of the next symbol, if one is due. Raises ReadFailedError."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at < self._sweep_seconds(len(watches)):
            return
        watch = watches[self._next_sweep % len(watches)]
        self._swept_at, self._next_sweep = now, self._next_sweep + 1
        await watch.poll_trades()

    def _sweep_seconds(self, count: int) -> float:
        """Returns the interval between the sweeps of two symbols. Soon after startup each symbol is swept once."""
        pace = self._budget.background_per_second() * _SWEEPS_OF_POLLS
        least = self._venue.weight_of_trades / pace if pace else 0.0
        return least if self._next_sweep < count else max(least, _SWEEP_SECONDS / count)


def _of(books: Books, symbol: str) -> list[VenueOrder]:
    """Returns the book of a symbol. Raises ReadFailedError if it is not known."""
    book = books[symbol]
    if isinstance(book, ReadFailedError):
        raise book
    return book
