"""Watches one symbol: the user stream, which is fast and may lose events, and the results of the polls.

`account_poll` decides when to poll.
"""

import asyncio
import logging
from collections.abc import Iterator
from functools import partial

from executor.ledger import cursors, orders
from executor.ledger.opening import Ledger
from executor.ledger.orders import OrderRecord
from executor.updates.failure_log import FailureLog
from executor.updates.forgotten import ForgottenOrders
from executor.updates.recorder import Recorder
from executor.updates.stream_trust import StreamTrust
from executor.updates.unreadable import Unreadables, sentence
from executor.venue.clock import VenueClock
from executor.venue.port import ReadFailedError, TradeCursor, UnreadableError, Venue, VenueOrder, VenueTrade
from executor.venue.reader import Reader
from gridservice.backoff import backoff_seconds
from gridservice.crash_point import around

_log = logging.getLogger(__name__)

_ONE_BY_ONE = 4  # up to so many vanished orders are looked up singly; for more, the trades are read first
_LONGEST_DEAF_SECONDS = 10.0  # Binance takes 300 connections in 5 minutes, for all symbols; the poll goes on


class SymbolWatcher:
    """Watcher of one symbol. `poll_once` alone finds everything; the stream only makes it faster."""

    def __init__(
        self,
        symbol: str,
        ledger: Ledger,
        venue: Venue,
        reader: Reader,
        recorder: Recorder,
        clock: VenueClock,
        unreadables: Unreadables,
        forgotten: ForgottenOrders,
        trust: StreamTrust,
        *,
        poll_interval_ms: int,
        visibility_lag_ms: int,
    ) -> None:
        self.failing = False  # whether the last periodic poll failed
        self.poll_failure, self._stream_failure = FailureLog(_log), FailureLog(_log)
        self.symbol = symbol
        self._ledger = ledger
        self._venue = venue
        self._reader = reader
        self._recorder = recorder
        self._clock = clock
        self._unreadables = unreadables
        self._forgotten = forgotten
        self._doubted_by_trades: dict[str, str] = {}  # from the last read of the trades
        self._end_lacks_trades = False  # whether an order has left the book, and not all of its trades could be read
        self._trust = trust
        self._first_pause_seconds = min(poll_interval_ms / 1000, _LONGEST_DEAF_SECONDS)
        self._lag_ms = visibility_lag_ms

    async def poll_once(self) -> None:
        """Reads trades after the cursor, then looks up orders that left the book.

        Raises ReadFailedError and leaves the cursor unchanged.
        """
        await self.poll_trades()
        known = await self._ledger.writer.run(orders.on_venue, self.symbol)
        await self._take_orders(known, await self._reader.read(partial(self._venue.open_orders, self.symbol)))

    def moved(self, known: list[OrderRecord], book: list[VenueOrder]) -> bool:
        """Returns whether the book shows an end or a trade that the ledger does not have yet."""
        executed = {order.client_order_id: order.executed for order in book}
        return any(
            record.client_order_id not in executed or executed[record.client_order_id] > record.executed
            for record in self._forgotten.due(known, executed)
        )

    async def take_book(self, known: list[OrderRecord], book: list[VenueOrder]) -> None:
        """Records what the venue's book shows, and looks up our orders that it no longer shows.

        `known` was read from the ledger before the book. Raises ReadFailedError.
        """
        names = {order.client_order_id for order in book}
        resting = [record for record in known if record.client_order_id in names]
        several_gone = len(self._forgotten.due(known, names)) - len(resting) > _ONE_BY_ONE
        if self._doubted_by_trades or self._end_lacks_trades or several_gone or self.moved(resting, book):
            await self.poll_trades()
        await self._take_orders(known, book)

    async def listen_forever(self) -> None:
        """Records the events of the user stream and reopens it when it breaks."""
        pauses = self._pauses()
        while True:
            try:
                async for hint in self._venue.hints(self.symbol):
                    pauses = self._pauses()
                    self._stream_failure.succeeded()
                    await self._take(hint)
                self._trust.broke()
            except ReadFailedError as error:
                self._trust.broke()
                self._stream_failure.failed("user stream of %s broke, reopening it: %s", self.symbol, error)
            except Exception:  # noqa: BLE001  # as in the poll, which finds what is missed here
                self._trust.broke()
                _log.exception("user stream of %s failed, reopening it", self.symbol)
            await asyncio.sleep(next(pauses))

    def _pauses(self) -> Iterator[float]:
        return backoff_seconds(self._first_pause_seconds, _LONGEST_DEAF_SECONDS)

    async def _take(self, hint: VenueOrder | VenueTrade) -> None:
        try:
            if isinstance(hint, VenueTrade):
                await self._recorder.trade(hint)
            else:
                await self._recorder.order(hint)
                await self._believe_stream(hint)
        except ReadFailedError as error:
            _log.info("left to the poll of %s: %s", self.symbol, error)

    async def _believe_stream(self, hint: VenueOrder) -> None:
        """Marks the stream as proven by a report about an order of ours."""
        if not self._trust.proven:
            known = await self._ledger.writer.run(orders.known_names, [hint.client_order_id])
            if known:
                self._trust.said()

    async def poll_trades(self) -> None:
        """Reads the trades after the cursor. Raises ReadFailedError and leaves the cursor unchanged.

        No trades of a venue that was reset are recorded; the check whether our orders are shown again continues.
        """
        try:
            if not self._forgotten.why_reset(self.symbol):
                await self._take_trades()
        except ReadFailedError:
            if not self._forgotten.why_reset(self.symbol):
                raise

    async def _take_trades(self) -> None:
        began_ms = self._clock.venue_ms()
        cursor = await self._ledger.writer.run(cursors.read, self.symbol)
        trades = await self._reader.read(partial(self._venue.trades_after, self.symbol, cursor))
        self._doubted_by_trades = await self._unreadables.ours(self.symbol, trades)
        readable = [trade for trade in trades if not trade.unreadable]
        for trade in readable:
            await self._recorder.trade(trade)
        # The cursor does not pass a trade of ours that cannot be read: the order's end will read it again, and so will
        # a restart.
        moved = cursor if self._doubted_by_trades else _settled(cursor, readable, began_ms - self._lag_ms)
        if moved != cursor:
            with around("executor.cursor"):
                await self._ledger.writer.run(cursors.advance, self.symbol, moved)

    async def _take_orders(self, known: list[OrderRecord], resting: list[VenueOrder]) -> None:
        denied: set[str] = set()
        lacking = False
        in_doubt = await self._unreadables.ours(self.symbol, resting)
        for order in resting:
            if not order.unreadable:
                await self._recorder.order(order)
        names = {order.client_order_id for order in resting}
        names |= in_doubt.keys()
        for record in known:
            if record.client_order_id in names:
                continue
            if not self._forgotten.is_due(self.symbol, record.client_order_id):
                denied.add(record.client_order_id)
                continue
            try:
                gone = await self._find(record)
            except UnreadableError as error:
                in_doubt[record.client_order_id] = sentence(record.client_order_id, error.order)
                continue
            if gone is None:
                denied.add(record.client_order_id)
            elif not await self._recorder.order(gone):
                lacking = True
        self._end_lacks_trades = lacking
        self._forgotten.note(self.symbol, known, denied)
        self._unreadables.tell(self.symbol, self._doubted_by_trades | in_doubt)

    async def _find(self, record: OrderRecord) -> VenueOrder | None:
        """Looks up our order that left the book, by both ids. An order with its exchange id alone is another order."""
        seen = await self._reader.read(partial(self._venue.order_by_id, self.symbol, record.exchange_order_id))
        if seen is not None and seen.client_order_id == record.client_order_id:
            return seen
        if seen is not None:
            self._forgotten.taken(record, seen)
        named = await self._reader.read(partial(self._venue.order_by_client_id, self.symbol, record.client_order_id))
        return named if named is not None and named.exchange_order_id == record.exchange_order_id else None


def _settled(cursor: TradeCursor, trades: list[VenueTrade], before_ms: int) -> TradeCursor:
    """Returns the new cursor. Trades younger than the visibility lag are read again: an older one may still appear."""
    old = [trade for trade in trades if trade.time_ms < before_ms]
    if old:
        return TradeCursor(old[-1].fill.trade_id, old[-1].time_ms)
    if cursor.after_id == "" and before_ms - cursor.since_ms > _IDLE_STEP_MS:
        return TradeCursor("", before_ms)
    return cursor


_IDLE_STEP_MS = 60_000
