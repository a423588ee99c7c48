"""Measures how soon after the reply to a place each look-up of the executor shows the order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median_low

from executor.venue.conformance.probe_trader import NoMeasurementError, ProbeTrader
from executor.venue.port import ReadFailedError, TradeCursor, VenueOrder
from executor.venue.profile import Delay

LONGEST_MS = 30_000
_FIRST_PAUSE_MS, _LONGEST_PAUSE_MS = 20, 1_000
_HOUR_MS = 3_600_000

Shows = Callable[[], Awaitable[bool]]


@dataclass(slots=True)
class Shown:
    """Samples of one look-up in ms; None: not shown within LONGEST_MS."""

    after_ms: list[int | None] = field(default_factory=list[int | None])

    def delay(self, look_up: str) -> Delay | None:
        """Returns median and worst; None if the look-up never answered."""
        if not self.after_ms:
            return None
        times = [LONGEST_MS if each is None else each for each in self.after_ms]
        return Delay(look_up, median_low(times), max(times), len(times), self.after_ms.count(None))


async def order_delays(trader: ProbeTrader, samples: int) -> tuple[Delay, ...]:
    """Measures resting orders, one after another. A look-up that the venue does not offer is left out."""
    shown: dict[str, Shown] = {}
    for _ in range(samples):
        placed = await trader.place(trader.far())
        answered_ms = trader.timer.now_ms()
        look_ups = _look_ups(trader, placed)
        times = await asyncio.gather(*(shown_after_ms(shows, answered_ms, trader) for shows in look_ups.values()))
        for name, time in zip(look_ups, times, strict=True):
            if not isinstance(time, NotOffered):
                shown.setdefault(name, Shown()).after_ms.append(time)
        await trader.take_down(placed.exchange_order_id)
    return delays_of(shown)


async def trade_delays(trader: ProbeTrader, filled: VenueOrder, answered_ms: int) -> tuple[Delay, ...]:
    """Measures the trades of an order that was filled when its place was answered."""
    number, since_ms = filled.exchange_order_id, trader.clock.venue_ms() - _HOUR_MS

    async def among_trades() -> bool:
        trades = await trader.venue.trades_after(trader.symbol, TradeCursor("", since_ms))
        return any(trade.exchange_order_id == number for trade in trades)

    async def of_the_order() -> bool:
        return bool(await trader.venue.trades_of_order(trader.symbol, number))

    look_ups: dict[str, Shows] = {"trades": among_trades, "trades of the order": of_the_order}
    times = await asyncio.gather(*(shown_after_ms(shows, answered_ms, trader) for shows in look_ups.values()))
    found = zip(look_ups, times, strict=True)
    return delays_of({name: Shown([time]) for name, time in found if not isinstance(time, NotOffered)})


class NotOffered:
    """The venue, or ccxt, does not have this look-up."""


async def shown_after_ms(shows: Shows, answered_ms: int, trader: ProbeTrader) -> int | NotOffered | None:
    """Returns when the first look-up that shows the order began; None if none did within LONGEST_MS.

    The beginning counts, because the rule for evidence depends on when a look-up began.
    """
    timer = trader.timer
    pause_ms = _FIRST_PAUSE_MS
    while (asked_ms := timer.now_ms() - answered_ms) <= LONGEST_MS:
        try:
            if await shows():
                return asked_ms
        except ReadFailedError as error:
            if error.blocked_until_ms:
                raise NoMeasurementError(str(error)) from error
            if str(error).startswith("NotSupported"):
                return NotOffered()
        trader.go_on()
        await timer.pause(pause_ms)
        pause_ms = min(2 * pause_ms, _LONGEST_PAUSE_MS)
    return None


def delays_of(shown: dict[str, Shown]) -> tuple[Delay, ...]:
    """Returns the delay of each look-up that answered."""
    return tuple(delay for name, each in shown.items() if (delay := each.delay(name)) is not None)


def lag_ms(delays: Sequence[Delay]) -> int:
    """Returns twice the worst sample. It is only a sample; the executor never goes below its own default."""
    return 2 * max((delay.worst_ms for delay in delays), default=0)


def _look_ups(trader: ProbeTrader, placed: VenueOrder) -> dict[str, Shows]:
    venue, symbol = trader.venue, trader.symbol
    name, number = placed.client_order_id, placed.exchange_order_id
    now_ms = trader.clock.venue_ms()

    async def by_client_id() -> bool:
        return await venue.order_by_client_id(symbol, name) is not None

    async def by_id() -> bool:
        return await venue.order_by_id(symbol, number) is not None

    async def open_orders() -> bool:
        return any(order.exchange_order_id == number for order in await venue.open_orders(symbol))

    async def history() -> bool:
        orders = await venue.orders_between(symbol, now_ms - _HOUR_MS, now_ms + _HOUR_MS)
        return any(order.exchange_order_id == number for order in orders)

    return {"client id": by_client_id, "exchange id": by_id, "open orders": open_orders, "history": history}
