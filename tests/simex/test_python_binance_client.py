"""python-binance, as it is installed, trades on simex: sync and async, its sockets, and its copy of the book."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from binance import AsyncClient, BinanceSocketManager, Client, DepthCacheManager, ThreadedWebsocketManager
from binance.base_client import BaseClient
from binance.exceptions import BinanceAPIException
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from binance_sdk_spot.websocket_api.models import ExecutionReport

from gridsim.orders import Side
from gridtesting.endpoints import every_endpoint
from gridtesting.live.simex import SimexHandle

BTC = {"symbol": "BTCUSDT"}
MINUTES = BTC | {"interval": "1m"}
LIMIT = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "59000"}
EXECUTION_REPORT = {"e", *(each.alias or name for name, each in ExecutionReport.model_fields.items())}
KEYS = {"api_key": "simex", "api_secret": "simex"}


@pytest.fixture(autouse=True)
def here(simex: SimexHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its addresses are attributes of its classes, set before any is made: a new client pings at once."""
    ws_url = simex.http_url.replace("http", "ws", 1)
    monkeypatch.setattr(BaseClient, "API_URL", f"{simex.http_url}/api")
    monkeypatch.setattr(BaseClient, "WS_API_URL", f"{ws_url}/ws-api/v3")
    monkeypatch.setattr(BinanceSocketManager, "STREAM_URL", f"{ws_url}/")
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)  # what a quiet socket takes to close, else ten seconds


@pytest.fixture
async def client(here: None) -> AsyncIterator[AsyncClient]:
    created = await AsyncClient.create(**KEYS)
    yield created
    await created.close_connection()


@contextlib.contextmanager
def sync_client(**keys: str) -> Iterator[Client]:
    """For a thread of its own, as simex answers in the test's."""
    client = Client(**KEYS | keys)
    try:
        yield client
    finally:
        client.close_connection()
        client.loop.close()  # it makes one where there is none, and leaves it


