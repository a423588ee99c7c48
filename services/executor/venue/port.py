"""Interface of a venue: the values that it returns and the meaning of its refusals.

The adapters implement it (`venue.ccxt` here, a fake in gridtesting).
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
    """An order as the venue reports it. `status` is OPEN, FILLED, CANCELED, EXPIRED or REJECTED."""

    symbol: str
    client_order_id: str
    exchange_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: OrderStatus
    created_ms: int = 0  # venue time, 0 if the venue does not report it
    updated_ms: int = 0
    unreadable: str = ""  # why it cannot be parsed; only symbol and ids have a meaning then, if present


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """A trade of the account. Venues report the exchange order id; only some streams carry the client order id."""

    symbol: str
    exchange_order_id: str
    side: Side
    fill: Fill
    time_ms: int
    client_order_id: str = ""
    unreadable: str = ""  # why it cannot be parsed; only symbol, order id and time have a meaning then


@dataclass(frozen=True, slots=True)
class VenueBalance:
    """An asset of the account."""

    asset: str
    free: Decimal
    locked: Decimal


@dataclass(frozen=True, slots=True)
class TradeCursor:
    """Read position in a symbol's trades: after this trade id, or since a time before the first id."""

    after_id: str
    since_ms: int


Hint = VenueOrder | VenueTrade
"""Event of the user stream. It may be lost, duplicated or late, so it only speeds up what the poll would find."""


class Refusal(Enum):
    """Reason of a refusal: those reasons of an ActionResult that come from the venue."""

    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    WOULD_MATCH = "WOULD_MATCH"  # a LIMIT_MAKER order that would have traded at once
    INVALID_ORDER = "INVALID_ORDER"  # steps, minimums, filters
    RATE_LIMITED = "RATE_LIMITED"  # the address: its request weight, or a ban
    ORDER_LIMIT = "ORDER_LIMIT"  # the account's order count: places only
    ORDER_PLACES = "ORDER_PLACES"  # the account's open orders, in the market or in total, are at their maximum
    CLOCK_SKEW = "CLOCK_SKEW"  # the timestamp was outside the venue's window
    KEY_REFUSED = "KEY_REFUSED"
    MARKET_CLOSED = "MARKET_CLOSED"
    SYMBOL_REFUSED = "SYMBOL_REFUSED"  # not listed
    VENUE_UNREACHABLE = "VENUE_UNREACHABLE"  # no connection was made


class VenueError(Exception):
    """Base of the errors of a venue call."""


