"""What a command or a market event did: the changes of orders and balances, and what the public sees of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gridsim.account import Balance
from gridsim.market import Level
from gridsim.orders import Order, OrderList, Side, Trade, Transition


@dataclass(frozen=True, slots=True)
class Execution:
    """A change of one order, and the balances that it may have changed: both assets', and that of a fee's third one.

    `prevented` is what it would have traded with another order of its account, `cancel_id` the name of its cancel.
    """

    order: Order
    transition: Transition
    balances: tuple[Balance, ...]
    trade: Trade | None = None
    prevented: Level | None = None
    cancel_id: str = ""


@dataclass(frozen=True, slots=True)
class Print:
    """A trade as the public sees it."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    taker: Side
    time_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command or a market event did, in the order in which it happened; `quoted`: the others quoted anew.

    `ahead` are the orders that have moved in the queue, by id: what of the others still trades before each. `tracked`
    are trailing orders that have seen a better price, after all of their executions. `lists` are new order lists.
    """

    executions: tuple[Execution, ...]
    prints: tuple[Print, ...] = ()
    quoted: bool = False
    ahead: Mapping[int, Decimal] = field(default_factory=dict[int, Decimal])
    tracked: Mapping[int, Order] = field(default_factory=dict[int, Order])
    lists: tuple[OrderList, ...] = ()
