"""Outcome of a command or a market event: the changes of orders and balances, and what the public sees of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gridsim.account import Balance
from gridsim.market import Level
from gridsim.orders import Order, OrderList, Side, Trade, Transition


@dataclass(frozen=True, slots=True)
class Execution:
    """Change of one order, and the balances that it may have changed: both assets', and that of a third fee asset.

    `prevented` is what it would have traded with another order of its account, `cancel_id` the id of its cancel.
    """

    order: Order
    transition: Transition
    balances: tuple[Balance, ...]
    trade: Trade | None = None
    prevented: Level | None = None
    cancel_id: str = ""


@dataclass(frozen=True, slots=True)
class Print:
    """Public trade."""

    trade_id: int
    price: Decimal
    quantity: Decimal
    taker: Side
    time_ms: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Effects of a command or a market event, in sequence; `quoted`: the others' quotes have changed.

    `ahead`: for each order that has moved in the queue, by id, the others' quantity that still trades before it.
    `tracked`: trailing orders that have seen a better price, after all of their executions. `lists`: new order lists.
    """

    executions: tuple[Execution, ...]
    prints: tuple[Print, ...] = ()
    quoted: bool = False
    ahead: Mapping[int, Decimal] = field(default_factory=dict[int, Decimal])
    tracked: Mapping[int, Order] = field(default_factory=dict[int, Order])
    lists: tuple[OrderList, ...] = ()
