"""What simex answers about markets over REST, key for key as Binance answers it: rules, prices, the public's trades."""

from collections.abc import Iterable

from gridsim.book import Book
from gridsim.candles import Candle
from gridsim.exchange import Print
from gridsim.market import Level
from gridsim.orders import Side
from gridsim.rules import PERCENT_DOWN, PERCENT_UP, SymbolRules
from simex.payloads import SELF_TRADE_PREVENTION, STEP, ZERO, Json, amount, market_id


def exchange_info(rules: Iterable[SymbolRules], now_ms: int) -> Json:
    """GET exchangeInfo."""
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [_symbol(each) for each in rules],
    }


def _symbol(rules: SymbolRules) -> Json:
    return {
        "symbol": market_id(rules.symbol),
        "status": "TRADING",
        "baseAsset": rules.base,
        "baseAssetPrecision": 8,
        "quoteAsset": rules.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "quoteOrderQtyMarketAllowed": False,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "amendAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(rules),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": SELF_TRADE_PREVENTION,
        "allowedSelfTradePreventionModes": [SELF_TRADE_PREVENTION],
    }


def _filters(rules: SymbolRules) -> list[Json]:
    lots: Json = {
        "minQty": amount(rules.lot_size),
        "maxQty": amount(rules.max_quantity),
        "stepSize": amount(rules.lot_size),
    }
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": amount(rules.tick_size),
            "maxPrice": amount(rules.max_price),
            "tickSize": amount(rules.tick_size),
        },
        {"filterType": "LOT_SIZE"} | lots,
        {"filterType": "MARKET_LOT_SIZE"} | lots,
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": str(PERCENT_UP),
            "bidMultiplierDown": str(PERCENT_DOWN),
            "askMultiplierUp": str(PERCENT_UP),
            "askMultiplierDown": str(PERCENT_DOWN),
            "avgPriceMins": 0,
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": amount(rules.min_notional),
            "applyMinToMarket": True,
            "maxNotional": amount(rules.max_price * rules.max_quantity),
            "applyMaxToMarket": False,
            "avgPriceMins": 0,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": rules.max_orders},
    ]


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


def depth(book: Book, limit: int) -> Json:
    """GET depth."""
    return {
        "lastUpdateId": book.last_trade_id,
        "bids": _side(list(book.levels(Side.BUY))[:limit]),
        "asks": _side(list(book.levels(Side.SELL))[:limit]),
    }


def _side(levels: list[Level]) -> list[list[str]]:
    return [[amount(level.price), amount(level.quantity)] for level in levels]


def price_ticker(book: Book) -> Json:
    """GET ticker/price."""
    return {"symbol": market_id(book.rules.symbol), "price": amount(book.price)}


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


def day_ticker(book: Book, day: Candle | None, last: Print | None, now_ms: int) -> Json:
    """GET ticker/24hr. Without a trade in the last day, the last price stands for every price."""
    opened = day.open if day else book.price
    change = book.price - opened
    average = day.quote_volume / day.volume if day else book.price
    return {
        "symbol": market_id(book.rules.symbol),
        "priceChange": amount(change),
        "priceChangePercent": f"{change / opened * 100:.3f}",
        "weightedAvgPrice": amount(average.quantize(STEP)),
        "prevClosePrice": amount(opened),
        "lastPrice": amount(book.price),
        "lastQty": amount(last.quantity) if last else ZERO,
        **{key: value for key, value in book_ticker(book).items() if key != "symbol"},
        "openPrice": amount(opened),
        "highPrice": amount(day.high if day else book.price),
        "lowPrice": amount(day.low if day else book.price),
        "volume": amount(day.volume) if day else ZERO,
        "quoteVolume": amount(day.quote_volume) if day else ZERO,
        "openTime": day.opened_ms if day else now_ms,
        "closeTime": now_ms,
        "firstId": day.first_trade_id if day else -1,
        "lastId": day.last_trade_id if day else -1,
        "count": day.trades if day else 0,
    }


def kline(it: Candle, interval_ms: int) -> list[object]:
    """GET klines: one row."""
    return [
        it.opened_ms,
        amount(it.open),
        amount(it.high),
        amount(it.low),
        amount(it.close),
        amount(it.volume),
        it.opened_ms + interval_ms - 1,
        amount(it.quote_volume),
        it.trades,
        amount(it.buy_volume),
        amount(it.buy_quote_volume),
        "0",
    ]
