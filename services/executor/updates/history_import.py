"""Import of orders and trades from the venue after a loss of the ledger.

This module reads and waits; `ledger.history_import` writes.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from executor.ledger import history_import, orders
from executor.ledger.opening import Ledger
from executor.readiness import Readiness
from executor.updates.recorder import Recorder
from executor.venue.clock import VenueClock
from executor.venue.port import UnreadableError, Venue, VenueOrder, VenueTrade
from executor.venue.reader import Reader
from gridcore.model.ids import parse_client_order_id
from gridcore.model.money import ZERO, canonical
from gridrpc.errors import FailedPrecondition
from gridservice.crash_point import around
from gridservice.tasks import cancel_and_wait

_log = logging.getLogger(__name__)

_LONGEST_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Imported:
    """How many orders and trades were new to the ledger, and what the venue no longer reports."""

    orders: int = 0
    trades: int = 0
    lost: tuple[str, ...] = ()


class HistoryImport:
    """Runs one import at a time per symbol; a call that is repeated after a broken connection joins the running one."""

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        reader: Reader,
        recorder: Recorder,
        clock: VenueClock,
        readiness: Readiness,
        visibility_lag_ms: int,
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._reader = reader
        self._recorder = recorder
        self._clock = clock
        self._readiness = readiness
        self._lag_ms = visibility_lag_ms
        self._running: dict[tuple[str, str], asyncio.Task[Imported]] = {}
        self.waiting = False  # for requests that may still be in flight
        self.since_ms = 0  # venue time since which this process alone holds the ledger's lease

    async def adopt(self, symbol: str, prefix: str) -> Imported:
        """Imports the symbol's orders and trades.

        Raises ReadFailedError, and FailedPrecondition if another bot places orders with this prefix.
        """
        key = symbol, prefix
        if key not in self._running:
            self._running[key] = asyncio.create_task(self._work(symbol, prefix))
            self._running[key].add_done_callback(lambda _: self._running.pop(key))
        return await asyncio.shield(self._running[key])

    async def close(self) -> None:
        """Cancels running imports; the next call starts again."""
        await cancel_and_wait(self._running.values())

    async def _work(self, symbol: str, prefix: str) -> Imported:
        if not _ours(await self._reader.read(lambda: self._venue.order_history(symbol)), prefix):
            return Imported()
        await self._until_nothing_can_arrive()
        seen = _ours(await self._reader.read(lambda: self._venue.order_history(symbol)), prefix)
        await self._refuse_second_bot(symbol, seen)
        history = await self._reader.read(lambda: self._venue.trade_history(symbol))
        trades = [trade for trade in history if not trade.unreadable]
        untold = _untold(seen, trades, self._clock.venue_ms() - self._lag_ms)
        lost = [_sentence(each, untold[each.exchange_order_id]) for each in seen if each.exchange_order_id in untold]
        seen = [order for order in seen if order.exchange_order_id not in untold]
        with around("executor.adopt"):
            new_orders, new_trades = await self._ledger.writer.run(
                history_import.adopt, seen, trades, self._clock.local_ms()
            )
        self._recorder.clear_foreign_cache()
        self._readiness.own_orders_known()
        _log.warning("%s: %d orders and %d trades are taken over from the venue", symbol, new_orders, new_trades)
        return Imported(new_orders, new_trades, tuple(lost))

    async def _until_nothing_can_arrive(self) -> None:
        """Waits until requests of the last lease holder must have arrived and be shown, or never will."""
        until_ms = self.since_ms + (self._venue.request_window_ms or 0) + self._lag_ms
        self.waiting = True
        while (left_ms := until_ms - self._clock.venue_at_least_ms()) >= 0:  # noqa: ASYNC110  # by the venue's clock
            await asyncio.sleep(min(left_ms / 1000, _LONGEST_PAUSE_SECONDS))
        self.waiting = False

    async def _refuse_second_bot(self, symbol: str, seen: Sequence[VenueOrder]) -> None:
        """Refuses orders younger than our lease that are not in the ledger: another bot places them."""
        window_ms = self._venue.request_window_ms
        if window_ms is None:
            return
        young = [order for order in seen if order.created_ms > self.since_ms + window_ms]
        known = await self._ledger.writer.run(orders.known_names, [order.client_order_id for order in young])
        strange = [order.client_order_id for order in young if order.client_order_id not in known]
        if strange:
            raise FailedPrecondition(
                f"{strange[0]} was placed on {symbol}, and not by this executor: a second bot has this name; "
                "stop it, or give one of the two another `bot` name",
                reason="SECOND_BOT",
            )


def _ours(seen: Sequence[VenueOrder], prefix: str) -> list[VenueOrder]:
    """Returns our orders.

    Raises UnreadableError if one of them cannot be read, because the import has to be complete.
    """
    for order in seen:
        if order.unreadable and order.client_order_id.startswith(prefix):
            raise UnreadableError(order)
    return [
        order
        for order in seen
        if order.client_order_id.startswith(prefix) and parse_client_order_id(order.client_order_id) is not None
    ]


def _sentence(order: VenueOrder, quantity: Decimal) -> str:
    executed = canonical(order.executed)
    return f"{order.client_order_id}: the venue shows no trades for {canonical(quantity)} of the {executed} it executed"


def _untold(seen: Sequence[VenueOrder], trades: Sequence[VenueTrade], before_ms: int) -> dict[str, Decimal]:
    """Returns the missing quantity of each order that ended before a time and executed more than its trades show."""
    shown: dict[str, Decimal] = {}
    for trade in trades:
        shown[trade.exchange_order_id] = shown.get(trade.exchange_order_id, ZERO) + trade.fill.quantity
    missing = {order.exchange_order_id: order.executed - shown.get(order.exchange_order_id, ZERO) for order in seen}
    old = {order.exchange_order_id for order in seen if order.status.ended and order.updated_ms < before_ms}
    return {order_id: quantity for order_id, quantity in missing.items() if quantity > 0 and order_id in old}
