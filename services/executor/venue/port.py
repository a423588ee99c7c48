"""What the executor asks of a venue, in our words: the values it answers with and what its refusals mean.

How a venue is spoken to is left to the adapters (`ccxt_venue` here, the fake in gridtesting).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Protocol

from executor.venue.limits.throttle import Throttle
from gridcore.model.actions import Fill, PlaceOrder
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import OrderStatus, Side


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as the venue tells it. `status` is OPEN, FILLED, CANCELED, EXPIRED or REJECTED."""

    symbol: str
    client_order_id: str
    exchange_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: OrderStatus
    created_ms: int = 0  # venue time, 0 where the venue does not say
    updated_ms: int = 0
    unreadable: str = ""  # why it cannot be read; only symbol and ids then mean anything, as far as there are any


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """A trade of the account. Venues tell the order's own id; the client id only some streams carry."""

    symbol: str
    exchange_order_id: str
    side: Side
    fill: Fill
    time_ms: int
    client_order_id: str = ""
    unreadable: str = ""  # why it cannot be read; only symbol, the order's id and the time then mean anything


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """An asset of the account."""

    asset: str
    free: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class TradeCursor:
    """How far a symbol's trades have been read: after this trade id, or since a time where there is none yet."""

    after_id: str
    since_ms: int


Hint = VenueOrder | VenueTrade
"""News of the user stream. It may be lost, doubled or late, so it only hastens what the poll would find."""


class Refusal(Enum):
    """Why a venue refused: the closed list of an ActionResult's reasons that come from the venue."""

    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    WOULD_MATCH = "WOULD_MATCH"  # a LIMIT_MAKER order that would have traded at once
    INVALID_ORDER = "INVALID_ORDER"  # steps, minimums, filters
    RATE_LIMITED = "RATE_LIMITED"  # the address: its request weight, or a ban
    ORDER_LIMIT = "ORDER_LIMIT"  # the account's count of orders: places only
    ORDER_PLACES = "ORDER_PLACES"  # the account's open orders, of the market or of all, are at their maximum
    CLOCK_SKEW = "CLOCK_SKEW"  # the timestamp was out of the venue's window
    KEY_REFUSED = "KEY_REFUSED"
    MARKET_CLOSED = "MARKET_CLOSED"
    SYMBOL_REFUSED = "SYMBOL_REFUSED"  # it is not listed
    VENUE_UNREACHABLE = "VENUE_UNREACHABLE"  # no connection was ever made


class VenueError(Exception):
    """Base of what a call to the venue can end in besides success."""


