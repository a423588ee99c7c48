"""One element that cannot be read hides no other: what the real ccxt makes of odd lists."""

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.limits.request_weights import RequestWeights
from executor.venue.port import ReadFailedError, TradeCursor, UnreadableError, VenueOrder
from executor.venue.settings import Credentials, VenueSettings
from gridcore.model.orders import OrderStatus
from gridtesting.fakes.canned_server import CannedServer, canned

SYMBOL = "BTC/USDT"
NOW_MS = 1_763_000_000_000
MARKET = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quotePrecision": 8,
    "quoteAssetPrecision": 8,
    "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
    "isSpotTradingAllowed": True,
    "isMarginTradingAllowed": False,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
        {"filterType": "NOTIONAL", "minNotional": "5.00", "applyMinToMarket": True},
    ],
    "permissions": ["SPOT"],
}
OURS: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": "gtest01",
    "price": "100.00",
    "origQty": "1.00000",
    "executedQty": "0.00000",
    "cummulativeQuoteQty": "0.00",
    "status": "NEW",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "stopPrice": "0.00000000",
    "time": NOW_MS,
    "updateTime": NOW_MS,
}
STOP = OURS | {"orderId": 29, "clientOrderId": "web_1", "type": "STOP_LOSS", "price": "0.00000000", "side": "SELL"}
TRADE: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "id": 7,
    "orderId": 28,
    "price": "100.00",
    "qty": "1.00000",
    "quoteQty": "100.00",
    "commission": "0.001",
    "commissionAsset": "BTC",
    "time": NOW_MS,
    "isBuyer": True,
    "isMaker": True,
    "isBestMatch": True,
}


@pytest.fixture
async def server() -> AsyncIterator[CannedServer]:
    async with canned({"GET /api/v3/exchangeInfo": {"symbols": [MARKET]}}) as server:
        yield server


@pytest.fixture
def settings(server: CannedServer) -> VenueSettings:
    return VenueSettings(
        exchange="binance",
        base_url=server.url,
        sandbox=False,
        recv_window_ms=5_000,
        requests_expire=True,
        visibility_lag_ms=1_000,
        request_timeout_ms=2_000,
        credentials=Credentials("a-key", "a-secret"),
    )


@pytest.fixture
async def binance(settings: VenueSettings) -> AsyncIterator[CcxtVenue]:
    """The real adapter over the real ccxt, with the canned replies."""
    venue = CcxtVenue(make_client(settings), settings.request_window_ms)
    yield venue
    await venue.close()


@pytest.mark.parametrize(
    ("listed", "price"),
    [
        pytest.param(STOP | {"stopPrice": "90.00"}, "90", id="a stop order by its stop price"),
        pytest.param(OURS | {"orderId": 29, "status": "PENDING_NEW"}, "100", id="a status that ccxt does not know"),
        pytest.param(OURS | {"orderId": 29, "status": "BRAND_NEW"}, "100", id="an unknown status"),
    ],
)
async def test_an_order_of_another_kind_is_read(
    server: CannedServer, binance: CcxtVenue, listed: dict[str, Any], price: str
) -> None:
    server.replies["GET /api/v3/openOrders"] = [listed, OURS]
    await binance.connect((SYMBOL,))
    orders = {order.exchange_order_id: order for order in await binance.open_orders(SYMBOL)}
    assert not any(order.unreadable for order in orders.values())
    assert (orders["29"].price, orders["29"].status) == (Decimal(price), OrderStatus.OPEN)
    assert orders["28"].client_order_id == "gtest01"


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(STOP | {"type": "TRAILING_STOP"}, id="neither price nor stop price"),
        pytest.param(STOP | {"price": "much", "stopPrice": "1"}, id="a price that is no number"),
        pytest.param(OURS | {"orderId": 29, "clientOrderId": "web_1", "side": None}, id="no side"),
        pytest.param(OURS | {"orderId": 29, "clientOrderId": "web_1", "origQty": None}, id="no quantity"),
        pytest.param({"orderId": 29, "clientOrderId": "web_1", "symbol": "BTCUSDT"}, id="nothing but its ids"),
    ],
)
async def test_an_order_that_cannot_be_read_is_listed_with_its_ids_beside_the_others(
    server: CannedServer, binance: CcxtVenue, odd: dict[str, Any]
) -> None:
    server.replies |= {"GET /api/v3/openOrders": [odd, OURS], "GET /api/v3/order": odd}
    await binance.connect((SYMBOL,))
    orders = {order.exchange_order_id: order for order in await binance.open_orders(SYMBOL)}
    with pytest.raises(UnreadableError) as refused:
        await binance.order_by_id(SYMBOL, "29")
    assert (orders["28"].price, orders["28"].unreadable) == (Decimal(100), "")
    assert orders["29"].unreadable
    assert orders["29"].client_order_id == refused.value.order.client_order_id == "web_1"


@pytest.mark.parametrize("odd", ["a text", None, 5, [1]])
async def test_an_element_that_is_no_order_at_all_hides_no_other(
    server: CannedServer, binance: CcxtVenue, odd: object
) -> None:
    server.replies |= {"GET /api/v3/openOrders": [odd, OURS], "GET /api/v3/myTrades": [odd, TRADE]}
    await binance.connect((SYMBOL,))
    assert [order.exchange_order_id for order in await binance.open_orders(SYMBOL) if not order.unreadable] == ["28"]
    trades = await binance.trades_after(SYMBOL, TradeCursor("1", 0))
    assert [trade.fill.trade_id for trade in trades if not trade.unreadable] == ["7"]


