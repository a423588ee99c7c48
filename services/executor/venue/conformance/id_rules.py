"""Measures a venue's rules for client ids: a repeated id, and the accepted lengths and characters."""

import string
from collections.abc import AsyncIterator, Iterable

from executor.venue.conformance.probe_trader import ProbeTrader
from executor.venue.port import DuplicateError, RefusedError, VenueError, VenueOrder
from executor.venue.profile import ClientIds, Repeat
from gridcore.model.ids import LENGTH

LENGTHS = (1, 8, 16, 20, 24, 28, 32, 36, 40, 48, 64)
"""Lengths to try first; the longest is then narrowed down."""

_RANGES = {"A-Z": string.ascii_uppercase, "a-z": string.ascii_lowercase, "0-9": string.digits}
_SINGLES = "_-.:/"


async def repeated_while_open(trader: ProbeTrader) -> Repeat | None:
    """Returns the result of a second order with the id of an open one."""
    first = await trader.place(trader.far())
    answer = await repeat(trader, first)
    await trader.take_down(first.exchange_order_id)
    return answer


async def repeated_after_cancel(trader: ProbeTrader) -> Repeat | None:
    """Returns the result of an order with the id of a cancelled one, None if the cancel failed."""
    first = await trader.place(trader.far())
    return await repeat(trader, first) if await trader.take_down(first.exchange_order_id) else None


async def repeat(trader: ProbeTrader, first: VenueOrder) -> Repeat | None:
    """Sends an order with the first one's id. Returns None if its outcome is unknown."""
    try:
        second = await trader.place(trader.far(first.client_order_id))
    except (DuplicateError, RefusedError):
        return Repeat.REFUSED
    except VenueError:
        return None
    if second.exchange_order_id == first.exchange_order_id:
        return Repeat.RETURNS_FIRST
    await trader.take_down(second.exchange_order_id)
    return Repeat.ACCEPTED


async def client_ids(trader: ProbeTrader) -> ClientIds | None:
    """Returns the accepted lengths and characters, None if nothing is accepted."""
    taken = [length async for length in _taken_lengths(trader, LENGTHS)]
    if not taken:
        return None
    longest = await _longest(trader, taken[-1])
    usual = LENGTH if LENGTH in taken else taken[-1]
    words = [word async for word in _taken_words(trader, usual)]
    return ClientIds(taken[0], longest, " ".join(words))


async def _taken_lengths(trader: ProbeTrader, lengths: Iterable[int]) -> AsyncIterator[int]:
    for length in lengths:
        if await _takes(trader, trader.names.spell(length)):
            yield length


async def _longest(trader: ProbeTrader, taken: int) -> int:
    """Returns the longest accepted length, by bisection up to the next length that was tried."""
    refused = next((length for length in LENGTHS if length > taken), taken + 1)
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if await _takes(trader, trader.names.spell(middle)):
            taken = middle
        else:
            refused = middle
    return taken


async def _taken_words(trader: ProbeTrader, length: int) -> AsyncIterator[str]:
    for word, letters in _RANGES.items():
        if await _takes(trader, trader.names.spell(length, letters)):
            yield word
    for character in _SINGLES:
        if await _takes(trader, trader.names.holding(character, length)):
            yield character


async def _takes(trader: ProbeTrader, name: str) -> bool:
    """Returns whether an order with this id rests and is reported with exactly this id."""
    try:
        placed = await trader.place(trader.far(name))
    except VenueError:
        return False
    seen = placed if placed.client_order_id else await trader.venue.order_by_id(trader.symbol, placed.exchange_order_id)
    await trader.take_down(placed.exchange_order_id)
    return seen is not None and seen.client_order_id == name
