"""Answers about prices, for REST and streams: last prices, best quotes, rolling statistics."""

from decimal import Decimal

from gridsim.book import Book
from gridsim.candles import Candle
from gridsim.orders import Side
from gridsim.outcome import Print
from simex.protocol.formats import STEP, ZERO, Json, amount, market_id

_MINI = (
    "symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime", "closeTime",
    "firstId", "lastId", "count",
)  # fmt: skip


def price_ticker(symbol: str, price: Decimal) -> Json:
    """GET ticker/price."""
    return {"symbol": market_id(symbol), "price": amount(price)}


def book_ticker(book: Book) -> Json:
    """GET ticker/bookTicker."""
    bid, ask = next(book.levels(Side.BUY), None), next(book.levels(Side.SELL))
    return {
        "symbol": market_id(book.rules.symbol),
        "bidPrice": amount(bid.price) if bid else ZERO,
        "bidQty": amount(bid.quantity) if bid else ZERO,
        "askPrice": amount(ask.price),
        "askQty": amount(ask.quantity),
    }


def average_price(traded: Candle, last: Print | None) -> Json:
    """GET avgPrice, of what was traded in the last five minutes."""
    return {"mins": 5, "price": amount(_average(traded)), "closeTime": last.time_ms if last else 0}


def statistics(symbol: str, window: Candle, opened_ms: int, closed_ms: int) -> Json:
    """GET ticker: a window's statistics."""
    change = window.close - window.open
    return {
        "symbol": market_id(symbol),
        "priceChange": amount(change),
        "priceChangePercent": f"{change / window.open * 100:.3f}",
        "weightedAvgPrice": amount(_average(window)),
        "openPrice": amount(window.open),
        "highPrice": amount(window.high),
        "lowPrice": amount(window.low),
        "lastPrice": amount(window.close),
        "volume": amount(window.volume),
        "quoteVolume": amount(window.quote_volume),
        "openTime": opened_ms,
        "closeTime": closed_ms,
        "firstId": window.first_trade_id,
        "lastId": window.last_trade_id,
        "count": window.trades,
    }


def mini(statistics: Json) -> Json:
    """Statistics with `type=MINI`."""
    return {key: statistics[key] for key in _MINI}


def day_ticker(book: Book, statistics: Json, before: Decimal | None, last: Print | None) -> Json:
    """GET ticker/24hr: the statistics of a day, and the best quotes. `before` is the last price before that day."""
    told = dict(statistics)
    head = {key: told.pop(key) for key in ("symbol", "priceChange", "priceChangePercent", "weightedAvgPrice")}
    return {
        **head,
        "prevClosePrice": told["openPrice"] if before is None else amount(before),
        "lastPrice": told.pop("lastPrice"),
        "lastQty": amount(last.quantity) if last else ZERO,
        **{key: value for key, value in book_ticker(book).items() if key != "symbol"},
        **told,
    }


def _average(traded: Candle) -> Decimal:
    return (traded.quote_volume / traded.volume).quantize(STEP) if traded.volume else traded.close
