"""Provokes refusals one by one, and records what they look like and how the executor reads them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from executor.venue.conformance.probe_trader import ProbeTrader, Send
from executor.venue.port import DuplicateError, RefusedError, UnknownOrderError, VenueError
from executor.venue.profile import RefusalSeen
from gridcore.model.actions import PlaceOrder
from gridcore.model.ids import LENGTH
from gridcore.model.orders import OrderType

_AHEAD_MS = 3_000
_LATE_MS = 60_000


@dataclass(frozen=True, slots=True)
class MalformedOrder:
    """Ways of sending that the executor never uses."""

    off_tick: Send
    unknown_symbol: Send
    wrong_secret: Send


async def refusals(trader: ProbeTrader, bent: MalformedOrder, conceal: Callable[[str], str]) -> tuple[RefusalSeen, ...]:
    """Yields all refusals in this order. `conceal` removes the account's keys from a text."""
    return tuple([seen async for seen in _each(trader, bent, conceal)])


async def _each(trader: ProbeTrader, bent: MalformedOrder, conceal: Callable[[str], str]) -> AsyncIterator[RefusalSeen]:
    cost, now_ms = trader.cost, trader.clock.venue_ms
    places: dict[str, tuple[PlaceOrder, Send | None, int | None]] = {
        "insufficient balance": (replace(trader.far(), quantity=cost.too_much), None, None),
        "price off the tick": (trader.far(), bent.off_tick, None),
        "LIMIT_MAKER that would trade": (replace(trader.crossing(), type=OrderType.LIMIT_MAKER), None, None),
        "unknown symbol": (trader.far(), bent.unknown_symbol, None),
        "wrong signature": (trader.far(), bent.wrong_secret, None),
        "signed a minute ago": (trader.far(), None, now_ms() - _LATE_MS),
        "signed 3 s ahead": (trader.far(), None, now_ms() + _AHEAD_MS),
    }
    if cost.too_little is not None:
        places["below min notional"] = (replace(trader.far(), quantity=cost.too_little), None, None)
    for provoked, (order, send, timestamp_ms) in places.items():
        yield await _seen(provoked, _place(trader, order, send, timestamp_ms), conceal)
    yield await _seen("cancel of an unknown order", _cancel_nothing(trader), conceal)
    yield await _seen("cancel of a cancelled order", _cancel_twice(trader), conceal)


async def _seen(provoked: str, act: Awaitable[None], conceal: Callable[[str], str]) -> RefusalSeen:
    try:
        await act
    except VenueError as error:
        kind, _, text = conceal(str(error)).partition(": ")
        return RefusalSeen(provoked, kind, read_as(error), text)
    return RefusalSeen(provoked, "", "ACCEPTED", "")


def read_as(error: VenueError) -> str:
    """Returns the executor's classification of the error."""
    match error:
        case RefusedError():
            return error.reason.value
        case DuplicateError():
            return "DUPLICATE"
        case UnknownOrderError():
            return "UNKNOWN_ORDER"
        case _:
            return "UNKNOWN"


async def _place(trader: ProbeTrader, order: PlaceOrder, send: Send | None, timestamp_ms: int | None) -> None:
    placed = await trader.place(order, send, timestamp_ms)
    await trader.take_down(placed.exchange_order_id)


async def _cancel_nothing(trader: ProbeTrader) -> None:
    await trader.venue.cancel(trader.symbol, trader.names.spell(LENGTH), "", trader.clock.venue_ms())


async def _cancel_twice(trader: ProbeTrader) -> None:
    placed = await trader.place(trader.far())
    await trader.take_down(placed.exchange_order_id)
    await trader.venue.cancel(trader.symbol, placed.client_order_id, placed.exchange_order_id, trader.clock.venue_ms())
