"""Measures whether a signed request is refused once it is older than its recvWindow.

Evidence that an UNKNOWN order was not placed depends on it.
"""

from executor.venue.conformance.probe_trader import ProbeTrader, Send
from executor.venue.port import Refusal, RefusedError, VenueError

AGE_MS = 3_000
LONG_MS, SHORT_MS = 10_000, 1_000


async def requests_expire(trader: ProbeTrader, long_window: Send, short_window: Send) -> bool:
    """Sends the same old request with a window that covers it and with one that does not.

    Returns True only if the first is accepted and the second refused for its time. A venue that ignores the timestamp
    accepts both, one that does not know the parameter refuses both; neither limits how late a request may arrive.
    """
    return await _accepted(trader, long_window) and await _refused_as_late(trader, short_window)


async def _accepted(trader: ProbeTrader, send: Send) -> bool:
    try:
        placed = await trader.place(trader.far(), send, trader.clock.venue_ms() - AGE_MS)
    except VenueError:
        return False
    await trader.take_down(placed.exchange_order_id)
    return True


async def _refused_as_late(trader: ProbeTrader, send: Send) -> bool:
    try:
        placed = await trader.place(trader.far(), send, trader.clock.venue_ms() - AGE_MS)
    except RefusedError as error:
        return error.reason is Refusal.CLOCK_SKEW
    except VenueError:
        return False
    await trader.take_down(placed.exchange_order_id)
    return False
