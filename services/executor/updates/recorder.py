"""Records trades and orders of the venue in the update log: in any order, duplicated or late, each exactly once."""

import logging
from collections.abc import Mapping
from functools import partial

import sqlalchemy as sa

from executor.ledger import cursors, fences, operator_evidence, orders, updates
from executor.ledger.opening import Ledger
from executor.ledger.orders import OrderRecord
from executor.readiness import Readiness
from executor.updates.forgotten import ForgottenOrders
from executor.venue.clock import VenueClock
from executor.venue.port import ReadFailedError, TradeCursor, UnreadableError, Venue, VenueOrder, VenueTrade
from executor.venue.reader import Reader
from gridcore.model.orders import OrderStatus
from gridservice.change_signal import ChangeSignal
from gridservice.crash_point import around

_log = logging.getLogger(__name__)

_NEVER_ON_BOOK = {None, OrderStatus.REJECTED, OrderStatus.NOT_PLACED}
_MOST_FOREIGN = 10_000
_MOST_VERIFIED = 10_000


class Recorder:
    """Writes to the update log. Only the resolver and operator statements write to it besides."""

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        reader: Reader,
        clock: VenueClock,
        changes: Mapping[str, ChangeSignal],
        readiness: Readiness,
        forgotten: ForgottenOrders,
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._reader = reader
        self._clock = clock
        self._changes = changes
        self._readiness = readiness
        self._forgotten = forgotten
        self._foreign: dict[tuple[str, str], None] = {}  # exchange ids of foreign orders; oldest first
        self._verified: dict[tuple[str, str], None] = {}  # exchange ids seen with our client id; oldest first

    async def trade(self, trade: VenueTrade) -> None:
        """Records a trade of ours; ignores a foreign one.

        Raises ReadFailedError if the venue cannot say whose it is.
        """
        if (trade.symbol, trade.exchange_order_id) in self._foreign:
            return
        order, newest = await self._ledger.writer.run(_owner, trade)
        self._refuse_reset(trade, newest)
        if order is None:
            order = await self._look_up_owner(trade)
        elif (trade.symbol, trade.exchange_order_id) not in self._verified:
            await self._verify(order, trade)
        if order is None:
            return
        with around("executor.trade"):
            appended = await self._ledger.writer.run(
                updates.append_trade, trade, order.client_order_id, self._clock.local_ms()
            )
        if appended:
            self._changes[trade.symbol].beat()
            if order.ended:
                _log.error(
                    "trade %s of %s came after the order's recorded end", trade.fill.trade_id, order.client_order_id
                )
            if order.status in _NEVER_ON_BOOK:
                await self._stop_for(order, trade.exchange_order_id)

    async def order(self, seen: VenueOrder) -> bool:
        """Records the current state of an order of ours. Returns whether the ledger has everything about it.

        Raises ReadFailedError if its trades cannot be read.
        """
        order = await self._learned(seen)
        if order is None:
            await self._check_unknown_order(seen)
            return True
        if order.status in _NEVER_ON_BOOK:
            await self._stop_for(order, seen.exchange_order_id)
            return True
        if not seen.status.ended or order.ended:
            return True
        return await self._end(seen)

    def clear_foreign_cache(self) -> None:
        """Clears the cache of foreign orders: the ledger knows more orders now."""
        self._foreign.clear()

    async def _learned(self, seen: VenueOrder) -> OrderRecord | None:
        with around("executor.learn"):
            order = await self._ledger.writer.run(_learn, seen)
        if order is not None:
            self._note_verified(seen.symbol, seen.exchange_order_id)
        return order

    def _note_verified(self, symbol: str, exchange_order_id: str) -> None:
        self._verified[symbol, exchange_order_id] = None
        while len(self._verified) > _MOST_VERIFIED:
            del self._verified[next(iter(self._verified))]

    def _refuse_reset(self, trade: VenueTrade, newest: TradeCursor) -> None:
        """Raises ReadFailedError for a trade of a venue that was reset: its ids mean something else."""
        if self._venue.trade_ids_rise and _goes_backwards(trade, newest):
            self._forgotten.backwards(trade, newest.after_id)
        if sentence := self._forgotten.why_reset(trade.symbol):
            raise ReadFailedError(sentence)

    async def _verify(self, order: OrderRecord, trade: VenueTrade) -> None:
        """Checks that an exchange id belongs to our client id. Raises ReadFailedError if it is another order's.

        An order that the venue does not show yet passes: the venue itself has just reported its trade.
        """
        try:
            seen = await self._reader.read(partial(self._venue.order_by_id, trade.symbol, trade.exchange_order_id))
        except UnreadableError as error:
            seen = error.order
        if seen is None:
            return
        if seen.client_order_id != order.client_order_id:
            self._forgotten.taken(order, seen)
            raise ReadFailedError(self._forgotten.why_reset(trade.symbol))
        self._note_verified(trade.symbol, trade.exchange_order_id)

    async def _stop_for(self, order: OrderRecord, exchange_order_id: str) -> None:
        """Stops the executor: the venue shows an order of ours that was never placed according to the ledger."""
        known_as = order.status.value if order.status else "not sent"
        sentence = (
            f"order {order.client_order_id} ({exchange_order_id}) is on the venue, but the ledger has it as {known_as}"
        )
        given = await self._ledger.writer.run(operator_evidence.of_order, order.client_order_id)
        if given is None:
            self._readiness.stop_for_unexplained_order(sentence)
        else:
            remedy = "cancel it manually on the venue if it rests there"
            self._readiness.stop_for_unexplained_order(
                f"{sentence} on the statement of {given.word.who} ({given.word.why})", remedy
            )

    async def _end(self, seen: VenueOrder) -> bool:
        if await self._append_end(seen):
            return True
        trades = await self._reader.read(partial(self._venue.trades_of_order, seen.symbol, seen.exchange_order_id))
        for trade in trades:
            if not trade.unreadable:
                await self.trade(trade)
        return await self._append_end(seen)

    async def _append_end(self, seen: VenueOrder) -> bool:
        with around("executor.end"):
            ended = await self._ledger.writer.run(
                updates.append_end, seen.client_order_id, seen, self._clock.local_ms()
            )
        if ended:
            self._changes[seen.symbol].beat()
        return ended

    async def _look_up_owner(self, trade: VenueTrade) -> OrderRecord | None:
        """Reads the order of a trade, which has no client id itself, before the trade is treated as foreign."""
        try:
            seen = await self._reader.read(partial(self._venue.order_by_id, trade.symbol, trade.exchange_order_id))
        except UnreadableError as error:
            seen = error.order  # its owner can be read all the same
        if seen is None:
            raise ReadFailedError(f"trade {trade.fill.trade_id} names an order that the venue does not show yet")
        order = await self._learned(seen) or (None if seen.unreadable else await self._check_unknown_order(seen))
        if order is None:
            self._foreign[trade.symbol, trade.exchange_order_id] = None
            while len(self._foreign) > _MOST_FOREIGN:
                del self._foreign[next(iter(self._foreign))]
        return order

    async def _check_unknown_order(self, seen: VenueOrder) -> OrderRecord | None:
        """Reports a second bot: an order with our prefix, younger than the ledger and not in it.

        Returns the order if the ledger has imported it meanwhile.
        """
        known, prefix = await self._ledger.writer.run(_known_or_prefix, seen)
        if known is not None:
            return known
        ours = prefix != "" and seen.client_order_id.startswith(prefix)
        late_ms = self._venue.request_window_ms or 0  # a lost ledger's last request may arrive after this one's birth
        if ours and seen.created_ms - self._clock.skew_ms > self._ledger.born_ms + late_ms:
            self._readiness.stop_for_unexplained_order(
                f"order {seen.client_order_id} ({seen.exchange_order_id}) of {seen.symbol} bears our prefix {prefix}, "
                "but the ledger never placed it"
            )
        return None


