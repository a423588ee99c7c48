"""Algo orders: when a stop, a take-profit or a trailing order is triggered. Pure functions.

Source: faqs/trailing-stop-faq.md of binance/binance-spot-api-docs, July 2026.
"""

from dataclasses import replace
from decimal import Decimal

from gridsim.orders import NewOrder, Order, OrderType, Side

_BASIS_POINTS = Decimal(10_000)
_STOPS = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})


def waits_above(kind: OrderType, side: Side) -> bool:
    """Whether the order's stop price is above the market: stops of a buy and take-profits of a sell."""
    return (kind in _STOPS) is (side is Side.BUY)


def meets_stop(order: Order | NewOrder, price: Decimal) -> bool:
    """Whether the last price has reached the order's stop price; always true for an order without a stop price."""
    if not order.stop_price:
        return True
    return price >= order.stop_price if waits_above(order.type, order.side) else price <= order.stop_price


def tracked(order: Order, price: Decimal, time_ms: int) -> Order:
    """Returns the order after a trade: a trailing order starts to track or records a better price; others unchanged."""
    if not order.trailing_delta:
        return order
    if not order.trailing_ms:
        return replace(order, trailing_ms=time_ms, extreme=price) if meets_stop(order, price) else order
    better = price > order.extreme if order.side is Side.SELL else price < order.extreme
    return replace(order, extreme=price) if better else order


def is_due(order: Order, price: Decimal) -> bool:
    """Whether a waiting order is triggered at the last price."""
    if not order.trailing_delta:
        return meets_stop(order, price)
    if not order.trailing_ms:
        return False
    distance = order.extreme * order.trailing_delta / _BASIS_POINTS
    return price <= order.extreme - distance if order.side is Side.SELL else price >= order.extreme + distance


def as_new(order: Order) -> NewOrder:
    """Returns the LIMIT or MARKET order that a triggered algo order sends to the book."""
    kind = OrderType.MARKET if order.type.is_market else order.type if not order.type.is_algo else OrderType.LIMIT
    return NewOrder(
        symbol=order.symbol,
        side=order.side,
        type=kind,
        quantity=order.remaining,
        price=order.price,
        time_in_force=order.time_in_force,
        self_trade=order.self_trade,
    )
