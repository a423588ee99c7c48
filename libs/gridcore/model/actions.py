"""Actions that a plan asks the executor to perform, their results from the ledger, and entries of the update log."""

from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.enums import FastEnum
from gridcore.model.orders import OrderStatus, OrderType, Role, Side


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """Puts a limit order on the book. `price` in quote, `quantity` in base, both on the venue's steps."""

    client_order_id: str
    side: Side
    role: Role
    type: OrderType
    price: Decimal
    quantity: Decimal
    not_after_ms: int  # Unix time in ms after which it is no longer sent
    slot: str  # the slot's key


@dataclass(frozen=True, slots=True)
class CancelOrder:
    """Cancels an order, by its client id and, where it is known, the venue's id."""

    client_order_id: str
    exchange_order_id: str
    slot: str


Action = PlaceOrder | CancelOrder


class Outcome(FastEnum):
    """The ledger's result for an action. Once recorded it never changes."""

    ACCEPTED = "ACCEPTED"  # on the venue, or was and has ended: the update log says which
    REJECTED = "REJECTED"  # the venue refused, nothing happened
    CANCELLED = "CANCELLED"  # the venue took the cancel
    ENDED = "ENDED"  # the cancel found the order already ended
    NOT_SENT = "NOT_SENT"  # never sent and never will be
    EXPIRED = "EXPIRED"  # not sent by its not_after_ms, never will be
    UNKNOWN = "UNKNOWN"  # sent, and its effect is not known yet


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The result of one action. `reason` is a code from a closed list, `message` a sentence for people."""

    index: int
    client_order_id: str
    outcome: Outcome
    exchange_order_id: str = ""
    reason: str = ""
    message: str = ""
    recorded_time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of an order of ours. `fee` is positive and in `fee_asset`."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool


@dataclass(frozen=True, slots=True)
class OrderUpdate:
    """One entry of a symbol's update log. `news` is a fill, or a status: OPEN (found after UNKNOWN) or an ended one."""

    symbol: str
    offset: int  # from 1, without gaps
    client_order_id: str
    exchange_order_id: str
    side: Side
    news: Fill | OrderStatus
    venue_time_ms: int = 0
    recorded_time_ms: int = 0
