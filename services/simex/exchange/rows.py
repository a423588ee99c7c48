"""Converts rows of the book on disk to values and back; the columns are in schema.sql."""

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from sys import intern
from typing import NamedTuple

from gridsim.account import Balance
from gridsim.market import MarketPoint
from gridsim.orders import (
    ListKind,
    Order,
    OrderList,
    OrderStatus,
    OrderType,
    SelfTrade,
    Side,
    TimeInForce,
    Trade,
    Transition,
)
from gridsim.outcome import Execution

Value = str | int


@dataclass(frozen=True, slots=True)
class MarketRow:
    """A market's position and its last ids."""

    symbol: str
    identity: str
    point: MarketPoint
    last_order_id: int
    last_trade_id: int
    running: bool


class StoredBalance(NamedTuple):
    """An account's balance, its initial value, and later deposits."""

    account: str
    balance: Balance
    at_start: Decimal
    deposited: Decimal


def to_balance(row: tuple[Value, ...]) -> StoredBalance:
    """Reads the columns of `balances`."""
    account, asset, free, locked, at_start, deposited = row
    balance = Balance(str(asset), Decimal(free), Decimal(locked))
    return StoredBalance(str(account), balance, Decimal(at_start), Decimal(deposited))


def of_market(row: MarketRow) -> tuple[Value, ...]:
    """The columns of `markets`."""
    point = row.point
    return (
        row.symbol, row.identity, point.events_done, point.market_time_ms, str(point.price), point.taker.value,
        str(point.anchor), row.last_order_id, row.last_trade_id, int(row.running),
    )  # fmt: skip


def to_market(row: tuple[Value, ...]) -> MarketRow:
    """Reads the columns of `markets`."""
    symbol, identity, events, time_ms, price, taker, anchor, order_id, trade_id, running = row
    point = MarketPoint(int(events), int(time_ms), Decimal(price), Side(taker), Decimal(anchor))
    return MarketRow(str(symbol), str(identity), point, int(order_id), int(trade_id), bool(running))


def of_order(order: Order) -> tuple[Value, ...]:
    """The columns of `orders`, except its place in the queue."""
    kind = order.list_kind.value if order.list_kind else ""
    reserved = "" if order.reserved is None else str(order.reserved)
    return (
        order.account, order.symbol, order.order_id, order.client_order_id, order.side.value, order.type.value,
        order.time_in_force.value, str(order.price), str(order.quantity), str(order.executed),
        str(order.executed_quote), order.self_trade.value, str(order.quote_quantity), _number(order.strategy_id),
        _number(order.strategy_type), str(order.stop_price), order.trailing_delta, order.trailing_ms,
        str(order.extreme), int(order.waits), order.working_ms, order.list_id, kind, reserved,
        order.created_ms, int(order.is_open),
    )  # fmt: skip


def to_order(row: tuple[Value, ...], transitions: tuple[Transition, ...]) -> Order:
    """Reads the columns of `orders` up to reserved, with the order's `transitions`."""
    account, symbol, order_id, client_id, side, kind, force, price, quantity, executed, executed_quote, *more = row
    self_trade, quote_quantity, strategy_id, strategy_type, stop, delta, trailing_ms, extreme, *more = more
    waits, working_ms, list_id, list_kind, reserved = more
    return Order(
        account=intern(str(account)),  # few accounts, many orders
        symbol=intern(str(symbol)),
        order_id=int(order_id),
        client_order_id=str(client_id),
        side=Side[str(side)],
        type=OrderType[str(kind)],
        time_in_force=TimeInForce[str(force)],
        price=_amount(str(price)),
        quantity=_amount(str(quantity)),
        executed=_amount(str(executed)),
        executed_quote=_amount(str(executed_quote)),
        self_trade=SelfTrade[str(self_trade)],
        transitions=transitions,
        quote_quantity=_amount(str(quote_quantity)),
        strategy_id=_optional(strategy_id),
        strategy_type=_optional(strategy_type),
        stop_price=_amount(str(stop)),
        trailing_delta=int(delta),
        trailing_ms=int(trailing_ms),
        extreme=_amount(str(extreme)),
        waits=bool(waits),
        working_ms=int(working_ms),
        list_id=int(list_id),
        list_kind=ListKind[str(list_kind)] if list_kind else None,
        reserved=_amount(str(reserved)) if reserved else None,
    )


def of_list(it: OrderList) -> tuple[Value, ...]:
    """The columns of `order_lists`."""
    return (it.list_id, it.kind.value, it.account, it.symbol, it.client_id, it.created_ms, *it.order_ids)


def to_list(row: tuple[Value, ...]) -> OrderList:
    """Reads the columns of `order_lists`."""
    list_id, kind, account, symbol, client_id, created_ms, first, second = row
    ids = (int(first), int(second))
    return OrderList(int(list_id), ListKind[str(kind)], str(account), str(symbol), str(client_id), int(created_ms), ids)


def of_transition(execution: Execution) -> tuple[Value, ...]:
    """The columns of `transitions`."""
    order, step = execution.order, execution.transition
    return (
        order.symbol, order.order_id, len(order.transitions), step.time_ms, step.status.value, step.cause, step.against,
    )  # fmt: skip


def to_transition(row: tuple[Value, ...]) -> Transition:
    """Reads the last four columns of `transitions`."""
    time_ms, status, cause, against = row
    return Transition(int(time_ms), OrderStatus[str(status)], intern(str(cause)), int(against))


def of_trade(trade: Trade) -> tuple[Value, ...]:
    """The columns of `trades`."""
    return (
        trade.account, trade.symbol, trade.trade_id, trade.order_id, trade.client_order_id, trade.side.value,
        str(trade.price), str(trade.quantity), str(trade.commission), trade.commission_asset, int(trade.maker),
        trade.time_ms,
    )  # fmt: skip


def to_trade(row: tuple[Value, ...]) -> Trade:
    """Reads the columns of `trades`."""
    account, symbol, trade_id, order_id, client_id, side, price, quantity, commission, asset, maker, time_ms = row
    return Trade(
        account=str(account),
        symbol=str(symbol),
        trade_id=int(trade_id),
        order_id=int(order_id),
        client_order_id=str(client_id),
        side=Side[str(side)],
        price=Decimal(price),
        quantity=Decimal(quantity),
        commission=Decimal(commission),
        commission_asset=str(asset),
        maker=bool(maker),
        time_ms=int(time_ms),
    )


@lru_cache(maxsize=10_000)
def _amount(text: str) -> Decimal:
    """Parses with a cache: many orders of a book share price or quantity, and most have executed nothing."""
    return Decimal(text)


def _number(value: int | None) -> int:
    """An optional id as a column stores it: no id is below 0."""
    return -1 if value is None else value


def _optional(value: Value) -> int | None:
    return None if int(value) < 0 else int(value)
