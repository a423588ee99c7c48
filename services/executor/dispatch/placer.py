"""Places orders: the one call that must never be made twice.

Only an order with an id means placed. Only a parsed refusal means not placed. Everything else is looked up, once here
and then by the resolver.
"""

import logging

from executor.dispatch.send_outcome import SendOutcome
from executor.ledger.requests import Signed
from executor.readiness import Readiness
from executor.resolution.lookup import Absence, LookUp, Mismatch
from executor.venue.clock import VenueClock
from executor.venue.limits.throttle import Throttle
from executor.venue.port import (
    DuplicateError,
    OutcomeUnknownError,
    Refusal,
    RefusedError,
    Venue,
    VenueOrder,
)
from gridcore.model.actions import Outcome, PlaceOrder
from gridservice.crash_point import around

_log = logging.getLogger(__name__)


class Placer:
    """Sends a place order, or looks it up."""

    def __init__(
        self, venue: Venue, look_up: LookUp, clock: VenueClock, throttle: Throttle, readiness: Readiness
    ) -> None:
        self._venue = venue
        self._look_up = look_up
        self._clock = clock
        self._throttle = throttle
        self._readiness = readiness

    def signed_now(self) -> Signed:
        """Returns the timestamp and window for a request that is sent now."""
        return Signed(self._clock.venue_ms(), self._venue.request_window_ms or 0)

    async def place(self, symbol: str, place: PlaceOrder, signed: Signed) -> SendOutcome:
        """Sends the order once, signed with the timestamp in the ledger, and returns the outcome."""
        try:
            with around("executor.place"):
                order = await self._venue.place(symbol, place, signed.timestamp_ms)
        except RefusedError as error:
            self._throttle.refused(error.blocked_until_ms)
            if error.reason is Refusal.ORDER_LIMIT:
                self._throttle.refuse_orders(error.order_window_ms)
            if error.reason is Refusal.CLOCK_SKEW:
                await self._clock.set_again(self._venue)
            return SendOutcome(Outcome.REJECTED, reason=error.reason.value, message=str(error))
        except (DuplicateError, OutcomeUnknownError) as error:
            _log.warning("looking for order %s: %s", place.client_order_id, error)
            return await self.look(symbol, place, signed)
        except Exception:  # noqa: BLE001  # an error in the adapter says nothing about the venue
            _log.exception("looking for order %s after an unforeseen error", place.client_order_id)
            return await self.look(symbol, place, signed)
        return SendOutcome(Outcome.ACCEPTED, exchange_order_id=order.exchange_order_id)

    async def look(self, symbol: str, place: PlaceOrder, signed: Signed) -> SendOutcome:
        """Looks up once an order that was or may have been sent, and returns the outcome."""
        finding = await self._look_up.find(symbol, place, signed)
        match finding:
            case VenueOrder():
                return SendOutcome(
                    Outcome.ACCEPTED, finding.exchange_order_id, message="found on the venue by a look-up"
                )
            case Absence.CONCLUSIVE:
                return SendOutcome(
                    Outcome.REJECTED, reason="NOT_PLACED", message="the venue shows no trace of it past its window"
                )
            case Absence.OPEN | Absence.UNANSWERED:
                return SendOutcome(Outcome.UNKNOWN, reason="IN_DOUBT", message="sent; the venue does not show it yet")
            case Mismatch(order):
                sentence = f"order {order.exchange_order_id} bears our id {place.client_order_id}, but is another order"
                self._readiness.stop_for_unexplained_order(sentence)
                return SendOutcome(Outcome.UNKNOWN, reason="IN_DOUBT", message=sentence)
