"""The hand that trades for the measurements: it knows every order that it sent, and leaves none of them behind."""

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
"""Places, as `Venue.place` does."""


_LAG_MS = 10_000  # after which a look-up that shows no order is believed


_SAYS_NOTHING = {Refusal.RATE_LIMITED, Refusal.VENUE_UNREACHABLE, Refusal.MARKET_CLOSED}


class BrokenOffError(Exception):
    """The user wants it to end: nothing more is sent."""


class NoMeasurementError(Exception):
    """The venue refuses whatever is asked, so what it refuses says nothing: going on would write down nonsense."""


def _now_ms() -> int:
    return time.monotonic_ns() // 1_000_000


async def _pause(ms: int) -> None:
    await asyncio.sleep(ms / 1000)


@dataclass(frozen=True, slots=True)
class Timer:
    """What measures and waits, in milliseconds."""

    now_ms: Callable[[], int] = _now_ms
    pause: Callable[[int], Awaitable[None]] = _pause


class ProbeTrader:
    """Places and takes down orders of one symbol. `stopping` is asked before each place and in each wait."""

    def __init__(
        self,
        venue: Venue,
        clock: VenueClock,
        stakes: WorstCaseCost,
        *,
        names: ProbeIds | None = None,
        timer: Timer | None = None,
        stopping: Callable[[], bool] = lambda: False,
        gap_ms: int = 0,
    ) -> None:
        self.venue = venue
        self.clock = clock
        self.stakes = stakes
        self.symbol = stakes.rules.symbol
        self.names = names or ProbeIds()
        self.timer = timer or Timer()
        self._stopping = stopping
        self._gap_ms = gap_ms  # before each place: venues count them
        self._open: dict[str, str] = {}  # exchange id → client id
        self._doubted: dict[str, int] = {}  # client id → timestamp of a place whose outcome nobody told

    def far(self, client_order_id: str = "") -> PlaceOrder:
        """A buy that rests far from the market; with an id of its own unless one is given."""
        stakes, name = self.stakes, client_order_id or self.names.spell(LENGTH)
        return PlaceOrder(
            client_order_id=name,
            side=Side.BUY,
            role=Role.OPENING,
            type=OrderType.LIMIT,
            price=stakes.far_price,
            quantity=stakes.quantity,
            not_after_ms=0,
            slot="",
        )

    def crossing(self) -> PlaceOrder:
        """A buy that trades at once."""
        return replace(self.far(), price=self.stakes.crossing_price)

    def go_on(self) -> None:
        """Raises BrokenOffError once the user wants it to end."""
        if self._stopping():
            raise BrokenOffError

    async def place(self, order: PlaceOrder, send: Send | None = None, timestamp_ms: int | None = None) -> VenueOrder:
        """Sends it once. Raises what `Venue.place` raises, BrokenOffError instead of sending, NoMeasurementError."""
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
        except Exception as error:  # an adapter's own mistake says nothing about the venue
            raise OutcomeUnknownError(f"{type(error).__name__}: {error}") from error
        del self._doubted[order.client_order_id]
        self._open[placed.exchange_order_id] = order.client_order_id
        return placed

    async def take_down(self, exchange_order_id: str) -> bool:
        """Cancels an order that `place` gave. Whether it has certainly ended; `clean_up` sees to it otherwise."""
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
        """Takes down all that it placed and touches nothing else. The client ids of what it could not be sure of.

        A place whose answer was lost may land as long as its request is good, so it is looked for until then.
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
