"""The websockets, as ccxt.pro uses them and as they are on the wire."""

import asyncio
import contextlib
import hashlib
import hmac
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from gridsim.orders import Side
from gridtesting.simex import SimexHandle

BTC = "BTC/USDT"


async def watched(simex: SimexHandle, watching: Any, symbol: str = BTC) -> Any:
    """What a watch gives: the market moves until it has been heard."""
    task = asyncio.ensure_future(watching)
    while not task.done():
        await simex.advance(1, symbol)
    return await task


async def test_ccxt_pro_watches_trades_quotes_and_tickers(binance_pro: Any, simex: SimexHandle) -> None:
    await binance_pro.load_markets()

    trades = await watched(simex, binance_pro.watch_trades(BTC))
    quotes = (await watched(simex, binance_pro.watch_bids_asks([BTC])))[BTC]
    ticker = await watched(simex, binance_pro.watch_ticker(BTC))

    assert trades[-1]["symbol"] == BTC
    assert trades[-1]["side"] in {"buy", "sell"}
    assert 0 < quotes["ask"] - quotes["bid"] < 0.011
    assert quotes["timestamp"] is None
    assert ticker["last"] > 0


async def test_ccxt_pro_watches_the_accounts_orders_trades_and_balances(binance_pro: Any, simex: SimexHandle) -> None:
    await binance_pro.load_markets()
    orders = asyncio.create_task(binance_pro.watch_orders(BTC))
    trades = asyncio.create_task(binance_pro.watch_my_trades(BTC))
    await binance_pro.authenticate()

    placed = await binance_pro.create_order(BTC, "limit", "buy", 0.01, 59_000, {"clientOrderId": "slot1"})
    opened = dict((await orders)[-1])
    balances = asyncio.create_task(binance_pro.watch_balance())
    await asyncio.sleep(0)
    await simex.inject("58000", "1")

    assert (opened["status"], opened["clientOrderId"], opened["id"]) == ("open", "slot1", placed["id"])
    fill = (await trades)[-1]
    assert (fill["order"], fill["price"], fill["amount"], fill["takerOrMaker"]) == (placed["id"], 59_000, 0.01, "maker")
    assert fill["fee"] == {"cost": 0.00001, "currency": "BTC"}
    assert (await balances)["BTC"]["total"] == 1.00999


async def test_ccxt_pro_hears_of_a_cancel_under_the_orders_own_id(binance_pro: Any) -> None:
    await binance_pro.load_markets()
    await binance_pro.authenticate()
    order = await binance_pro.create_order(BTC, "limit", "buy", 0.01, 59_000, {"clientOrderId": "slot1"})
    first = asyncio.create_task(binance_pro.watch_orders(BTC))
    await asyncio.sleep(0)
    await binance_pro.cancel_order(order["id"], BTC)
    seen = list(await first)
    while seen[-1]["status"] != "canceled":
        seen = list(await binance_pro.watch_orders(BTC))

    assert (seen[-1]["id"], seen[-1]["clientOrderId"]) == (order["id"], "slot1")


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ask(client: aiohttp.ClientWebSocketResponse, **request: object) -> Any:
    await client.send_json(request)
    return await client.receive_json(timeout=5)