def _goes_backwards(trade: VenueTrade, newest: TradeCursor) -> bool:
    """Returns whether the trade is later than one with a higher id."""
    ids = trade.fill.trade_id, newest.after_id
    return all(map(str.isdecimal, ids)) and int(ids[0]) < int(ids[1]) and trade.time_ms > newest.since_ms


def _owner(connection: sa.Connection, trade: VenueTrade) -> tuple[OrderRecord | None, TradeCursor]:
    """Returns the order of the trade from the ledger, and the cursor of the polls."""
    return _named(connection, trade), cursors.read(connection, trade.symbol)


def _named(connection: sa.Connection, trade: VenueTrade) -> OrderRecord | None:
    order = orders.by_exchange_id(connection, trade.symbol, trade.exchange_order_id)
    if order is None and trade.client_order_id:
        order = orders.by_client_id(connection, trade.client_order_id)
    return order


def _known_or_prefix(connection: sa.Connection, seen: VenueOrder) -> tuple[OrderRecord | None, str]:
    return orders.by_client_id(connection, seen.client_order_id), fences.prefixes(connection).get(seen.symbol, "")


def _learn(connection: sa.Connection, seen: VenueOrder) -> OrderRecord | None:
    order = orders.by_client_id(connection, seen.client_order_id)
    if order is None or order.status in _NEVER_ON_BOOK or order.exchange_order_id == seen.exchange_order_id:
        return order  # the case of each resting order at each poll: no write
    orders.learn_exchange_id(connection, seen.client_order_id, seen.exchange_order_id)
    return orders.by_client_id(connection, seen.client_order_id)
