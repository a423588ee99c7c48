"""What simex sends over websockets, field for field as Binance sends it."""

from collections.abc import Iterable
from decimal import Decimal

from gridsim.account import Balance
from gridsim.book import Book
from gridsim.candles import Candle
from gridsim.exchange import Execution, Print
from gridsim.orders import OrderStatus, Side
from simex.market_payloads import book_ticker, day_ticker
from simex.payloads import SELF_TRADE_PREVENTION, ZERO, Json, amount, market_id


def trade(symbol: str, it: Print, now_ms: int) -> Json:
    """`<symbol>@trade`."""
    return {
        "e": "trade",
        "E": now_ms,
        "s": market_id(symbol),
        "t": it.trade_id,
        "p": amount(it.price),
        "q": amount(it.quantity),
        "T": it.time_ms,
        "m": it.taker is Side.SELL,
        "M": True,
    }


def aggregate_trade(symbol: str, it: Print, now_ms: int) -> Json:
    """`<symbol>@aggTrade`; every print is an aggregate of its own."""
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": market_id(symbol),
        "a": it.trade_id,
        "p": amount(it.price),
        "q": amount(it.quantity),
        "f": it.trade_id,
        "l": it.trade_id,
        "T": it.time_ms,
        "m": it.taker is Side.SELL,
        "M": True,
    }


def best_quotes(book: Book) -> Json:
    """`<symbol>@bookTicker`; on the spot market it carries no time."""
    quotes = book_ticker(book)
    return {
        "u": book.last_trade_id,
        "s": quotes["symbol"],
        "b": quotes["bidPrice"],
        "B": quotes["bidQty"],
        "a": quotes["askPrice"],
        "A": quotes["askQty"],
    }


def mini_ticker(book: Book, day: Candle | None, now_ms: int) -> Json:
    """`<symbol>@miniTicker`."""
    full = day_ticker(book, day, None, now_ms)
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": full["symbol"],
        "c": full["lastPrice"],
        "o": full["openPrice"],
        "h": full["highPrice"],
        "l": full["lowPrice"],
        "v": full["volume"],
        "q": full["quoteVolume"],
    }


def ticker(book: Book, day: Candle | None, last: Print | None, now_ms: int) -> Json:
    """`<symbol>@ticker`."""
    full = day_ticker(book, day, last, now_ms)
    return {
        "e": "24hrTicker",
        "E": now_ms,
        "s": full["symbol"],
        "p": full["priceChange"],
        "P": full["priceChangePercent"],
        "w": full["weightedAvgPrice"],
        "x": full["prevClosePrice"],
        "c": full["lastPrice"],
        "Q": full["lastQty"],
        "b": full["bidPrice"],
        "B": full["bidQty"],
        "a": full["askPrice"],
        "A": full["askQty"],
        "o": full["openPrice"],
        "h": full["highPrice"],
        "l": full["lowPrice"],
        "v": full["volume"],
        "q": full["quoteVolume"],
        "O": full["openTime"],
        "C": full["closeTime"],
        "F": full["firstId"],
        "L": full["lastId"],
        "n": full["count"],
    }


def execution_report(it: Execution, now_ms: int) -> Json:
    """The user stream's `executionReport`."""
    order, fill = it.order, it.trade
    cancelled = it.transition.status is OrderStatus.CANCELED
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": market_id(order.symbol),
        "c": f"simex-cancel-{order.order_id}" if cancelled else order.client_order_id,
        "S": order.side.value,
        "o": order.type.value,
        "f": order.time_in_force.value,
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": ZERO,
        "F": ZERO,
        "g": -1,
        "C": order.client_order_id if cancelled else "",
        "x": _execution_type(it),
        "X": it.transition.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": amount(fill.quantity if fill else Decimal(0)),
        "z": amount(order.executed),
        "L": amount(fill.price if fill else Decimal(0)),
        "n": amount(fill.commission) if fill else "0",
        "N": fill.commission_asset if fill else None,
        "T": it.transition.time_ms,
        "t": fill.trade_id if fill else -1,
        "I": order.order_id * 1000 + len(order.transitions),
        "w": order.is_open,
        "m": fill.maker if fill else False,
        "M": fill is not None,
        "O": order.created_ms,
        "Z": amount(order.executed_quote),
        "Y": amount(fill.price * fill.quantity if fill else Decimal(0)),
        "Q": ZERO,
        "W": order.created_ms,
        "V": SELF_TRADE_PREVENTION,
    }


def account_position(balances: Iterable[Balance], time_ms: int, now_ms: int) -> Json:
    """The user stream's `outboundAccountPosition`: the balances that an execution may have changed."""
    return {
        "e": "outboundAccountPosition",
        "E": now_ms,
        "u": time_ms,
        "B": [{"a": each.asset, "f": amount(each.free), "l": amount(each.locked)} for each in balances],
    }


def _execution_type(it: Execution) -> str:
    if it.trade is not None:
        return "TRADE"
    status = it.transition.status
    return "EXPIRED" if status is OrderStatus.EXPIRED_IN_MATCH else str(status.value)
