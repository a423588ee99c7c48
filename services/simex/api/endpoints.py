"""The table of all endpoints: their names over REST and the websocket API, who may call them, and their parameters.

As on Binance, any other parameter is refused.
"""

from simex.api.list_api import ListApi
from simex.api.private_api import PrivateApi
from simex.api.public_api import PublicApi
from simex.api.trading_api import TradingApi
from simex.protocol.call import Call, Endpoint, Security
from simex.protocol.errors import ApiError
from simex.protocol.list_entry import OCO_TAKES, OTO_TAKES

_READ, _TRADE = Security.USER_DATA, Security.TRADE

_SOME = "symbol symbols symbolStatus"
_RULES = f"{_SOME} permissions showPermissionSets"
_STRETCH = "symbol fromId startTime endTime limit"
_CANDLES = "symbol interval startTime endTime timeZone limit"
_HISTORY = "symbol orderId startTime endTime limit"
_ONE = "symbol orderId origClientOrderId"
_ORDER = (
    "symbol side type timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice "
    "trailingDelta icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetValue pegOffsetType"
)
_CANCEL = f"{_ONE} newClientOrderId cancelRestrictions"
_REPLACE = (
    f"{_ORDER} cancelReplaceMode cancelOrderId cancelOrigClientOrderId cancelNewClientOrderId cancelRestrictions "
    "orderRateLimitExceededMode"
)
_PREVENTED = "symbol preventedMatchId orderId fromPreventedMatchId limit"


def public_endpoints(api: PublicApi) -> tuple[Endpoint, ...]:
    """Endpoints that anyone may call."""
    tickers = api.tickers
    return (
        Endpoint("GET", "ping", api.ping, ws="ping"),
        Endpoint("GET", "time", api.time, ws="time"),
        Endpoint("GET", "exchangeInfo", api.exchange_info, ws="exchangeInfo", takes=_RULES),
        Endpoint("GET", "depth", api.depth, ws="depth", takes="symbol limit symbolStatus"),
        Endpoint("GET", "trades", api.trades, ws="trades.recent", takes="symbol limit"),
        Endpoint("GET", "historicalTrades", api.historical_trades, ws="trades.historical", takes="symbol limit fromId"),
        Endpoint("GET", "aggTrades", api.aggregate_trades, ws="trades.aggregate", takes=_STRETCH),
        Endpoint("GET", "klines", api.klines, ws="klines", takes=_CANDLES),
        Endpoint("GET", "uiKlines", api.klines, ws="uiKlines", takes=_CANDLES),
        Endpoint("GET", "avgPrice", tickers.average, ws="avgPrice", takes="symbol"),
        Endpoint("GET", "ticker/price", tickers.price, ws="ticker.price", takes=_SOME),
        Endpoint("GET", "ticker/bookTicker", tickers.book, ws="ticker.book", takes=_SOME),
        Endpoint("GET", "ticker/24hr", tickers.day, ws="ticker.24hr", takes=f"{_SOME} type"),
        Endpoint("GET", "ticker", tickers.rolling, ws="ticker", takes=f"{_SOME} type windowSize"),
        Endpoint(
            "GET", "ticker/tradingDay", tickers.trading_day, ws="ticker.tradingDay", takes=f"{_SOME} type timeZone"
        ),
    )


def trading_endpoints(api: TradingApi) -> tuple[Endpoint, ...]:
    """Endpoints that change orders; they need a key that may trade."""
    return (
        Endpoint("POST", "order", api.new_order, _TRADE, ws="order.place", takes=_ORDER),
        Endpoint(
            "POST", "order/test", api.test_order, _TRADE, ws="order.test", takes=f"{_ORDER} computeCommissionRates"
        ),
        Endpoint("POST", "order/cancelReplace", api.cancel_replace, _TRADE, ws="order.cancelReplace", takes=_REPLACE),
        Endpoint("DELETE", "order", api.cancel_order, _TRADE, ws="order.cancel", takes=_CANCEL),
        Endpoint("DELETE", "openOrders", api.cancel_all, _TRADE, ws="openOrders.cancelAll", takes="symbol"),
    )


def list_endpoints(api: ListApi) -> tuple[Endpoint, ...]:
    """Endpoints of order lists."""
    named = "orderListId origClientOrderId"
    return (
        Endpoint("POST", "orderList/oco", api.new_oco, _TRADE, ws="orderList.place.oco", takes=OCO_TAKES),
        Endpoint("POST", "orderList/oto", api.new_oto, _TRADE, ws="orderList.place.oto", takes=OTO_TAKES),
        Endpoint(
            "DELETE",
            "orderList",
            api.cancel,
            _TRADE,
            ws="orderList.cancel",
            takes="symbol orderListId listClientOrderId newClientOrderId",
        ),
        Endpoint("GET", "orderList", api.query, _READ, ws="orderList.status", takes=named),
        Endpoint("GET", "allOrderList", api.all, _READ, ws="allOrderLists", takes="fromId startTime endTime limit"),
        Endpoint("GET", "openOrderList", api.open, _READ, ws="openOrderLists.status"),
    )


def private_endpoints(api: PrivateApi) -> tuple[Endpoint, ...]:
    """Endpoints that read an account; they need any key of it."""
    return (
        Endpoint("GET", "order", api.query_order, _READ, ws="order.status", takes=_ONE),
        Endpoint("GET", "openOrders", api.open_orders, _READ, ws="openOrders.status", takes="symbol"),
        Endpoint("GET", "allOrders", api.all_orders, _READ, ws="allOrders", takes=_HISTORY),
        Endpoint("GET", "myTrades", api.my_trades, _READ, ws="myTrades", takes=f"{_HISTORY} fromId"),
        Endpoint("GET", "myPreventedMatches", api.prevented_matches, _READ, ws="myPreventedMatches", takes=_PREVENTED),
        Endpoint("GET", "account", api.account, _READ, ws="account.status", takes="omitZeroBalances"),
        Endpoint("GET", "account/commission", api.commission, _READ, ws="account.commission", takes="symbol"),
        Endpoint("GET", "rateLimit/order", api.order_counts, _READ, ws="account.rateLimits.orders"),
    )


def _gone(_call: Call) -> object:
    raise ApiError(-1016, "This service is no longer available.", 410)


# Binance removed listen keys on 20 February 2026 (CHANGELOG of binance/binance-spot-api-docs).
RETIRED = tuple(Endpoint(method, "userDataStream", _gone, takes="listenKey") for method in ("POST", "PUT", "DELETE"))
