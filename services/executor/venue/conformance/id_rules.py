"""What the venue does with client ids: one that is sent again, and which lengths and characters it takes."""

import string
from collections.abc import AsyncIterator, Iterable

from executor.venue.conformance.probe_trader import ProbeTrader
from executor.venue.port import DuplicateError, RefusedError, VenueError, VenueOrder
from executor.venue.profile import ClientIds, Repeat
from gridcore.model.ids import LENGTH

LENGTHS = (1, 8, 16, 20, 24, 28, 32, 36, 40, 48, 64)
"""What is tried first; the longest is then narrowed down."""

_RANGES = {"A-Z": string.ascii_uppercase, "a-z": string.ascii_lowercase, "0-9": string.digits}
_SINGLES = "_-.:/"


async def repeated_while_open(hand: ProbeTrader) -> Repeat | None:
    """What comes of a second order with the id of one that rests."""
    first = await hand.place(hand.far())
    answer = await repeat(hand, first)
    await hand.take_down(first.exchange_order_id)
    return answer


async def repeated_after_cancel(hand: ProbeTrader) -> Repeat | None:
    """What comes of one with the id of an order that was cancelled. None where that order does not go."""
    first = await hand.place(hand.far())
    return await repeat(hand, first) if await hand.take_down(first.exchange_order_id) else None


async def repeat(hand: ProbeTrader, first: VenueOrder) -> Repeat | None:
    """Sends an order with the first one's id. None where its outcome is not told."""
    try:
        second = await hand.place(hand.far(first.client_order_id))
    except (DuplicateError, RefusedError):
        return Repeat.REFUSED
    except VenueError:
        return None
    if second.exchange_order_id == first.exchange_order_id:
        return Repeat.RETURNS_FIRST
    await hand.take_down(second.exchange_order_id)
    return Repeat.ACCEPTED


async def client_ids(hand: ProbeTrader) -> ClientIds | None:
    """The lengths and characters that it takes. None where it takes none at all."""
    taken = [length async for length in _taken_lengths(hand, LENGTHS)]
    if not taken:
        return None
    longest = await _longest(hand, taken[-1])
    usual = LENGTH if LENGTH in taken else taken[-1]
    words = [word async for word in _taken_words(hand, usual)]
    return ClientIds(taken[0], longest, " ".join(words))


async def _taken_lengths(hand: ProbeTrader, lengths: Iterable[int]) -> AsyncIterator[int]:
    for length in lengths:
        if await _takes(hand, hand.names.spell(length)):
            yield length


async def _longest(hand: ProbeTrader, taken: int) -> int:
    """Between a length that is taken and the next one that was tried, by halves."""
    refused = next((length for length in LENGTHS if length > taken), taken + 1)
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if await _takes(hand, hand.names.spell(middle)):
            taken = middle
        else:
            refused = middle
    return taken


async def _taken_words(hand: ProbeTrader, length: int) -> AsyncIterator[str]:
    for word, letters in _RANGES.items():
        if await _takes(hand, hand.names.spell(length, letters)):
            yield word
    for character in _SINGLES:
        if await _takes(hand, hand.names.holding(character, length)):
            yield character


async def _takes(hand: ProbeTrader, name: str) -> bool:
    """Whether an order of this id rests, and is told back by exactly this id."""
    try:
        placed = await hand.place(hand.far(name))
    except VenueError:
        return False
    seen = placed if placed.client_order_id else await hand.venue.order_by_id(hand.symbol, placed.exchange_order_id)
    await hand.take_down(placed.exchange_order_id)
    return seen is not None and seen.client_order_id == name
