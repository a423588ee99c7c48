"""Looking before sending: what the venue shows of an order whose outcome is in doubt, and what that proves.

Found proves that it was placed. Not found proves that it was not, but only if the look-up began, by the venue's clock,
after timestamp + signed window + visibility lag: until then a lost request may still be accepted, or not yet be shown.
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

_LONGEST_WINDOW_MS = 60_000  # Binance's longest recvWindow: for a request whose own was not recorded
_AHEAD_MS = 1_000  # a venue accepts timestamps up to this far ahead of its clock


class Absence(Enum):
    """What not finding an order means."""

    CONCLUSIVE = "PROVED"  # it never reached the book and never will
    OPEN = "OPEN"  # too early to say, or the venue's requests never expire
    UNANSWERED = "UNANSWERED"  # a question got no answer, so nothing was found out


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The venue shows another order under our id: nobody but a second bot makes those."""

    order: VenueOrder
    differences: str  # for people: what the venue shows, against what was sent


Finding = VenueOrder | Absence | Mismatch


class LookUp:
    """Asks the venue in every way it can be asked. Never sends."""

    def __init__(self, venue: Venue, reader: Reader, clock: VenueClock, visibility_lag_ms: int) -> None:
        self._venue = venue
        self._reader = reader
        self._clock = clock
        self._lag_ms = visibility_lag_ms

    def conclusive_at_ms(self, signed: Signed) -> int | None:
        """The venue time after which not finding is evidence; None where a request never expires."""
        window_ms = self._window_ms(signed)
        return None if window_ms is None else signed.timestamp_ms + window_ms + self._lag_ms

    def may_appear_until_ms(self, signed: Signed) -> int:
        """The venue time up to which a place may arrive or not be shown yet, as far as the venue sets limits at all."""
        return signed.timestamp_ms + (self._window_ms(signed) or 0) + self._lag_ms

    async def find_by_id(
        self, symbol: str, place: PlaceOrder, signed: Signed, exchange_order_id: str
    ) -> VenueOrder | Mismatch | None:
        """The order that the venue calls so, held against the place. Raises ReadFailedError."""
        order = await self._reader.read(partial(self._venue.order_by_id, symbol, exchange_order_id))
        if order is None:
            return None
        if order.client_order_id != place.client_order_id:
            return Mismatch(order, f"its client_order_id is {order.client_order_id!r}, ours {place.client_order_id!r}")
        conclusive_at = self.conclusive_at_ms(signed)
        if conclusive_at is not None and order.created_ms > conclusive_at:
            return Mismatch(order, f"it was created at {order.created_ms}, when ours could not be accepted any more")
        return _compared(order, place, signed.timestamp_ms)

    async def find(self, symbol: str, place: PlaceOrder, signed: Signed) -> Finding:
        """By client id, then open orders, history and trades. After a failed question the absence is UNANSWERED."""
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
        """The venue's time now. Where it decides, the venue is asked: our own clock may have jumped since it was."""
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
        """Trades name their order by the venue's id only, so each order not yet seen is asked for its client id."""
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
        """By when the order must have been created, with room for the venue's own delays; below the 24-hour limit."""
        return signed.timestamp_ms + (self._window_ms(signed) or 0) + max(self._lag_ms, 60_000)

    def _window_ms(self, signed: Signed) -> int | None:
        """The window that the venue judges the request by: the one it was signed with, whatever the config says now."""
        if signed.window_ms is not None:
            return signed.window_ms or None
        configured_ms = self._venue.request_window_ms
        return None if configured_ms is None else max(configured_ms, _LONGEST_WINDOW_MS)


def _readable(order: VenueOrder) -> VenueOrder:
    if order.unreadable:
        raise UnreadableError(order)
    return order


def _compared(order: VenueOrder, place: PlaceOrder, timestamp_ms: int) -> VenueOrder | Mismatch:
    """The order if it is the one that the place asked for."""
    pairs = [
        ("side", order.side.value, place.side.value),
        ("price", canonical(order.price), canonical(place.price)),
        ("quantity", canonical(order.quantity), canonical(place.quantity)),
    ]
    differences = [f"its {field} is {shown!r}, ours {sent!r}" for field, shown, sent in pairs if shown != sent]
    if 0 < order.created_ms < timestamp_ms - _AHEAD_MS:
        differences.append(f"it was created at {order.created_ms}, ours sent at {timestamp_ms}")
    return Mismatch(order, ", ".join(differences)) if differences else order