async def test_the_sync_client_trades_from_the_rules_to_the_cancel(simex: SimexHandle) -> None:
    loop = asyncio.get_running_loop()

    def sell(price: str, quantity: str) -> None:
        asyncio.run_coroutine_threadsafe(simex.inject(price, quantity), loop).result()

    def trade() -> None:
        with sync_client() as client:
            rules = client.get_symbol_info("BTCUSDT")
            price = client.get_symbol_ticker(**BTC)["price"]
            client.create_test_order(**LIMIT)
            placed = client.create_order(**LIMIT, newClientOrderId="slot1")
            sell("59000", "0.004")
            partly = client.get_order(**BTC, origClientOrderId="slot1")
            fills = client.get_my_trades(**BTC)
            opened = client.get_open_orders()
            cancelled = client.cancel_order(**BTC, orderId=placed["orderId"])
            bought = client.order_market_buy(**BTC, quantity="0.001")
            sold = client.order_market_sell(**BTC, quoteOrderQty="118")
            resting = client.order_limit_buy(**BTC, quantity=0.01, price="58000")
            replaced = client.cancel_replace_order(
                **LIMIT | {"price": "57000"}, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=resting["orderId"]
            )
            swept = client.cancel_all_open_orders(**BTC)
            history = client.get_all_orders(**BTC)
            balance = client.get_asset_balance(asset="USDT")
            counts = client.get_current_order_count()

        assert {each["filterType"] for each in rules["filters"]} >= {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"}
        assert price == "60000.00000000"
        assert (placed["status"], placed["clientOrderId"]) == ("NEW", "slot1")
        assert (partly["status"], partly["executedQty"]) == ("PARTIALLY_FILLED", "0.00400000")
        assert [(each["orderId"], each["qty"], each["isMaker"]) for each in fills] == [
            (placed["orderId"], "0.00400000", True)
        ]
        assert [each["clientOrderId"] for each in opened] == ["slot1"]
        assert (cancelled["status"], cancelled["origClientOrderId"]) == ("CANCELED", "slot1")
        assert (bought["status"], bought["fills"][0]["commissionAsset"]) == ("FILLED", "BTC")
        assert (sold["status"], sold["origQuoteOrderQty"]) == ("FILLED", "118.00000000")
        assert replaced["cancelResponse"]["orderId"] == resting["orderId"]
        assert [each["orderId"] for each in swept] == [replaced["newOrderResponse"]["orderId"]]
        assert [each["status"] for each in history] == ["CANCELED", "FILLED", "FILLED", "CANCELED", "CANCELED"]
        assert balance["locked"] == "0.00000000"
        assert [each["interval"] for each in counts] == ["SECOND", "DAY"]

    await asyncio.to_thread(trade)


@pytest.mark.parametrize(
    ("keys", "order", "status", "code"),
    [
        pytest.param({}, LIMIT | {"quantity": "9"}, 400, -2010, id="balance"),
        pytest.param({}, LIMIT | {"price": "0.001"}, 400, -1013, id="filter"),
        pytest.param({}, LIMIT | {"symbol": "NOSUCH"}, 400, -1121, id="symbol"),
        pytest.param({"api_secret": "wrong"}, LIMIT, 400, -1022, id="signature"),
        pytest.param({"api_key": "wrong"}, LIMIT, 401, -2015, id="key"),
    ],
)
async def test_a_refusal_is_its_exception_with_its_code(
    keys: dict[str, str], order: dict[str, str], status: int, code: int
) -> None:
    def place() -> None:
        with sync_client(**keys) as client:
            client.create_order(**order)

    with pytest.raises(BinanceAPIException) as raised:
        await asyncio.to_thread(place)

    assert (raised.value.status_code, raised.value.code) == (status, code)


# Its names of an endpoint over REST and over the websocket API, and what is asked.
TWINS: list[tuple[str, str, dict[str, Any]]] = [
    ("ping", "ws_ping", {}),
    ("get_server_time", "ws_get_time", {}),
    ("get_exchange_info", "ws_get_exchange_info", {}),
    ("get_order_book", "ws_get_order_book", BTC),
    ("get_recent_trades", "ws_get_recent_trades", BTC),
    ("get_historical_trades", "ws_get_historical_trades", BTC),
    ("get_aggregate_trades", "ws_get_aggregate_trades", BTC),
    ("get_klines", "ws_get_klines", MINUTES),
    ("get_ui_klines", "ws_get_uiKlines", MINUTES),
    ("get_avg_price", "ws_get_avg_price", BTC),
    ("get_ticker", "ws_get_ticker", BTC),
    ("get_symbol_ticker", "ws_get_symbol_ticker", BTC),
    ("get_symbol_ticker_window", "ws_get_symbol_ticker_window", BTC | {"windowSize": "1h"}),
    ("v3_get_ticker_trading_day", "ws_get_trading_day_ticker", BTC),
    ("get_orderbook_ticker", "ws_get_orderbook_ticker", BTC),
    ("get_account", "ws_get_account", {}),
    ("v3_get_account_commission", "ws_get_commission_rates", BTC),
    ("get_current_order_count", "ws_get_account_rate_limits_orders", {}),
    ("get_order", "ws_get_order", BTC | {"orderId": 1}),
    ("get_open_orders", "ws_get_open_orders", {}),
    ("get_all_orders", "ws_get_all_orders", BTC),
    ("get_my_trades", "ws_get_my_trades", BTC),
    ("v3_get_order_list", "ws_get_oco_order", {"orderListId": 1}),
    ("get_open_oco_orders", "ws_get_oco_open_orders", {}),
    ("get_prevented_matches", "ws_get_prevented_matches", BTC | {"orderId": 2}),
    ("create_test_order", "ws_create_test_order", LIMIT),
]
HARMLESS = {each.name for each in every_endpoint() if each.method == "GET"} | {"POST order/test"}  # all that only read
HARMLESS -= {"GET allOrderList"}  # it cannot ask the websocket API for it
OTO = BTC | {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "57000", "workingQuantity": "0.001",
    "workingTimeInForce": "GTC", "pendingType": "STOP_LOSS", "pendingSide": "SELL", "pendingStopPrice": "56000",
    "pendingQuantity": "0.001",
}  # fmt: skip
OF_THE_MOMENT = ("serverTime", "openTime", "closeTime", "updateTime")


async def test_both_transports_answer_the_async_client_alike(client: AsyncClient, simex: SimexHandle) -> None:
    await client.create_order(**LIMIT)
    await simex.inject("59000", "0.004")
    await client.create_order(**LIMIT | {"side": "SELL", "price": "59000.01"})
    await client.create_order(**LIMIT | {"quantity": "0.001", "price": "59000.01"})
    await client.v3_post_order_list_oto(**OTO)

    for rest, ws, sent in TWINS:
        over_rest, over_ws = await getattr(client, rest)(**sent), await getattr(client, ws)(**sent)
        assert over_rest or rest in {"ping", "create_test_order"}, rest
        assert lasting(over_rest) == lasting(over_ws), rest
    asked = {(each.transport, each.endpoint) for each in await simex.requests()}

    assert asked >= {(transport, name) for transport in ("REST", "WS") for name in HARMLESS}


def lasting(answer: object) -> object:
    """An answer without what is another at the next moment."""
    return (
        {key: value for key, value in answer.items() if key not in OF_THE_MOMENT}
        if isinstance(answer, dict)
        else answer
    )


async def test_orders_over_the_websocket_api_reach_the_user_socket(client: AsyncClient, simex: SimexHandle) -> None:
    async with BinanceSocketManager(client).user_socket() as user:
        placed = await client.ws_create_order(**LIMIT, newClientOrderId="slot1")
        await simex.inject("59000", "0.004")
        cancelled = await client.ws_cancel_order(**BTC, origClientOrderId="slot1")
        await client.ws_order_limit_sell(**BTC, quantity="0.01", price="61000")
        swept = await client.ws_cancel_all_open_orders(**BTC)
        events = [await user.recv() for _ in range(10)]
        with pytest.raises(BinanceAPIException) as refused:
            await client.ws_cancel_order(**BTC, origClientOrderId="slot1")

    reports = [each for each in events if each["e"] == "executionReport"]
    assert (placed["status"], cancelled["status"], len(swept)) == ("NEW", "CANCELED", 1)
    assert [(each["i"], each["x"], each["l"]) for each in reports] == [
        (1, "NEW", "0.00000000"),
        (1, "TRADE", "0.00400000"),
        (1, "CANCELED", "0.00000000"),
        (2, "NEW", "0.00000000"),
        (2, "CANCELED", "0.00000000"),
    ]
    assert [each["e"] for each in events if each not in reports] == ["outboundAccountPosition"] * 5
    assert all(set(each) <= EXECUTION_REPORT for each in reports)
    assert refused.value.code == -2011


async def test_sockets_receive_the_market(client: AsyncClient, simex: SimexHandle) -> None:
    manager = BinanceSocketManager(client)
    sockets = {
        "trade": manager.trade_socket("BTCUSDT"),
        "aggTrade": manager.aggtrade_socket("BTCUSDT"),
        "kline": manager.kline_socket("BTCUSDT", "1m"),
        "depthUpdate": manager.depth_socket("BTCUSDT", interval=100),
        "24hrTicker": manager.symbol_ticker_socket("BTCUSDT"),
        "24hrMiniTicker": manager.symbol_miniticker_socket("BTCUSDT"),
    }
    bare = {"partial": manager.depth_socket("BTCUSDT", depth="5"), "book": manager.symbol_book_ticker_socket("BTCUSDT")}
    combined = manager.multiplex_socket(["btcusdt@trade", "btcusdt@bookTicker"])
    every = [*sockets.values(), *bare.values(), combined]

    await asyncio.gather(*(each.__aenter__() for each in every))
    await simex.inject("60100", "1", Side.BUY)
    received = {name: await each.recv() for name, each in (sockets | bare).items()}
    multiplexed = await combined.recv()
    await asyncio.gather(*(each.__aexit__(None, None, None) for each in every))

    assert {name: received[name]["e"] for name in sockets} == {name: name for name in sockets}
    assert (received["trade"]["p"], received["kline"]["k"]["c"], received["24hrTicker"]["c"]) == ("60100.00000000",) * 3
    assert (len(received["partial"]["bids"]), received["book"]["a"]) == (5, "60100.00000000")
    assert (multiplexed["stream"], multiplexed["data"]["p"]) == ("btcusdt@trade", "60100.00000000")


async def test_its_copy_of_the_book_stays_the_book(client: AsyncClient, simex: SimexHandle) -> None:
    async with DepthCacheManager(client, "BTCUSDT", ws_interval=100) as copy:
        for _ in range(5):
            await simex.advance(20)
            held = await copy.recv()
        book = await client.get_order_book(**BTC, limit=500)
        expected = [[[float(number) for number in level] for level in book[side]] for side in ("bids", "asks")]
        async with asyncio.timeout(10):
            while [held.get_bids(), held.get_asks()] != expected:
                held = await copy.recv()

    assert len(held.get_bids()) >= 20
    assert len(await simex.requests("GET depth")) <= 3  # ours and its first; it asks again wherever updates do not link


async def test_the_threaded_manager_calls_back(simex: SimexHandle) -> None:
    received: list[Any] = []

    def start() -> ThreadedWebsocketManager:
        manager = ThreadedWebsocketManager(**KEYS)
        manager.start()
        manager.start_trade_socket(callback=received.append, symbol="BTCUSDT")
        return manager

    manager = await asyncio.to_thread(start)
    async with asyncio.timeout(30):
        while not received:
            await simex.advance(1)
    await asyncio.to_thread(manager.stop)
    await asyncio.to_thread(manager.join)
    manager._loop.close()

    assert {each["e"] for each in received} == {"trade"}
