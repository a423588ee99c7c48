"""Sends cancels and looks up the order after a refusal.

A refused cancel does not prove that the order has ended, so the order is looked up. While its placement is in doubt,
the order stays UNKNOWN.

The caller may repeat a cancel, so an UNKNOWN cancel is not resolved further. The order's end is reported by the update
log.
"""

import logging
from functools import partial

from executor.dispatch.send_outcome import SendOutcome
from executor.ledger import orders
from executor.ledger.opening import Ledger
from executor.ledger.requests import LedgerAction
from executor.updates.recorder import Recorder
from executor.venue.clock import VenueClock
from executor.venue.limits.throttle import Throttle
from executor.venue.port import (
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    UnknownOrderError,
    Venue,
    VenueOrder,
)
from executor.venue.reader import Reader
from gridcore.model.actions import CancelOrder, Outcome
from gridcore.model.orders import OrderStatus
from gridservice.crash_point import around

_log = logging.getLogger(__name__)


class Canceller:
    """Sends a cancel, or looks up the state of its order."""

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        reader: Reader,
        recorder: Recorder,
        clock: VenueClock,
        throttle: Throttle,
    ) -> None:
        self._ledger = ledger
        self._venue = venue
        self._clock = clock
        self._reader = reader
        self._recorder = recorder
        self._throttle = throttle

    async def known_end(self, action: LedgerAction) -> SendOutcome | None:
        """Returns ENDED without sending if the ledger has the order's end; None otherwise, and for a place order."""
        if not isinstance(action.action, CancelOrder):
            return None
        record = await self._ledger.writer.run(orders.by_client_id, action.action.client_order_id)
        if record is None or not record.ended:
            return None
        assert record.status is not None
        return SendOutcome(
            Outcome.ENDED, record.exchange_order_id, message=f"its end is in the ledger: {record.status.value}"
        )

    async def cancel(self, symbol: str, cancel: CancelOrder, timestamp_ms: int) -> SendOutcome:
        """Sends the cancel once and returns its outcome."""
        record = await self._ledger.writer.run(orders.by_client_id, cancel.client_order_id)
        exchange_order_id = (record.exchange_order_id if record else "") or cancel.exchange_order_id
        try:
            with around("executor.cancel"):
                await self._venue.cancel(symbol, cancel.client_order_id, exchange_order_id, timestamp_ms)
        except RefusedError as error:
            self._throttle.refused(error.blocked_until_ms)
            if error.reason is Refusal.CLOCK_SKEW:
                await self._clock.set_again(self._venue)
            return SendOutcome(Outcome.REJECTED, exchange_order_id, error.reason.value, str(error))
        except UnknownOrderError as error:
            return await self._after_refusal(symbol, cancel, str(error))
        except OutcomeUnknownError as error:
            _log.warning("looking for order %s after its cancel: %s", cancel.client_order_id, error)
            return await self.look(symbol, cancel)
        except Exception:  # noqa: BLE001  # an error in the adapter says nothing about the venue
            _log.exception("looking for order %s after its cancel", cancel.client_order_id)
            return await self.look(symbol, cancel)
        return SendOutcome(Outcome.CANCELLED, exchange_order_id)

    async def look(self, symbol: str, cancel: CancelOrder) -> SendOutcome:
        """Returns ENDED if the order has ended; otherwise the outcome of the cancel stays UNKNOWN."""
        try:
            seen = await self._seen(symbol, cancel)
        except ReadFailedError as error:
            return SendOutcome(Outcome.UNKNOWN, reason="IN_DOUBT", message=str(error))
        if seen is not None and seen.status.ended:
            return SendOutcome(Outcome.ENDED, seen.exchange_order_id)
        return SendOutcome(
            Outcome.UNKNOWN, reason="IN_DOUBT", message="the cancel was sent; the order has not ended yet"
        )

    async def _after_refusal(self, symbol: str, cancel: CancelOrder, refusal: str) -> SendOutcome:
        record = await self._ledger.writer.run(orders.by_client_id, cancel.client_order_id)
        try:
            seen = await self._seen(symbol, cancel)
        except ReadFailedError as error:
            return SendOutcome(Outcome.UNKNOWN, reason="IN_DOUBT", message=f"{refusal}; then: {error}")
        if seen is not None and seen.status.ended:
            return SendOutcome(Outcome.ENDED, seen.exchange_order_id)
        if seen is not None:
            return SendOutcome(Outcome.REJECTED, seen.exchange_order_id, "CANCEL_REFUSED", f"it still rests: {refusal}")
        if record is not None and record.status is OrderStatus.UNKNOWN:
            return SendOutcome(
                Outcome.REJECTED, reason="PLACE_IN_DOUBT", message="its place is in doubt; nothing is ended"
            )
        return SendOutcome(Outcome.REJECTED, cancel.exchange_order_id, "ORDER_NOT_SHOWN", f"not shown now: {refusal}")

    async def _seen(self, symbol: str, cancel: CancelOrder) -> VenueOrder | None:
        """Reads the order from the venue and records its state in the update log."""
        with around("executor.look_cancelled"):
            seen = await self._reader.read(partial(self._venue.order_by_client_id, symbol, cancel.client_order_id))
            if seen is None and cancel.exchange_order_id:
                seen = await self._reader.read(partial(self._venue.order_by_id, symbol, cancel.exchange_order_id))
        if seen is None or seen.client_order_id != cancel.client_order_id:  # an exchange id alone proves nothing
            return None
        await self._recorder.order(seen)
        return seen
