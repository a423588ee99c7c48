"""Watching one symbol: the user stream, which is quick and may lose anything, and the poll, which loses nothing."""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from executor.clock import VenueClock
from executor.ledger import cursors, orders
from executor.ledger.store import Ledger
from executor.ports import ReadFailedError, TradeCursor, UnreadableError, Venue, VenueOrder, VenueTrade
from executor.reads import Reader
from executor.recorder import Recorder
from executor.unreadable import Unreadables, sentence
from gridrpc.crash import around

_log = logging.getLogger(__name__)

# Between two polls of a venue that fails. Each asks three times: it is asked about as often as one that answers.
_LONGEST_SILENCE_SECONDS = 2.0
_LONGEST_DEAF_SECONDS = 10.0  # Binance takes 300 connections in five minutes, for all symbols; the poll hears too


class Watch:
    """One symbol's watch. `poll_once` alone finds everything; the stream only makes it quick."""

    def __init__(
        self,
        symbol: str,
        ledger: Ledger,
        venue: Venue,
        reader: Reader,
        recorder: Recorder,
        clock: VenueClock,
        unreadables: Unreadables,
        *,
        poll_interval_ms: int,
        visibility_lag_ms: int,
    ) -> None:
        self.failing = False  # the last poll of them that are made for ever
        self._symbol = symbol
        self._ledger = ledger
        self._venue = venue
        self._reader = reader
        self._recorder = recorder
        self._clock = clock
        self._unreadables = unreadables
        self._poll_seconds = poll_interval_ms / 1000
        self._longest_seconds = max(self._poll_seconds, _LONGEST_SILENCE_SECONDS)
        self._lag_ms = visibility_lag_ms

    @property
    def symbol(self) -> str:
        """Whose it is."""
        return self._symbol

    async def poll_once(self) -> None:
        """Reads trades after the cursor, then asks what became of orders that left the book.

        Raises ReadFailedError, with the cursor where it was.
        """
        in_doubt = await self._poll_trades()
        in_doubt |= await self._poll_orders()
        self._unreadables.tell(self._symbol, in_doubt)

    async def poll_for_ever(self, caught_up: Callable[[], None] = lambda: None) -> None:
        """Polls at the interval, and more slowly while the venue does not answer. Calls back after each that found."""
        pause = self._poll_seconds
        while True:
            await asyncio.sleep(pause)
            try:
                await self.poll_once()
                pause = self._poll_seconds
                self.failing = False
                caught_up()
            except ReadFailedError as error:
                _log.warning("poll of %s failed, trying again: %s", self._symbol, error)
                pause = min(pause * 2, self._longest_seconds)
                self.failing = True
            except Exception:  # noqa: BLE001  # a ledger that is away comes back; the log must go on then
                self.failing = True
                _log.exception("poll of %s failed, trying again", self._symbol)
                pause = min(pause * 2, self._longest_seconds)

    async def listen_for_ever(self) -> None:
        """Records what the user stream tells, and opens it again when it breaks."""
        pause = self._poll_seconds
        while True:
            try:
                async for hint in self._venue.hints(self._symbol):
                    pause = self._poll_seconds
                    await self._take(hint)
            except ReadFailedError as error:
                _log.warning("user stream of %s broke, opening it again: %s", self._symbol, error)
            except Exception:  # noqa: BLE001  # as in the poll, which finds what is missed here
                _log.exception("user stream of %s failed, opening it again", self._symbol)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_DEAF_SECONDS)

    async def _take(self, hint: VenueOrder | VenueTrade) -> None:
        try:
            if isinstance(hint, VenueTrade):
                await self._recorder.trade(hint)
            else:
                await self._recorder.order(hint)
        except ReadFailedError as error:
            _log.info("left to the poll of %s: %s", self._symbol, error)

    async def _poll_trades(self) -> dict[str, str]:
        began_ms = self._clock.venue_ms()
        cursor = await self._ledger.writer.run(cursors.read, self._symbol)
        trades = await self._reader.read(partial(self._venue.trades_after, self._symbol, cursor))
        in_doubt = await self._unreadables.ours(self._symbol, trades)
        readable = [trade for trade in trades if not trade.unreadable]
        for trade in readable:
            await self._recorder.trade(trade)
        # The cursor waits for a trade of ours that cannot be read: the order's end will ask for it, a restart too.
        moved = cursor if in_doubt else _settled(cursor, readable, began_ms - self._lag_ms)
        if moved != cursor:
            with around("executor.cursor"):
                await self._ledger.writer.run(cursors.advance, self._symbol, moved)
        return in_doubt

    async def _poll_orders(self) -> dict[str, str]:
        known = await self._ledger.writer.run(orders.on_venue, self._symbol)
        resting = await self._reader.read(partial(self._venue.open_orders, self._symbol))
        in_doubt = await self._unreadables.ours(self._symbol, resting)
        for order in resting:
            if not order.unreadable:
                await self._recorder.order(order)
        names = {order.client_order_id for order in resting}
        names |= in_doubt.keys()
        for record in known:
            if record.client_order_id in names:
                continue
            try:
                gone = await self._reader.read(partial(self._venue.order_by_id, self._symbol, record.exchange_order_id))
            except UnreadableError as error:
                in_doubt[record.client_order_id] = sentence(record.client_order_id, error.order)
                continue
            if gone is not None:
                await self._recorder.order(gone)
        return in_doubt


def _settled(cursor: TradeCursor, trades: list[VenueTrade], before_ms: int) -> TradeCursor:
    """Where to read on. What is younger than the venue's lag is read again: a neighbour may still appear before it."""
    old = [trade for trade in trades if trade.time_ms < before_ms]
    if old:
        return TradeCursor(old[-1].fill.trade_id, old[-1].time_ms)
    if cursor.after_id == "" and before_ms - cursor.since_ms > _IDLE_STEP_MS:
        return TradeCursor("", before_ms)
    return cursor


_IDLE_STEP_MS = 60_000