class RefusedError(VenueError):
    """The venue refused the request, or never received it: nothing happened."""

    def __init__(self, reason: Refusal, message: str, *, blocked_until_ms: int = 0, order_window_ms: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.blocked_until_ms = blocked_until_ms  # local Unix time before which nothing may be sent
        self.order_window_ms = order_window_ms  # for ORDER_LIMIT: the window that is full, 0 if not named


class DuplicateError(VenueError):
    """The venue already has an open order with this client id."""


class UnknownOrderError(VenueError):
    """The venue refused a cancel because it does not show such an open order.

    That does not prove that the order has ended.
    """


class OutcomeUnknownError(VenueError):
    """The request may or may not have been executed: look the order up before sending again."""


class ReadFailedError(VenueError):
    """A read failed; nothing is known and nothing happened. It may be repeated."""

    def __init__(self, message: str, *, blocked_until_ms: int = 0, unpaid: bool = False) -> None:
        super().__init__(message)
        self.blocked_until_ms = blocked_until_ms
        self.unpaid = unpaid  # never sent: no budget had room for it in time


class UnreadableError(ReadFailedError):
    """The venue shows the requested order in a form that cannot be parsed."""

    def __init__(self, order: VenueOrder) -> None:
        super().__init__(f"an order that cannot be read: {order.unreadable}")
        self.order = order


class ClockRefusedError(ReadFailedError):
    """The venue refuses the timestamp of the read. Repeats fail until the clock is set."""


class KeysRefusedError(ReadFailedError):
    """The venue refuses the keys. Repeating does not help, unless the venue itself was wrong."""


class UnknownSymbolError(VenueError):
    """The venue lists none of the symbols, and none was ever traded here: the config must be wrong."""


Books = Mapping[str, list[VenueOrder] | ReadFailedError]
"""By symbol: its open orders, or why they are not known."""


async def books_one_by_one(symbols: tuple[str, ...], ask: Callable[[str], Awaitable[list[VenueOrder]]]) -> Books:
    """Reads the books with single calls, concurrently. Raises their error if all of them fail."""
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

    A list contains readable elements and, marked `unreadable`, the others: one bad element does not hide the rest. A
    read of a single order that cannot be parsed raises UnreadableError.

    KeysRefusedError is raised by signed reads; its message is the venue's own.
    """

    @property
    def markets_interval_ms(self) -> int:
        """How often (ms) the list of markets may be read again; changes are noticed after so long."""
        ...

    @property
    def request_window_ms(self) -> int | None:
        """How long (ms) after its timestamp a request can still be accepted; None if the venue sets no such limit."""
        ...

    @property
    def trade_ids_rise(self) -> bool:
        """Whether a later trade of a symbol always has a higher id."""
        ...

    @property
    def name(self) -> str:
        """Name of the venue for people."""
        ...

    async def connect(self, symbols: tuple[str, ...], *, anew: bool = False) -> Mapping[str, str]:
        """Loads what the venue needs before the first call (markets); with `anew` also if it was loaded before.

        Returns a sentence for each symbol that is not listed, with similar names. The sentence assumes that it never
        was.
        """
        ...

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        """Places an order, signed with the timestamp. Raises RefusedError, DuplicateError or OutcomeUnknownError."""
        ...

    async def cancel(self, symbol: str, client_order_id: str, exchange_order_id: str, timestamp_ms: int) -> None:
        """Cancels by exchange order id, or by client order id if that is empty.

        Raises RefusedError, UnknownOrderError or OutcomeUnknownError.
        """
        ...

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        """Returns the newest order with the client id, None if the venue shows none."""
        ...

    async def order_by_id(self, symbol: str, exchange_order_id: str) -> VenueOrder | None:
        """Returns the order, None if the venue shows none."""
        ...

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        """Returns all open orders of a symbol, foreign ones included."""
        ...

    async def open_orders_of(self, symbols: tuple[str, ...]) -> Books:
        """Returns the open orders of several symbols by the cheapest calls; not a consistent snapshot.

        Raises ReadFailedError if the venue answers for none of them.
        """
        ...

    async def orders_between(self, symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        """Returns every order created in a span of less than 24 hours, ended ones included."""
        ...

    async def order_history(self, symbol: str) -> list[VenueOrder]:
        """Returns every order of the account, foreign ones included, as far back as the venue reports; oldest first."""
        ...

    async def trade_history(self, symbol: str) -> list[VenueTrade]:
        """Returns every trade of the account, as far back as the venue reports; oldest first."""
        ...

    async def trades_after(self, symbol: str, cursor: TradeCursor) -> list[VenueTrade]:
        """Returns every trade of the account after the cursor, oldest first; reads as many pages as needed."""
        ...

    async def trades_of_order(self, symbol: str, exchange_order_id: str) -> list[VenueTrade]:
        """Returns every trade of one order."""
        ...

    async def balances(self) -> list[VenueBalance]:
        """Returns the account's assets that are not zero."""
        ...

    async def market_rules(self, symbol: str) -> MarketRules:
        """Returns steps, minimums, and the account's fees."""
        ...

    def doubt_fees(self, symbol: str) -> None:
        """Marks the symbol's fees as doubtful: fills contradict them, or a grid is refused for them.

        They are re-read soon.
        """
        ...

    async def time_ms(self) -> int:
        """Returns the venue's time."""
        ...

    def set_skew(self, skew_ms: int) -> None:
        """Sets what to add to local time to get the venue's, for requests without a given timestamp."""
        ...

    def weight_of_open_orders(self, count: int) -> int:
        """Returns the request weight of `open_orders_of` for so many symbols."""
        ...

    @property
    def weight_of_trades(self) -> int:
        """Request weight of a page of a symbol's trades."""
        ...

    def pay_from(self, throttle: Throttle) -> None:
        """Makes reads pay here before they are sent, and replies report the venue's counts here."""
        ...

    def hints(self, symbol: str) -> AsyncIterator[Hint]:
        """Streams the user events of a symbol. Raises ReadFailedError when it breaks; events in between are lost."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...
