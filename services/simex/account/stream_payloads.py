"""Events of an account's user data stream, field for field as Binance's.

Source: user-data-stream.md of binance/binance-spot-api-docs, July 2026.
"""

from collections.abc import Iterable
from decimal import Decimal

from gridsim.account import Balance
from gridsim.orders import OrderStatus
from gridsim.outcome import Execution
from simex.account.payloads import cancel_id
from simex.exchange.end_reasons import expiry_reason, prevented_match_id
from simex.protocol.formats import ZERO, Json, amount, market_id


def execution_report(it: Execution, now_ms: int) -> Json:
    """`executionReport`: an event in an order's life."""
    order, fill = it.order, it.trade
    cancelled = it.transition.status is OrderStatus.CANCELED
    report: Json = {
        "e": "executionReport",
        "E": now_ms,
        "s": market_id(order.symbol),
        "c": (it.cancel_id or cancel_id(order)) if cancelled else order.client_order_id,
        "S": order.side.value,
        "o": order.type.value,
        "f": order.time_in_force.value,
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": amount(order.stop_price),
        "F": ZERO,
        "g": order.list_id,
        "C": order.client_order_id if cancelled else "",
        "x": _execution_type(it),
        "X": it.transition.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": amount(fill.quantity if fill else Decimal(0)),
        "z": amount(order.executed),
        "L": amount(fill.price if fill else Decimal(0)),
        "n": amount(fill.commission) if fill else "0",
        "N": (fill.commission_asset or None) if fill else None,
        "T": it.transition.time_ms,
        "t": fill.trade_id if fill else -1,
        "I": (order.order_id << 20) + len(order.transitions),
        "w": _is_working(it),
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": order.created_ms,
        "Z": amount(order.executed_quote),
        "Y": amount(fill.price * fill.quantity if fill else Decimal(0)),
        "Q": amount(order.quote_quantity),
        **({} if order.waits else {"W": order.working_ms or order.created_ms}),
        "V": order.self_trade.value,
    }
    return report | _conditional(it)


def _conditional(it: Execution) -> Json:
    """The fields that appear only where they apply."""
    order, fields = it.order, Json()
    if order.trailing_delta:
        fields |= {"d": order.trailing_delta, "D": order.trailing_ms or -1}
    if order.strategy_id is not None:
        fields["j"] = order.strategy_id
    if order.strategy_type is not None:
        fields["J"] = order.strategy_type
    if it.prevented is not None:
        fields |= {
            "v": prevented_match_id(order),
            "A": amount(order.remaining),
            "B": amount(order.remaining),
            "u": -1,
            "U": it.transition.against,
            "Cs": market_id(order.symbol),
            "pl": amount(it.prevented.quantity),
            "pL": amount(it.prevented.price),
            "pY": amount(it.prevented.price * it.prevented.quantity),
        }
    reason = expiry_reason(order)
    return fields | ({"eR": reason} if reason else {})


def account_position(balances: Iterable[Balance], time_ms: int, now_ms: int) -> Json:
    """`outboundAccountPosition`: the balances that may have changed."""
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": time_ms,
        "B": [{"a": each.asset, "f": amount(each.free), "l": amount(each.locked)} for each in balances],
    }


def balance_update(asset: str, change: Decimal, time_ms: int, now_ms: int) -> Json:
    """`balanceUpdate`: a deposit or a withdrawal."""
    return {"e": "balanceUpdate", "E": now_ms, "a": asset, "d": amount(change), "T": time_ms}


def stream_terminated(now_ms: int) -> Json:
    """`eventStreamTerminated`: the subscription has ended."""
    return {"e": "eventStreamTerminated", "E": now_ms}


def _execution_type(it: Execution) -> str:
    if it.trade is not None:
        return "TRADE"
    status = it.transition.status
    if status is OrderStatus.PENDING_NEW:
        return "NEW"
    return "TRADE_PREVENTION" if status is OrderStatus.EXPIRED_IN_MATCH else str(status.value)


def _is_working(it: Execution) -> bool:
    """A MARKET order works until its first trade: it never rests (faqs/market_orders_faq.md)."""
    return it.order.is_open and not it.order.waits and (it.trade is None or not it.order.type.is_market)
