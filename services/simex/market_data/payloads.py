"""REST answers about markets, key for key as Binance's: public trades, depth, klines."""

from itertools import islice

from gridsim.candles import Candle
from gridsim.orders import Side
from gridsim.outcome import Print
from simex.market_data.book import Levels, PublicBook
from simex.protocol.formats import Json, amount


def public_trade(it: Print) -> Json:
    """GET trades."""
    return {
        "id": it.trade_id,
        "price": amount(it.price),
        "qty": amount(it.quantity),
        "quoteQty": amount(it.price * it.quantity),
        "time": it.time_ms,
        "isBuyerMaker": it.taker is Side.SELL,
        "isBestMatch": True,
    }


def aggregate_trade(it: Print) -> Json:
    """GET aggTrades; every print is an aggregate of its own."""
    return {
        "a": it.trade_id,
        "p": amount(it.price),
        "q": amount(it.quantity),
        "f": it.trade_id,
        "l": it.trade_id,
        "T": it.time_ms,
        "m": it.taker is Side.SELL,
        "M": True,
    }


def depth(book: PublicBook, limit: int) -> Json:
    """GET depth, and the partial depth streams."""
    return {
        "lastUpdateId": book.update_id,
        "bids": rows(book.levels(Side.BUY), limit),
        "asks": rows(book.levels(Side.SELL), limit),
    }


def rows(levels: Levels, limit: int | None = None) -> list[list[str]]:
    """Price and quantity of each level."""
    return [[amount(price), amount(quantity)] for price, quantity in islice(levels.items(), limit)]


def kline(it: Candle, end_ms: int) -> list[object]:
    """GET klines: one row. `end_ms` is when the next one opens."""
    return [
        it.opened_ms,
        amount(it.open),
        amount(it.high),
        amount(it.low),
        amount(it.close),
        amount(it.volume),
        end_ms - 1,
        amount(it.quote_volume),
        it.trades,
        amount(it.buy_volume),
        amount(it.buy_quote_volume),
        "0",
    ]
