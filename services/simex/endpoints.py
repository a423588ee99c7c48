"""The one table of what simex offers: each endpoint's names over REST and the websocket API, and who may call it."""

from simex.call import Endpoint, Security
from simex.private_api import PrivateApi
from simex.public_api import PublicApi

_READ, _TRADE = Security.USER_DATA, Security.TRADE


def public_endpoints(api: PublicApi) -> tuple[Endpoint, ...]:
    """What anyone may ask."""
    return (
        Endpoint("GET", "ping", api.ping, ws="ping"),
        Endpoint("GET", "time", api.time, ws="time"),
        Endpoint("GET", "exchangeInfo", api.exchange_info, ws="exchangeInfo"),
        Endpoint("GET", "depth", api.depth, ws="depth"),
        Endpoint("GET", "trades", api.trades, ws="trades.recent"),
        Endpoint("GET", "aggTrades", api.aggregate_trades, ws="trades.aggregate"),
        Endpoint("GET", "klines", api.klines, ws="klines"),
        Endpoint("GET", "ticker/price", api.price_ticker, ws="ticker.price"),
        Endpoint("GET", "ticker/bookTicker", api.book_ticker, ws="ticker.book"),
        Endpoint("GET", "ticker/24hr", api.day_ticker, ws="ticker.24hr"),
    )


def private_endpoints(api: PrivateApi) -> tuple[Endpoint, ...]:
    """What an account's keys may ask."""
    return (
        Endpoint("POST", "order", api.new_order, _TRADE, ws="order.place"),
        Endpoint("GET", "order", api.query_order, _READ, ws="order.status"),
        Endpoint("DELETE", "order", api.cancel_order, _TRADE, ws="order.cancel"),
        Endpoint("DELETE", "openOrders", api.cancel_all, _TRADE, ws="openOrders.cancelAll"),
        Endpoint("GET", "openOrders", api.open_orders, _READ, ws="openOrders.status"),
        Endpoint("GET", "allOrders", api.all_orders, _READ, ws="allOrders"),
        Endpoint("GET", "myTrades", api.my_trades, _READ, ws="myTrades"),
        Endpoint("GET", "account", api.account, _READ, ws="account.status"),
    )