async def test_in_a_list_of_the_whole_account_an_unreadable_order_counts_in_the_market_that_it_names(
    server: CannedServer, settings: VenueSettings
) -> None:
    other = MARKET | {"symbol": "ETHUSDT", "baseAsset": "ETH"}
    elsewhere = MARKET | {"symbol": "XRPUSDT", "baseAsset": "XRP"}
    server.replies["GET /api/v3/exchangeInfo"] = {"symbols": [MARKET, other, elsewhere]}
    odd: dict[str, Any] = {"side": None, "price": "much", "clientOrderId": "app"}
    server.replies["GET /api/v3/openOrders"] = [
        odd | {"orderId": 30, "symbol": "ETHUSDT"},
        odd | {"orderId": 31, "symbol": "XRPUSDT"},
        odd | {"orderId": 32, "symbol": "GONE"},
        odd | {"orderId": 33},
        OURS,
    ]
    weights = {"GET openOrders": 80, "GET openOrders with symbol": 6, "GET openOrders without symbol": 1}
    venue = CcxtVenue(make_client(settings), settings.request_window_ms, RequestWeights(weights))
    try:
        await venue.connect((SYMBOL, "ETH/USDT"))
        books = await venue.open_orders_of((SYMBOL, "ETH/USDT"))
    finally:
        await venue.close()
    assert {symbol: ids(book) for symbol, book in books.items()} == {
        SYMBOL: [("28", ""), ("33", SYMBOL)],
        "ETH/USDT": [("30", "ETH/USDT"), ("33", "ETH/USDT")],
    }


def ids(book: list[VenueOrder] | ReadFailedError) -> list[tuple[str, str]]:
    """Each order's id, with the symbol of those that cannot be read."""
    assert not isinstance(book, ReadFailedError)
    return sorted((order.exchange_order_id, order.symbol if order.unreadable else "") for order in book)


async def test_a_fill_without_a_fee_has_no_asset_and_an_absent_value_is_not_the_text_none(
    server: CannedServer, binance: CcxtVenue
) -> None:
    free = TRADE | {"id": 8, "commission": "0.00000000", "commissionAsset": None}
    odd = TRADE | {"id": 9, "commission": "0.001", "commissionAsset": None}
    lost = TRADE | {"id": 10, "orderId": None}
    server.replies["GET /api/v3/myTrades"] = [TRADE, free, odd, lost]
    await binance.connect((SYMBOL,))
    trades = {trade.fill.trade_id: trade for trade in await binance.trades_after(SYMBOL, TradeCursor("1", 0))}
    assert (trades["7"].fill.fee, trades["7"].fill.fee_asset) == (Decimal("0.001"), "BTC")
    assert (trades["8"].fill.fee, trades["8"].fill.fee_asset, trades["8"].unreadable) == (Decimal(0), "", "")
    assert trades["9"].unreadable
    assert (trades["10"].exchange_order_id, trades["10"].unreadable != "") == ("", True)
    assert "None" not in str(trades.values()).replace("=None", "")


@pytest.mark.parametrize("odd", [{}, {"foo": 1}, "text", None])
async def test_a_market_that_cannot_be_read_hides_no_other(
    server: CannedServer, binance: CcxtVenue, odd: object
) -> None:
    server.replies["GET /api/v3/exchangeInfo"] = {"symbols": [odd, MARKET, MARKET | {"symbol": "X", "filters": None}]}
    assert await binance.connect((SYMBOL,)) == {}


@pytest.mark.parametrize("reply", [{}, {"foo": 1}])
async def test_a_reply_that_is_no_list_is_not_an_empty_list(
    server: CannedServer, binance: CcxtVenue, reply: dict[str, Any]
) -> None:
    paths = ("openOrders", "allOrders", "myTrades")
    server.replies |= {f"GET /api/v3/{path}": reply for path in paths}
    await binance.connect((SYMBOL,))
    questions = {
        "open": lambda: binance.open_orders(SYMBOL),
        "between": lambda: binance.orders_between(SYMBOL, NOW_MS, NOW_MS + 1),
        "history": lambda: binance.order_history(SYMBOL),
        "trades": lambda: binance.trades_after(SYMBOL, TradeCursor("1", 0)),
        "of an order": lambda: binance.trades_of_order(SYMBOL, "28"),
    }
    answered = []
    for name, ask in questions.items():
        with contextlib.suppress(ReadFailedError):
            answered.append((name, await ask()))
    assert answered == []


async def test_an_asset_that_cannot_be_read_hides_no_other(server: CannedServer, binance: CcxtVenue) -> None:
    odd = [{"asset": "ODD", "free": "x", "locked": "0"}, {"asset": "NONE", "free": None, "locked": None}]
    good = {"asset": "BTC", "free": "1.5", "locked": "0"}
    server.replies["GET /api/v3/account"] = {"balances": [*odd, good], "commissionRates": {}}
    await binance.connect((SYMBOL,))
    assert [(one.asset, one.free) for one in await binance.balances()] == [("BTC", Decimal("1.5"))]