async def test_streams_are_subscribed_listed_and_left_by_message(
    http: aiohttp.ClientSession, simex: SimexHandle
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws/7") as client:
        subscribed = await ask(client, method="SUBSCRIBE", params=["btcusdt@trade", "btcusdt@aggTrade"], id=1)
        listed = await ask(client, method="LIST_SUBSCRIPTIONS", id="two")
        left = await ask(client, method="UNSUBSCRIBE", params=["btcusdt@trade"], id=3)
        await simex.advance(1)
        frame = await client.receive_json(timeout=5)

    assert subscribed == {"result": None, "id": 1}
    assert listed == {"result": ["btcusdt@trade", "btcusdt@aggTrade"], "id": "two"}
    assert left == {"result": None, "id": 3}
    assert frame["e"] == "aggTrade"


@pytest.mark.parametrize(
    "text", ["nonsense", "[1]", '{"id": 1}', '{"method": "DANCE", "id": 1}', '{"method": "SUBSCRIBE", "params": 1}']
)
async def test_a_request_that_makes_no_sense_is_answered_not_dropped(
    http: aiohttp.ClientSession, simex: SimexHandle, text: str
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws") as client:
        await client.send_str(text)
        answer = await client.receive_json(timeout=5)
        alive = await ask(client, method="SUBSCRIBE", params=["btcusdt@trade"], id=2)

    assert answer["error"]["code"] == 2
    assert alive == {"result": None, "id": 2}


async def test_a_combined_stream_names_each_frames_stream(http: aiohttp.ClientSession, simex: SimexHandle) -> None:
    async with http.ws_connect(f"{simex.http_url}/stream?streams=btcusdt@trade/btcusdt@bookTicker") as client:
        await simex.advance(1)
        frames = [await client.receive_json(timeout=5) for _ in range(2)]

    assert [frame["stream"] for frame in frames] == ["btcusdt@trade", "btcusdt@bookTicker"]
    assert frames[0]["data"]["e"] == "trade"


async def test_every_trade_is_sent_once_and_ids_have_no_gap(http: aiohttp.ClientSession, simex: SimexHandle) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws/btcusdt@trade") as client:
        await simex.advance(700)
        ids = [(await client.receive_json(timeout=5))["t"] for _ in range(700)]

    assert ids == list(range(1, 701))


def signed_subscription(secret: str = "simex", **changes: object) -> dict[str, object]:
    params: dict[str, object] = {"apiKey": "simex", "timestamp": time.time_ns() // 1_000_000} | changes
    payload = "&".join(f"{key}={value}" for key, value in sorted(params.items()))
    return params | {"signature": hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()}


SUBSCRIBE = "userDataStream.subscribe.signature"


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        pytest.param(signed_subscription("wrong"), 400, -1022, id="signature"),
        pytest.param(signed_subscription(timestamp=1), 400, -1021, id="window"),
        pytest.param(signed_subscription(apiKey="other"), 401, -2015, id="key"),
        pytest.param({"apiKey": "simex"}, 400, -1102, id="unsigned"),
    ],
)
async def test_only_signed_subscriptions_are_let_in(
    http: aiohttp.ClientSession, simex: SimexHandle, params: dict[str, object], status: int, code: int
) -> None:
    if code == -1022:
        params = params | {"timestamp": time.time_ns() // 1_000_000}
    async with http.ws_connect(f"{simex.http_url}/ws-api/v3") as client:
        answer = await ask(client, id="a", method=SUBSCRIBE, params=params)

    assert (answer["id"], answer["status"], answer["error"]["code"]) == ("a", status, code)


async def test_the_user_stream_tells_each_execution_once_with_the_balances(
    http: aiohttp.ClientSession, signed: Any, simex: SimexHandle
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws-api/v3") as client:
        subscribed = await ask(client, id="1", method=SUBSCRIBE, params=signed_subscription())
        await signed.place(newClientOrderId="slot1", quantity="0.01")
        await simex.inject("59000", "0.004")
        await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="slot1")
        events = [(await client.receive_json(timeout=5))["event"] for _ in range(6)]

    reports, positions = events[0::2], events[1::2]
    assert subscribed == {"id": "1", "status": 200, "result": {"subscriptionId": 0}}
    assert [(each["x"], each["X"]) for each in reports] == [
        ("NEW", "NEW"),
        ("TRADE", "PARTIALLY_FILLED"),
        ("CANCELED", "CANCELED"),
    ]
    assert [(each["c"], each["C"]) for each in reports][:2] == [("slot1", ""), ("slot1", "")]
    assert reports[2]["C"] == "slot1"
    assert (reports[1]["l"], reports[1]["L"], reports[1]["n"], reports[1]["N"]) == (
        "0.00400000",
        "59000.00000000",
        "0.00000400",
        "BTC",
    )
    assert {each["e"] for each in positions} == {"outboundAccountPosition"}
    assert positions[-1]["B"] == [
        {"a": "BTC", "f": "1.00399600", "l": "0.00000000"},
        {"a": "USDT", "f": "99764.00000000", "l": "0.00000000"},
    ]


async def test_an_ended_subscription_hears_nothing_more(
    http: aiohttp.ClientSession, signed: Any, simex: SimexHandle
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws-api/v3") as client:
        await ask(client, id=1, method=SUBSCRIBE, params=signed_subscription())
        second = await ask(client, id=2, method=SUBSCRIBE, params=signed_subscription())
        ended = await ask(client, id=3, method="userDataStream.unsubscribe", params={"subscriptionId": 0})
        unknown = await ask(client, id=4, method="userDataStream.unsubscribe", params={"subscriptionId": 9})
        await signed.place()
        heard = [(await client.receive_json(timeout=5))["subscriptionId"] for _ in range(2)]
        pong = await ask(client, id=5, method="ping")

    assert second["result"] == {"subscriptionId": 1}
    assert ended == {"id": 3, "status": 200, "result": {}}
    assert unknown["error"]["code"] == -1130
    assert heard == [1, 1]
    assert pong == {"id": 5, "status": 200, "result": {}}


async def test_a_client_that_does_not_read_is_cut_off_and_costs_nobody_else_anything(
    signed: Any, simex: SimexHandle, http: aiohttp.ClientSession
) -> None:
    host, port = simex.http_url.removeprefix("http://").split(":")
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect((host, int(port)))
    handshake = "GET /ws/btcusdt@trade HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    deaf.sendall(f"{handshake}Sec-WebSocket-Key: {'A' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    async with http.ws_connect(f"{simex.http_url}/ws/btcusdt@bookTicker") as hearing:
        reading = asyncio.create_task(_count(hearing))
        await simex.advance(50_000)
        status, _ = await signed.place(price="59000")

    assert status == 200
    assert await reading == 50_000 // 200
    received = await asyncio.to_thread(_drained, deaf)
    assert b'"t":1,' in received
    assert b'"t":50000,' not in received


async def _count(hearing: aiohttp.ClientWebSocketResponse) -> int:
    return len([message async for message in hearing])


def _drained(deaf: socket.socket) -> bytes:
    """All that reaches the socket until its other end is closed."""
    deaf.settimeout(10)
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := deaf.recv(65_536):
            parts.append(part)
    deaf.close()
    return b"".join(parts)


async def test_tickers_come_once_a_second_when_something_traded(
    http: aiohttp.ClientSession, simex: SimexHandle
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws/btcusdt@ticker") as client:
        await simex.inject("61000", "2", Side.BUY)
        frame = await client.receive_json(timeout=5)

    assert (frame["e"], frame["c"], frame["Q"], frame["n"]) == ("24hrTicker", "61000.00000000", "2.00000000", 1)
