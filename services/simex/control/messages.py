"""Converts orders, trades and balances of the book to the control RPC's messages, numbers without loss."""

from decimal import Decimal

from gridsim.orders import Order, Side, Trade
from gridwright.v1 import models_pb2, simex_pb2
from simex.exchange.rows import StoredBalance

SIDES = {Side.BUY: models_pb2.SIDE_BUY, Side.SELL: models_pb2.SIDE_SELL}


def plain(value: Decimal) -> str:
    """A number in full, without an exponent or trailing zeros."""
    return f"{value.normalize():f}"


def true_order(order: Order) -> simex_pb2.TrueOrder:
    """An order with all its transitions."""
    return simex_pb2.TrueOrder(
        symbol=order.symbol,
        client_order_id=order.client_order_id,
        exchange_order_id=str(order.order_id),
        side=SIDES[order.side],
        price=plain(order.price),
        quantity=plain(order.quantity),
        executed=plain(order.executed),
        status=order.status.value,
        transitions=[
            simex_pb2.OrderTransition(time_ms=each.time_ms, status=each.status.value, cause=each.cause)
            for each in order.transitions
        ],
        account=order.account,
        type=order.type.value,
        stop_price=plain(order.stop_price),
        order_list_id=order.list_id,
    )


def true_trade(trade: Trade) -> simex_pb2.TrueTrade:
    """A trade of an account."""
    return simex_pb2.TrueTrade(
        symbol=trade.symbol,
        trade_id=str(trade.trade_id),
        exchange_order_id=str(trade.order_id),
        client_order_id=trade.client_order_id,
        side=SIDES[trade.side],
        fill=models_pb2.Fill(
            trade_id=str(trade.trade_id),
            price=plain(trade.price),
            quantity=plain(trade.quantity),
            fee=plain(trade.commission),
            fee_asset=trade.commission_asset,
            maker=trade.maker,
        ),
        time_ms=trade.time_ms,
        account=trade.account,
    )


def true_balance(stored: StoredBalance) -> simex_pb2.TrueBalance:
    """A balance, its initial value, and later deposits."""
    balance = stored.balance
    return simex_pb2.TrueBalance(
        asset=balance.asset,
        free=plain(balance.free),
        locked=plain(balance.locked),
        at_start=plain(stored.at_start),
        account=stored.account,
        deposited=plain(stored.deposited),
    )
