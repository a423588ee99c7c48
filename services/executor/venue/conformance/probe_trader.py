"""Trader of the measurements: it tracks every order that it sent, and cancels all of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from executor.venue.clock import VenueClock
from executor.venue.conformance.client_ids import ProbeIds
from executor.venue.conformance.worst_case_cost import WorstCaseCost
from executor.venue.port import (
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    UnknownOrderError,
    Venue,
    VenueError,
    VenueOrder,
)
from gridcore.model.actions import PlaceOrder
from gridcore.model.ids import LENGTH
from gridcore.model.orders import OrderType, Role, Side

Send = Callable[[str, PlaceOrder, int], Awaitable[VenueOrder]]
"""Places an order as `Venue.place` does."""


_LAG_MS = 10_000  # after it, a look-up that shows no order is conclusive


_SAYS_NOTHING = {Refusal.RATE_LIMITED, Refusal.VENUE_UNREACHABLE, Refusal.MARKET_CLOSED}


class BrokenOffError(Exception):
    """The user has asked to stop: nothing more is sent."""


class NoMeasurementError(Exception):
    """The venue refuses every request, so its refusals mean nothing, and further measurements would be wrong."""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def _pause(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


@dataclass(frozen=True, slots=True)
class Timer:
    """Clock and sleep, in milliseconds."""

    now_ms: Callable[[], int] = _now_ms
    pause: Callable[[int], Awaitable[None]] = _pause


class ProbeTrader:
    """Places and cancels orders of one symbol. `stopping` is checked before each place and in each wait."""

    def __init__(
        self,
        venue: Venue,
        clock: VenueClock,
        cost: WorstCaseCost,
        *,
        names: ProbeIds | None = None,
        timer: Timer | None = None,
        stopping: Callable[[], bool] = lambda: False,
        gap_ms: int = 0,
    ) -> None:
        self.venue = venue
        self.clock = clock
        self.cost = cost
        self.symbol = cost.rules.symbol
        self.names = names or ProbeIds()
        self.timer = timer or Timer()
        self._stopping = stopping
        self._gap_ms = gap_ms  # before each place: venues limit their rate
        self._open: dict[str, str] = {}  # exchange id → client id
        self._doubted: dict[str, int] = {}  # client id → timestamp of a place with an unknown outcome

    def far(self, client_order_id: str = "") -> PlaceOrder:
        """Returns a buy that rests far from the market; with a new id unless one is given."""
        cost, name = self.cost, client_order_id or self.names.spell(LENGTH)
        return PlaceOrder(
            client_order_id=name,
            side=Side.BUY,
            role=Role.OPENING,
            type=OrderType.LIMIT,
            price=cost.far_price,
            quantity=cost.quantity,
            not_after_ms=0,
            slot="",
        )

    def crossing(self) -> PlaceOrder:
        """Returns a buy that trades at once."""
        return replace(self.far(), price=self.cost.crossing_price)

    def go_on(self) -> None:
        """Raises BrokenOffError if the user has asked to stop."""
        if self._stopping():
            raise BrokenOffError

    async def place(self, order: PlaceOrder, send: Send | None = None, timestamp_ms: int | None = None) -> VenueOrder:
        """Sends the order once.

        Raises the errors of `Venue.place`, NoMeasurementError, and BrokenOffError before sending.
        """
        await self.timer.pause(self._gap_ms)
        self.go_on()
        signed_ms = self.clock.venue_ms() if timestamp_ms is None else timestamp_ms
        self._doubted[order.client_order_id] = signed_ms
        try:
            placed = await (send or self.venue.place)(self.symbol, order, signed_ms)
        except OutcomeUnknownError:
            raise
        except VenueError as error:
            del self._doubted[order.client_order_id]
            if isinstance(error, RefusedError) and error.reason in _SAYS_NOTHING:
                raise NoMeasurementError(str(error)) from error
            raise
        except Exception as error:  # an error in the adapter says nothing about the venue
            raise OutcomeUnknownError(f"{type(error).__name__}: {error}") from error
        del self._doubted[order.client_order_id]
        self._open[placed.exchange_order_id] = order.client_order_id
        return placed

    async def take_down(self, exchange_order_id: str) -> bool:
        """Cancels an order of `place`. Returns whether it has certainly ended; if not, `clean_up` tries again."""
        name = self._open[exchange_order_id]
        try:
            await self.venue.cancel(self.symbol, name, exchange_order_id, self.clock.venue_ms())
        except UnknownOrderError:
            seen = await self.venue.order_by_id(self.symbol, exchange_order_id)
            if seen is None or not seen.status.ended:
                return False
        except (RefusedError, OutcomeUnknownError):
            return False
        del self._open[exchange_order_id]
        return True

    async def clean_up(self, seconds: float = 20.0) -> list[str]:
        """Cancels all orders that it placed and no others. Returns the client ids of those that may still be open.

        A place whose reply was lost may arrive while its request is valid, so it is looked up until then.
        """
        until_ms = self.timer.now_ms() + int(seconds * 1000)
        pause_ms = 50
        while True:
            await self._take_down_all()
            if not self._open and not self._doubted:
                return []
            if self.timer.now_ms() > until_ms:
                return sorted({*self._open.values(), *self._doubted})
            await self.timer.pause(pause_ms)
            pause_ms = min(2 * pause_ms, 1_000)

    async def _take_down_all(self) -> None:
        try:
            if self._doubted:
                await self._look_for_doubted()
            for exchange_order_id in list(self._open):
                await self.take_down(exchange_order_id)
        except ReadFailedError:
            return

    async def _look_for_doubted(self) -> None:
        began_ms = self.clock.venue_ms()
        for order in await self.venue.open_orders(self.symbol):
            if order.client_order_id in self._doubted:
                del self._doubted[order.client_order_id]
                self._open[order.exchange_order_id] = order.client_order_id
        window_ms = self.venue.request_window_ms
        if window_ms is not None:
            sure_ms = began_ms - window_ms - _LAG_MS
            self._doubted = {name: signed_ms for name, signed_ms in self._doubted.items() if signed_ms > sure_ms}
