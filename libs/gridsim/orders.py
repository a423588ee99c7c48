"""What an exchange keeps about orders, in Binance's words: orders, their transitions, and the trades that fill them."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum


class Side(Enum):
    """Of an order, or of a trade's taker."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The side it trades with."""
        return Side.SELL if self is Side.BUY else Side.BUY

    def reaches(self, limit: Decimal, price: Decimal) -> bool:
        """Whether an order of this side with that limit trades at the price."""
        return limit >= price if self is Side.BUY else limit <= price

    def is_better(self, price: Decimal, other: Decimal) -> bool:
        """Whether a price of this side trades before the other one."""
        return price > other if self is Side.BUY else price < other


class OrderType(Enum):
    """LIMIT_MAKER is refused where it would trade at once; MARKET has no price and never rests.

    The others are algo orders: they wait for a price, then they are a MARKET order or, with _LIMIT, a LIMIT order.
    """

    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"

    @property
    def is_algo(self) -> bool:
        """Whether it waits for a price before it works."""
        return self in _ALGO

    @property
    def is_market(self) -> bool:
        """Whether it has no price of its own."""
        return self in _MARKET


_ALGO = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
_MARKET = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})


class ListKind(Enum):
    """How two orders depend on each other: one cancels the other (OCO), or one triggers the other (OTO)."""

    OCO = "OCO"
    OTO = "OTO"


class TimeInForce(Enum):
    """What becomes of the part that does not trade at once: rests (GTC), expires (IOC), or all expires (FOK)."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(Enum):
    """What a new order does where it would trade with an order of its own account: which of the two expires first."""

    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    NONE = "NONE"


class OrderStatus(Enum):
    """EXPIRED_IN_MATCH: it would have traded with an order of its own account (self-trade prevention). PENDING_NEW: it
    waits until another order of its list is filled.
    """

    PENDING_NEW = "PENDING_NEW"
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


_ENDS = frozenset({OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.EXPIRED_IN_MATCH})
_TRADES = frozenset({OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED})

# The order's life. A status that is no key here is an end: nothing follows it.
FOLLOWS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING_NEW: _ENDS | {OrderStatus.NEW},
    OrderStatus.NEW: _TRADES | _ENDS | {OrderStatus.NEW},  # again: an algo order starts to work
    OrderStatus.PARTIALLY_FILLED: _TRADES | _ENDS,
}


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A wish to trade. `price` is the limit, zero for MARKET; `client_order_id` empty lets the exchange choose one.

    `quote_quantity` is what `quantity` was worked out from, zero where it was not; the strategy's two are the owner's
    labels.
    """

    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal = Decimal(0)
    time_in_force: TimeInForce = TimeInForce.GTC
    client_order_id: str = ""
    self_trade: SelfTrade = SelfTrade.EXPIRE_MAKER
    quote_quantity: Decimal = Decimal(0)
    strategy_id: int | None = None
    strategy_type: int | None = None
    stop_price: Decimal = Decimal(0)
    trailing_delta: int = 0


@dataclass(frozen=True, slots=True)
class NewList:
    """A wish for two orders at once. Of an OCO the first is the one that rests or takes a profit, the second the stop;
    of an OTO the first is the working one.
    """

    kind: ListKind
    orders: tuple[NewOrder, NewOrder]
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderList:
    """Two orders that depend on each other; of an OTO the first one works and the second one is pending."""

    list_id: int
    kind: ListKind
    account: str
    symbol: str
    client_id: str
    created_ms: int
    order_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """A moment of an order's life: when (venue clock, Unix ms), the status it reached, and why."""

    time_ms: int
    status: OrderStatus
    cause: str
    against: int = 0  # EXPIRED_IN_MATCH: the order of its own account that it would have traded with


@dataclass(frozen=True, slots=True)
class Trade:
    """A fill of one of our orders. The commission is what the account did not get, base on a buy and quote on a sell,
    or what it paid in a discount's asset. `commission_asset` empty: the venue tells none.

    Where two of our orders trade with each other there are two of them, with one id.
    """

    account: str
    symbol: str
    trade_id: int
    order_id: int
    client_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    commission: Decimal
    commission_asset: str
    maker: bool
    time_ms: int


@dataclass(frozen=True, slots=True)
class Order:
    """An order the exchange has taken. `executed` is in base, `executed_quote` in quote; both only rise.

    `waits`: it is not on the book yet, for a price or for another order. `working_ms`: since when it was on it where
    that was not from the beginning. `trailing_ms`, `extreme`: since when a trailing order tracks, and the best price
    since. `reserved`: what it holds while it waits, where another order of its list holds the rest.
    """

    account: str
    symbol: str
    order_id: int
    client_order_id: str
    side: Side
    type: OrderType
    time_in_force: TimeInForce
    price: Decimal
    quantity: Decimal
    executed: Decimal
    executed_quote: Decimal
    self_trade: SelfTrade
    transitions: tuple[Transition, ...]
    quote_quantity: Decimal = Decimal(0)
    strategy_id: int | None = None
    strategy_type: int | None = None
    stop_price: Decimal = Decimal(0)
    trailing_delta: int = 0  # in basis points
    trailing_ms: int = 0
    extreme: Decimal = Decimal(0)
    waits: bool = False
    working_ms: int = 0
    list_id: int = -1
    list_kind: ListKind | None = None
    reserved: Decimal | None = None

    @property
    def status(self) -> OrderStatus:
        """Where its life has come to."""
        return self.transitions[-1].status

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status in FOLLOWS

    @property
    def remaining(self) -> Decimal:
        """What has not traded, in base."""
        return self.quantity - self.executed

    @property
    def created_ms(self) -> int:
        """When the exchange took it."""
        return self.transitions[0].time_ms

    @property
    def updated_ms(self) -> int:
        """When it last changed."""
        return self.transitions[-1].time_ms

    def moved(self, transition: Transition) -> "Order":
        """The order one transition later. Raises ValueError where its life has no such step."""
        if transition.status not in FOLLOWS.get(self.status, frozenset()):
            raise ValueError(f"order {self.order_id} cannot go from {self.status.value} to {transition.status.value}")
        return replace(self, transitions=(*self.transitions, transition))

    def filled(self, price: Decimal, quantity: Decimal, time_ms: int, cause: str) -> "Order":
        """The order after it traded `quantity` at `price`."""
        executed = self.executed + quantity
        status = OrderStatus.FILLED if executed == self.quantity else OrderStatus.PARTIALLY_FILLED
        moved = self.moved(Transition(time_ms, status, cause))
        return replace(moved, executed=executed, executed_quote=self.executed_quote + price * quantity)
