"""Look-ups of an order whose outcome is in doubt, and what their result proves.

An order that is found was placed. An order that is not found was not placed, but only if the look-up began, by the
venue's clock, after timestamp + signed window + visibility lag. Before that a delayed request may still be accepted, or
the order may not be shown yet.
"""

from dataclasses import dataclass
from enum import Enum
from functools import partial

from executor.ledger.requests import Signed
from executor.venue.clock import VenueClock
from executor.venue.port import ReadFailedError, TradeCursor, UnreadableError, Venue, VenueOrder
from executor.venue.reader import Reader
from gridcore.model.actions import PlaceOrder
from gridcore.model.money import canonical
from gridservice.crash_point import around

_LONGEST_WINDOW_MS = 60_000  # Binance's longest recvWindow, for a request whose window was not recorded
_AHEAD_MS = 1_000  # a venue accepts timestamps up to this far ahead of its clock


class Absence(Enum):
    """What it means that an order was not found."""

    CONCLUSIVE = "PROVED"  # the order never reached the book and never will
    OPEN = "OPEN"  # too early to say, or the venue's requests never expire
    UNANSWERED = "UNANSWERED"  # a read failed, so nothing is known


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The venue shows another order under our client id. Only a second bot creates such ids."""

    order: VenueOrder
    differences: str  # for people: what the venue shows, compared with what was sent


Finding = VenueOrder | Absence | Mismatch


class LookUp:
    """Searches the venue for an order in every available way. Never sends."""

    def __init__(self, venue: Venue, reader: Reader, clock: VenueClock, visibility_lag_ms: int) -> None:
        self._venue = venue
        self._reader = reader
        self._clock = clock
        self._lag_ms = visibility_lag_ms

    def conclusive_at_ms(self, signed: Signed) -> int | None:
        """Returns the venue time after which absence is evidence; None if requests never expire."""
        window_ms = self._window_ms(signed)
        return None if window_ms is None else signed.timestamp_ms + window_ms + self._lag_ms

    def may_appear_until_ms(self, signed: Signed) -> int:
        """Returns the venue time up to which the order may still arrive or appear, as far as the venue sets limits."""
        return signed.timestamp_ms + (self._window_ms(signed) or 0) + self._lag_ms

    async def find_by_id(
        self, symbol: str, place: PlaceOrder, signed: Signed, exchange_order_id: str
    ) -> VenueOrder | Mismatch | None:
        """Reads the order with this exchange id and compares it with the place order. Raises ReadFailedError."""
        order = await self._reader.read(partial(self._venue.order_by_id, symbol, exchange_order_id))
        if order is None:
            return None
        if order.client_order_id != place.client_order_id:
            return Mismatch(order, f"its client_order_id is {order.client_order_id!r}, ours {place.client_order_id!r}")
        conclusive_at = self.conclusive_at_ms(signed)
        if conclusive_at is not None and order.created_ms > conclusive_at:
            return Mismatch(order, f"it was created at {order.created_ms}, when ours could no longer be accepted")
        return _compared(order, place, signed.timestamp_ms)

    async def find(self, symbol: str, place: PlaceOrder, signed: Signed) -> Finding:
        """Searches by client id, open orders, history and trades. Returns UNANSWERED after a failed read."""
        try:
            began_ms = await self._begin(signed)
            with around("executor.look"):
                order = await self._search(symbol, place, signed)
        except ReadFailedError:
            return Absence.UNANSWERED
        if order is not None:
            return _compared(order, place, signed.timestamp_ms)
        conclusive_at = self.conclusive_at_ms(signed)
        if conclusive_at is not None and began_ms > conclusive_at:
            return Absence.CONCLUSIVE
        return Absence.OPEN

    async def _begin(self, signed: Signed) -> int:
        """Returns the venue's current time.

        Where the time decides about evidence it is measured again, because the local clock may have jumped since the
        last measurement.
        """
        conclusive_at = self.conclusive_at_ms(signed)
        if conclusive_at is not None and self._clock.venue_ms() > conclusive_at:
            return await self._clock.measure(self._venue)
        return self._clock.venue_ms()

    async def _search(self, symbol: str, place: PlaceOrder, signed: Signed) -> VenueOrder | None:
        name = place.client_order_id
        order = await self._reader.read(lambda: self._venue.order_by_client_id(symbol, name))
        if order is not None:
            return order
        for resting in await self._reader.read(lambda: self._venue.open_orders(symbol)):
            if resting.client_order_id == name:
                return _readable(resting)
        since_ms, until_ms = signed.timestamp_ms - _AHEAD_MS, self._latest_ms(signed)
        history = await self._reader.read(lambda: self._venue.orders_between(symbol, since_ms, until_ms))
        for past in history:
            if past.client_order_id == name:
                return _readable(past)
        known = {past.exchange_order_id for past in history}
        return await self._search_trades(symbol, place, since_ms, until_ms, known)

    async def _search_trades(
        self, symbol: str, place: PlaceOrder, since_ms: int, until_ms: int, known: set[str]
    ) -> VenueOrder | None:
        """Looks up the client id of each order that has trades and was not seen yet.

        Trades carry only the exchange id.
        """
        cursor = TradeCursor("", since_ms)
        trades = await self._reader.read(lambda: self._venue.trades_after(symbol, cursor))
        unseen = {
            trade.exchange_order_id
            for trade in trades
            if trade.exchange_order_id and trade.time_ms <= until_ms and (trade.unreadable or trade.side is place.side)
        }
        for exchange_order_id in sorted(unseen - known):
            try:
                order = await self._reader.read(partial(self._venue.order_by_id, symbol, exchange_order_id))
            except UnreadableError as error:
                order = error.order
            if order is not None and order.client_order_id == place.client_order_id:
                return _readable(order)
        return None

    def _latest_ms(self, signed: Signed) -> int:
        """Returns the latest creation time of the order, with room for the venue's delays; under the 24-hour limit."""
        return signed.timestamp_ms + (self._window_ms(signed) or 0) + max(self._lag_ms, 60_000)

    def _window_ms(self, signed: Signed) -> int | None:
        """Returns the window that the venue applies: the signed one, even if the config has changed since."""
        if signed.window_ms is not None:
            return signed.window_ms or None
        configured_ms = self._venue.request_window_ms
        return None if configured_ms is None else max(configured_ms, _LONGEST_WINDOW_MS)


def _readable(order: VenueOrder) -> VenueOrder:
    if order.unreadable:
        raise UnreadableError(order)
    return order


def _compared(order: VenueOrder, place: PlaceOrder, timestamp_ms: int) -> VenueOrder | Mismatch:
    """Returns the order if it matches the place order, otherwise a Mismatch."""
    pairs = [
        ("side", order.side.value, place.side.value),
        ("price", canonical(order.price), canonical(place.price)),
        ("quantity", canonical(order.quantity), canonical(place.quantity)),
    ]
    differences = [f"its {field} is {shown!r}, ours {sent!r}" for field, shown, sent in pairs if shown != sent]
    if 0 < order.created_ms < timestamp_ms - _AHEAD_MS:
        differences.append(f"it was created at {order.created_ms}, ours sent at {timestamp_ms}")
    return Mismatch(order, ", ".join(differences)) if differences else order