class RefusedError(VenueError):
    """The venue refused the request, or never got it: nothing happened."""

    def __init__(self, reason: Refusal, message: str, *, blocked_until_ms: int = 0, order_window_ms: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.blocked_until_ms = blocked_until_ms  # local Unix time before which nothing may be sent
        self.order_window_ms = order_window_ms  # of an ORDER_LIMIT: the window that is full, 0 where it is not named


class DuplicateError(VenueError):
    """The venue has an open order with this client id already."""


class UnknownOrderError(VenueError):
    """The venue refused a cancel because it does not show such an open order. That ends nothing by itself."""


class OutcomeUnknownError(VenueError):
    """The request may have been carried out or not: look before you send."""


class ReadFailedError(VenueError):
    """A question got no answer; nothing is known and nothing happened. It may be asked again."""

    def __init__(self, message: str, *, blocked_until_ms: int = 0, unpaid: bool = False) -> None:
        super().__init__(message)
        self.blocked_until_ms = blocked_until_ms
        self.unpaid = unpaid  # it was never sent: no budget had room for it within its patience


class UnreadableError(ReadFailedError):
    """The venue shows the order that was asked for, in a form that cannot be read."""

    def __init__(self, order: VenueOrder) -> None:
        super().__init__(f"an order that cannot be read: {order.unreadable}")
        self.order = order


class ClockRefusedError(ReadFailedError):
    """The question was signed with a time that the venue does not take: asked again it fails until the clock is set."""


class KeysRefusedError(ReadFailedError):
    """The venue does not take the keys. Asking again mends nothing, unless the venue itself was wrong."""


class UnknownSymbolError(VenueError):
    """The venue trades none of the symbols, and never has: the config cannot be right."""


Books = Mapping[str, list[VenueOrder] | ReadFailedError]
"""By symbol: what rests there, or why that is not known."""


async def books_one_by_one(symbols: tuple[str, ...], ask: Callable[[str], Awaitable[list[VenueOrder]]]) -> Books:
    """The books of single calls, side by side. Raises what they raise where none is answered."""
    answers = await asyncio.gather(*(ask(symbol) for symbol in symbols), return_exceptions=True)
    books: dict[str, list[VenueOrder] | ReadFailedError] = {}
    for symbol, answer in zip(symbols, answers, strict=True):
        if isinstance(answer, BaseException) and not isinstance(answer, ReadFailedError):
            raise answer
        books[symbol] = answer
    failed = [answer for answer in books.values() if isinstance(answer, ReadFailedError)]
    if failed and len(failed) == len(books):
        raise failed[0]
    return books


class Venue(Protocol):
    """An exchange account. Times are the venue's Unix milliseconds; reads raise ReadFailedError.

    A list holds what can be read and, marked `unreadable`, what cannot: one element hides no other. Who asks for one
    order that cannot be read gets UnreadableError.

    Of those that only the account's owner may ask, the sentence of a KeysRefusedError is the venue's own.
    """

    @property
    def markets_interval_ms(self) -> int:
        """How often its list of markets may be read again: what it changes there is noticed that soon."""
        ...

    @property
    def request_window_ms(self) -> int | None:
        """How long after its timestamp a request can still be accepted; None where the venue sets no such limit."""
        ...

    @property
    def trade_ids_rise(self) -> bool:
        """Whether a symbol's later trade always has the higher number."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    async def connect(self, symbols: tuple[str, ...], *, anew: bool = False) -> Mapping[str, str]:
        """Loads what the venue needs before the first call (markets); `anew` also where it has been loaded.

        Returns a sentence for each of the symbols that it does not list, as if it never had: what looks alike.
        """
        ...

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        """Places, signed with the timestamp. Raises RefusedError, DuplicateError or OutcomeUnknownError."""
        ...

    async def cancel(self, symbol: str, client_order_id: str, exchange_order_id: str, timestamp_ms: int) -> None:
        """Cancels by the venue's id, or by client id where that is empty.

        Raises RefusedError, UnknownOrderError or OutcomeUnknownError.
        """
        ...

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """The newest order with the client id, None where the venue shows none."""
        ...

    async def order_by_id(self, symbol: str, exchange_order_id: str) -> VenueOrder | None:
        """The order, None where the venue shows none."""
        ...

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        """What rests on the book now, whoever placed it."""
        ...

    async def open_orders_of(self, symbols: tuple[str, ...]) -> Books:
        """What rests on each of these books now, in whichever way costs least; not of one moment.

        Raises ReadFailedError where the venue answers for none of them.
        """
        ...

    async def orders_between(self, symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        """Every order created in a span of less than 24 hours, ended ones included."""
        ...

    async def order_history(self, symbol: str) -> list[VenueOrder]:
        """Every order of the account, whoever placed it, as far back as the venue tells; oldest first."""
        ...

    async def trade_history(self, symbol: str) -> list[VenueTrade]:
        """Every trade of the account, as far back as the venue tells; oldest first."""
        ...

    async def trades_after(self, symbol: str, cursor: TradeCursor) -> list[VenueTrade]:
        """Every trade of the account after the cursor, oldest first, whatever pages that takes."""
        ...

    async def trades_of_order(self, symbol: str, exchange_order_id: str) -> list[VenueTrade]:
        """Every trade of one order."""
        ...

    async def balances(self) -> list[VenueBalance]:
        """The account's assets that are not zero."""
        ...

    async def market_rules(self, symbol: str) -> MarketRules:
        """Steps, minimums, and the account's fees."""
        ...

    def doubt_fees(self, symbol: str) -> None:
        """Fills contradict the symbol's fees, or a grid cannot live with them: they are to be read again soon."""
        ...

    async def time_ms(self) -> int:
        """The venue's clock."""
        ...

    def set_skew(self, skew_ms: int) -> None:
        """What to add to the local clock to get the venue's, for requests whose timestamp is not given."""
        ...

    def weight_of_open_orders(self, count: int) -> int:
        """What `open_orders_of` takes out of the budget for so many symbols."""
        ...

    @property
    def weight_of_trades(self) -> int:
        """What a page of a symbol's trades takes."""
        ...

    def pay_from(self, throttle: Throttle) -> None:
        """From now on reads are paid for here before they are sent, and replies say what the venue has counted."""
        ...

    def hints(self, symbol: str) -> AsyncIterator[Hint]:
        """The user stream of a symbol. Raises ReadFailedError when it breaks; what happened meanwhile is lost."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...
