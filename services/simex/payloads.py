"""What simex answers over REST, key for key as Binance answers it."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from gridsim.account import Balance
from gridsim.book import Book
from gridsim.candles import Candle
from gridsim.exchange import Print
from gridsim.market import Level
from gridsim.orders import Order, Side, Trade
from gridsim.rules import PERCENT_DOWN, PERCENT_UP, SymbolRules

Json = dict[str, object]

SELF_TRADE_PREVENTION = "EXPIRE_MAKER"
_STEP = Decimal("1E-8")
_ZERO = "0.00000000"


def amount(value: Decimal) -> str:
    """A number as Binance writes it, with eight decimals; more only where fewer would lose a digit."""
    return f"{value.quantize(_STEP):f}" if not value % _STEP else f"{value:f}"


def market_id(symbol: str) -> str:
    """`BTC/USDT` as Binance writes it."""
    return symbol.replace("/", "")


def order(it: Order) -> Json:
    """GET order, openOrders, allOrders."""
    return {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": it.client_order_id,
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "stopPrice": _ZERO,
        "icebergQty": _ZERO,
        "time": it.created_ms,
        "updateTime": it.updated_ms,
        "isWorking": True,
        "workingTime": it.created_ms,
        "origQuoteOrderQty": _ZERO,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }


def new_order(it: Order, trades: Sequence[Trade], detail: str) -> Json:
    """POST order; `detail` is ACK, RESULT or FULL."""
    ack: Json = {
        "symbol": market_id(it.symbol),
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": it.client_order_id,
        "transactTime": it.updated_ms,
    }
    if detail == "ACK":
        return ack
    result = ack | {
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "origQuoteOrderQty": _ZERO,
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "workingTime": it.created_ms,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }
    if detail == "RESULT":
        return result
    fills = [
        {
            "price": amount(trade.price),
            "qty": amount(trade.quantity),
            "commission": amount(trade.commission),
            "commissionAsset": trade.commission_asset,
            "tradeId": trade.trade_id,
        }
        for trade in trades
    ]
    return result | {"fills": fills}


def cancelled(it: Order, client_order_id: str) -> Json:
    """DELETE order, openOrders; `client_order_id` is the cancel's own."""
    return {
        "symbol": market_id(it.symbol),
        "origClientOrderId": it.client_order_id,
        "orderId": it.order_id,
        "orderListId": -1,
        "clientOrderId": client_order_id,
        "transactTime": it.updated_ms,
        "price": amount(it.price),
        "origQty": amount(it.quantity),
        "executedQty": amount(it.executed),
        "origQuoteOrderQty": _ZERO,
        "cummulativeQuoteQty": amount(it.executed_quote),
        "status": it.status.value,
        "timeInForce": it.time_in_force.value,
        "type": it.type.value,
        "side": it.side.value,
        "selfTradePreventionMode": SELF_TRADE_PREVENTION,
    }


def my_trade(it: Trade) -> Json:
    """GET myTrades."""
    return {
        "symbol": market_id(it.symbol),
        "id": it.trade_id,
        "orderId": it.order_id,
        "orderListId": -1,
        "price": amount(it.price),
        "qty": amount(it.quantity),
        "quoteQty": amount(it.price * it.quantity),
        "commission": amount(it.commission),
        "commissionAsset": it.commission_asset,
        "time": it.time_ms,
        "isBuyer": it.side is Side.BUY,
        "isMaker": it.maker,
        "isBestMatch": True,
    }


def account(rules: SymbolRules, balances: Iterable[Balance], updated_ms: int) -> Json:
    """GET account. Binance has one fee schedule per account here: that of the first market stands for it."""
    return {
        "makerCommission": int(rules.maker_fee * 10_000),
        "takerCommission": int(rules.taker_fee * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": amount(rules.maker_fee),
            "taker": amount(rules.taker_fee),
            "buyer": _ZERO,
            "seller": _ZERO,
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": updated_ms,
        "accountType": "SPOT",
        "balances": [
            {"asset": each.asset, "free": amount(each.free), "locked": amount(each.locked)} for each in balances
        ],
        "permissions": ["SPOT"],
        "uid": 1,
    }


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
        "bidPrice": amount(bid.price) if bid else _ZERO,
        "bidQty": amount(bid.quantity) if bid else _ZERO,
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
        "weightedAvgPrice": amount(average.quantize(_STEP)),
        "prevClosePrice": amount(opened),
        "lastPrice": amount(book.price),
        "lastQty": amount(last.quantity) if last else _ZERO,
        **{key: value for key, value in book_ticker(book).items() if key != "symbol"},
        "openPrice": amount(opened),
        "highPrice": amount(day.high if day else book.price),
        "lowPrice": amount(day.low if day else book.price),
        "volume": amount(day.volume) if day else _ZERO,
        "quoteVolume": amount(day.quote_volume) if day else _ZERO,
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
