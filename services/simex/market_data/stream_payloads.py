"""Events of the public websocket streams, field for field as Binance's.

Trades and quotes, which come in thousands, are built directly as text.
"""

from collections.abc import Iterable

from gridsim.book import Book
from gridsim.orders import Side
from gridsim.outcome import Print
from simex.market_data.book import BookUpdate
from simex.market_data.market import Kline
from simex.market_data.payloads import rows
from simex.market_data.ticker_payloads import book_ticker
from simex.protocol.formats import Json, amount, market_id
from simex.protocol.kline_intervals import Interval


def trades(market: str, prints: Iterable[Print], now_ms: int) -> list[str]:
    """`<symbol>@trade`."""
    head = f'{{"e":"trade","E":{now_ms},"s":"{market}","t":'
    return [
        f'{head}{it.trade_id},"p":"{amount(it.price)}","q":"{amount(it.quantity)}","T":{it.time_ms},{_maker(it)}'
        for it in prints
    ]


def aggregate_trades(market: str, prints: Iterable[Print], now_ms: int) -> list[str]:
    """`<symbol>@aggTrade`; every print is an aggregate of its own."""
    head = f'{{"e":"aggTrade","E":{now_ms},"s":"{market}","a":'
    return [
        f'{head}{it.trade_id},"p":"{amount(it.price)}","q":"{amount(it.quantity)}","f":{it.trade_id},'
        f'"l":{it.trade_id},"T":{it.time_ms},{_maker(it)}'
        for it in prints
    ]


def best_quotes(book: Book, update_id: int) -> Json:
    """`<symbol>@bookTicker`; on the spot market it carries no time."""
    quotes = book_ticker(book)
    return {
        "u": update_id,
        "s": quotes["symbol"],
        "b": quotes["bidPrice"],
        "B": quotes["bidQty"],
        "a": quotes["askPrice"],
        "A": quotes["askQty"],
    }


def depth_update(symbol: str, it: BookUpdate, now_ms: int) -> Json:
    """`<symbol>@depth`: the price levels that an update changed, with their new quantities."""
    return {
        "e": "depthUpdate",
        "E": now_ms,
        "s": market_id(symbol),
        "U": it.first_id,
        "u": it.last_id,
        "b": rows(it.bids),
        "a": rows(it.asks),
    }


def kline(symbol: str, it: Kline, interval: Interval, now_ms: int) -> Json:
    """`<symbol>@kline_<interval>`; closed once the venue's clock has reached its end."""
    candle = it.candle
    return {
        "e": "kline",
        "E": now_ms,
        "s": market_id(symbol),
        "k": {
            "t": candle.opened_ms,
            "T": it.end_ms - 1,
            "s": market_id(symbol),
            "i": interval.name,
            "f": candle.first_trade_id,
            "L": candle.last_trade_id,
            "o": amount(candle.open),
            "c": amount(candle.close),
            "h": amount(candle.high),
            "l": amount(candle.low),
            "v": amount(candle.volume),
            "n": candle.trades,
            "x": now_ms >= it.end_ms,
            "q": amount(candle.quote_volume),
            "V": amount(candle.buy_volume),
            "Q": amount(candle.buy_quote_volume),
            "B": "0",
        },
    }


def average_price(symbol: str, it: Json, now_ms: int) -> Json:
    """`<symbol>@avgPrice`."""
    return {
        "e": "avgPrice",
        "E": now_ms,
        "s": market_id(symbol),
        "i": f"{it['mins']}m",
        "w": it["price"],
        "T": it["closeTime"],
    }


def mini_ticker(it: Json, now_ms: int) -> Json:
    """`<symbol>@miniTicker`, of a day's statistics."""
    return {
        "e": "24hrMiniTicker",
        "E": now_ms,
        "s": it["symbol"],
        "c": it["lastPrice"],
        "o": it["openPrice"],
        "h": it["highPrice"],
        "l": it["lowPrice"],
        "v": it["volume"],
        "q": it["quoteVolume"],
    }


def ticker(it: Json, now_ms: int) -> Json:
    """`<symbol>@ticker`, of the answer to GET ticker/24hr."""
    return {
        "e": "24hrTicker",
        "E": now_ms,
        "s": it["symbol"],
        "p": it["priceChange"],
        "P": it["priceChangePercent"],
        "w": it["weightedAvgPrice"],
        "x": it["prevClosePrice"],
        "c": it["lastPrice"],
        "Q": it["lastQty"],
        "b": it["bidPrice"],
        "B": it["bidQty"],
        "a": it["askPrice"],
        "A": it["askQty"],
        **_extremes(it),
        **_traded(it),
    }


def window_ticker(it: Json, window: str, now_ms: int) -> Json:
    """`<symbol>@ticker_<window>`, of a window's statistics."""
    return {
        "e": f"{window}Ticker",
        "E": now_ms,
        "s": it["symbol"],
        "p": it["priceChange"],
        "P": it["priceChangePercent"],
        **_extremes(it),
        "c": it["lastPrice"],
        "w": it["weightedAvgPrice"],
        **_traded(it),
    }


def _extremes(it: Json) -> Json:
    return {"o": it["openPrice"], "h": it["highPrice"], "l": it["lowPrice"]}


def _traded(it: Json) -> Json:
    return {
        "v": it["volume"],
        "q": it["quoteVolume"],
        "O": it["openTime"],
        "C": it["closeTime"],
        "F": it["firstId"],
        "L": it["lastId"],
        "n": it["count"],
    }


def _maker(it: Print) -> str:
    """A trade's last fields: whether the buyer was the maker, and one that Binance says to ignore."""
    return '"m":true,"M":true}' if it.taker is Side.SELL else '"m":false,"M":true}'
