"""The one table of what simex offers: each endpoint's names over REST and the websocket API, who may call it, and which
parameters it takes; any other is refused, as on Binance.
"""

from simex.call import Endpoint, Security
from simex.private_api import PrivateApi
from simex.public_api import PublicApi

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


def public_endpoints(api: PublicApi) -> tuple[Endpoint, ...]:
    """What anyone may ask."""
    return (
        Endpoint("GET", "ping", api.ping, ws="ping"),
        Endpoint("GET", "time", api.time, ws="time"),
        Endpoint("GET", "exchangeInfo", api.exchange_info, ws="exchangeInfo", takes=_RULES),
        Endpoint("GET", "depth", api.depth, ws="depth", takes="symbol limit symbolStatus"),
        Endpoint("GET", "trades", api.trades, ws="trades.recent", takes="symbol limit"),
        Endpoint("GET", "aggTrades", api.aggregate_trades, ws="trades.aggregate", takes=_STRETCH),
        Endpoint("GET", "klines", api.klines, ws="klines", takes=_CANDLES),
        Endpoint("GET", "ticker/price", api.price_ticker, ws="ticker.price", takes=_SOME),
        Endpoint("GET", "ticker/bookTicker", api.book_ticker, ws="ticker.book", takes=_SOME),
        Endpoint("GET", "ticker/24hr", api.day_ticker, ws="ticker.24hr", takes=f"{_SOME} type"),
    )


def private_endpoints(api: PrivateApi) -> tuple[Endpoint, ...]:
    """What an account's keys may ask."""
    cancel = f"{_ONE} newClientOrderId cancelRestrictions"
    return (
        Endpoint("POST", "order", api.new_order, _TRADE, ws="order.place", takes=_ORDER),
        Endpoint("GET", "order", api.query_order, _READ, ws="order.status", takes=_ONE),
        Endpoint("DELETE", "order", api.cancel_order, _TRADE, ws="order.cancel", takes=cancel),
        Endpoint("DELETE", "openOrders", api.cancel_all, _TRADE, ws="openOrders.cancelAll", takes="symbol"),
        Endpoint("GET", "openOrders", api.open_orders, _READ, ws="openOrders.status", takes="symbol"),
        Endpoint("GET", "allOrders", api.all_orders, _READ, ws="allOrders", takes=_HISTORY),
        Endpoint("GET", "myTrades", api.my_trades, _READ, ws="myTrades", takes=f"{_HISTORY} fromId"),
        Endpoint("GET", "account", api.account, _READ, ws="account.status", takes="omitZeroBalances"),
    )
