"""An exchange's records of orders, in Binance's terms: orders, their transitions, and the trades that fill them."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum


class Side(Enum):
    """Side of an order, or of a trade's taker."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def opposite(self) -> "Side":
        """The opposite side, which it trades with."""
        return Side.SELL if self is Side.BUY else Side.BUY

    def reaches(self, limit: Decimal, price: Decimal) -> bool:
        """Whether an order of this side with that limit trades at the price."""
        return limit >= price if self is Side.BUY else limit <= price

    def is_better(self, price: Decimal, other: Decimal) -> bool:
        """Whether a price of this side trades before the other price."""
        return price > other if self is Side.BUY else price < other


class OrderType(Enum):
    """Order types. LIMIT_MAKER is refused if it would trade at once; MARKET has no price and never rests.

    The others are algo orders: they wait for a price, then become a MARKET order or, with _LIMIT, a LIMIT order.
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
        """Whether it waits for a price before it goes to the book."""
        return self in _ALGO

    @property
    def is_market(self) -> bool:
        """Whether it has no price of its own."""
        return self in _MARKET


_ALGO = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT})
_MARKET = frozenset({OrderType.MARKET, OrderType.STOP_LOSS, OrderType.TAKE_PROFIT})


class ListKind(Enum):
    """Kind of an order list: one order cancels the other (OCO), or one triggers the other (OTO)."""

    OCO = "OCO"
    OTO = "OTO"


class TimeInForce(Enum):
    """What happens to the part that does not trade at once: it rests (GTC), expires (IOC), or all expires (FOK)."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class SelfTrade(Enum):
    """Self-trade prevention: which order expires first if a new order would trade with one of its own account."""

    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    NONE = "NONE"


class OrderStatus(Enum):
    """Order status. EXPIRED_IN_MATCH: it would have traded with an order of its own account (self-trade prevention).
    PENDING_NEW: it waits until another order of its list is filled.
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

# The order's state machine. A status that is no key here is final.
FOLLOWS: dict[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING_NEW: _ENDS | {OrderStatus.NEW},
    OrderStatus.NEW: _TRADES | _ENDS | {OrderStatus.NEW},  # again: an algo order is triggered
    OrderStatus.PARTIALLY_FILLED: _TRADES | _ENDS,
}


@dataclass(frozen=True, slots=True)
class NewOrder:
    """Request for an order. `price` is the limit, zero for MARKET. Without `client_order_id` the exchange chooses one.

    `quote_quantity` is what `quantity` was computed from, otherwise zero; the two strategy fields are the owner's
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
    """Request for two orders at once. In an OCO the first rests or takes a profit and the second is the stop; in an OTO
    the first is the working order.
    """

    kind: ListKind
    orders: tuple[NewOrder, NewOrder]
    client_id: str = ""


@dataclass(frozen=True, slots=True)
class OrderList:
    """Two orders that depend on each other; in an OTO the first is working and the second pending."""

    list_id: int
    kind: ListKind
    account: str
    symbol: str
    client_id: str
    created_ms: int
    order_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Transition:
    """Status change of an order: when (venue clock, Unix ms), the status reached, and why."""

    time_ms: int
    status: OrderStatus
    cause: str
    against: int = 0  # EXPIRED_IN_MATCH: the order of its own account that it would have traded with


@dataclass(frozen=True, slots=True)
class Trade:
    """Fill of one of our orders. The commission is what the account did not receive, base on a buy and quote on a sell,
    or what it paid in a discount's asset. `commission_asset` empty: the venue reports none.

    If two of our orders trade with each other there are two trades with one id.
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
    """Order that the exchange has accepted. `executed` is in base, `executed_quote` in quote; both only increase.

    `waits`: it is not on the book yet; it waits for a price or for another order. `working_ms`: since when it is on
    the book, if not from the beginning. `trailing_ms`, `extreme`: since when a trailing order tracks, and the best
    price since then. `reserved`: what it holds while it waits, if another order of its list holds the rest.
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
        """Latest status."""
        return self.transitions[-1].status

    @property
    def is_open(self) -> bool:
        """Whether it can still trade."""
        return self.status in FOLLOWS

    @property
    def remaining(self) -> Decimal:
        """Quantity not traded yet, in base."""
        return self.quantity - self.executed

    @property
    def created_ms(self) -> int:
        """When the exchange accepted it."""
        return self.transitions[0].time_ms

    @property
    def updated_ms(self) -> int:
        """When it last changed."""
        return self.transitions[-1].time_ms

    def moved(self, transition: Transition) -> "Order":
        """Returns the order one transition later. Raises ValueError if the state machine has no such transition."""
        if transition.status not in FOLLOWS.get(self.status, frozenset()):
            raise ValueError(f"order {self.order_id} cannot go from {self.status.value} to {transition.status.value}")
        return replace(self, transitions=(*self.transitions, transition))

    def filled(self, price: Decimal, quantity: Decimal, time_ms: int, cause: str) -> "Order":
        """Returns the order after it traded `quantity` at `price`."""
        executed = self.executed + quantity
        status = OrderStatus.FILLED if executed == self.quantity else OrderStatus.PARTIALLY_FILLED
        moved = self.moved(Transition(time_ms, status, cause))
        return replace(moved, executed=executed, executed_quote=self.executed_quote + price * quantity)
