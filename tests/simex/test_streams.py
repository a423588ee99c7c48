"""The websockets, as ccxt.pro uses them and as they are on the wire."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gridsim.orders import Side
from gridtesting.live.simex import SimexHandle, running_simex

BTC = "BTC/USDT"


async def watched(simex: SimexHandle, watching: Any, symbol: str = BTC) -> Any:
    """Returns what a watch gives: the market moves until something has been received."""
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


async def test_ccxt_pro_receives_a_cancel_under_the_orders_own_id(binance_pro: Any) -> None:
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
    return await client.receive_json(timeout=30)


async def test_streams_are_subscribed_listed_and_left_by_message(
    http: aiohttp.ClientSession, simex: SimexHandle
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws/7") as client:
        subscribed = await ask(client, method="SUBSCRIBE", params=["btcusdt@trade", "btcusdt@aggTrade"], id=1)
        listed = await ask(client, method="LIST_SUBSCRIPTIONS", id="two")
        left = await ask(client, method="UNSUBSCRIBE", params=["btcusdt@trade"], id=3)
        await simex.advance(1)
        frame = await client.receive_json(timeout=30)

    assert subscribed == {"result": None, "id": 1}
    assert listed == {"result": ["btcusdt@trade", "btcusdt@aggTrade"], "id": "two"}
    assert left == {"result": None, "id": 3}
    assert frame["e"] == "aggTrade"


UNKNOWN_METHOD = (
    "unknown variant `DANCE`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, "
    "`GET_PROPERTY`"
)

NO_LIST, BAD_ID = "params must be a list of stream names", "request ID must be an unsigned integer"
TO_X = '{"method": "SUBSCRIBE", "params": ["x@trade"], '
SET = '{"method": "SET_PROPERTY", "id": 3, "params": '


@pytest.mark.parametrize(
    ("text", "code", "message", "request_id"),
    [
        ("nonsense", 3, "Invalid JSON: expected value at line 1 column 1", None),
        ("[" * 100_000, 3, "Invalid JSON: expected value at line 1 column 1", None),
        ("[1]", 2, "Invalid request: expected an object", None),
        ('{"id": 1}', 2, "Invalid request: missing field `method`", None),
        ('{"method": "DANCE", "id": 1}', 2, f"Invalid request: {UNKNOWN_METHOD}", 1),
        ('{"method": "SUBSCRIBE", "params": 1, "id": "a"}', 2, f"Invalid request: {NO_LIST}", "a"),
        (f'{TO_X}"id": 1.5}}', 2, f"Invalid request: {BAD_ID}", None),
        (f'{TO_X}"id": "a b"}}', 2, f"Invalid request: {BAD_ID}", None),
        ('{"method": "GET_PROPERTY", "params": ["other"], "id": 2}', 0, "Unknown property", 2),
        ('{"method": "GET_PROPERTY", "params": [], "id": 2}', 2, "Invalid request: property name must be a string", 2),
        (f'{SET}["combined", 1]}}', 1, "Invalid value type: expected Boolean", 3),
        (f'{SET}["combined", true, 1]}}', 2, "Invalid request: too many parameters", 3),
    ],
)  # fmt: skip
async def test_a_request_that_makes_no_sense_is_answered_not_dropped(
    http: aiohttp.ClientSession, simex: SimexHandle, text: str, code: int, message: str, request_id: object
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws") as client:
        await client.send_str(text)
        answer = await client.receive_json(timeout=30)
        alive = await ask(client, method="SUBSCRIBE", params=["btcusdt@trade"], id=2)

    assert answer == {"error": {"code": code, "msg": message}, "id": request_id}
    assert alive == {"result": None, "id": 2}


@pytest.mark.parametrize("request_id", [0, -(2**63), "abcDEF0123", None])
async def test_an_id_comes_back_as_it_was_sent(
    http: aiohttp.ClientSession, simex: SimexHandle, request_id: object
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws") as client:
        answer = await ask(client, method="SUBSCRIBE", params=["btcusdt@trade"], id=request_id)

    assert answer == {"result": None, "id": request_id}


async def test_a_socket_listens_to_1024_streams_and_no_more(http: aiohttp.ClientSession, simex: SimexHandle) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws") as client:
        most = await ask(client, method="SUBSCRIBE", params=[f"x{number}@trade" for number in range(1023)], id=1)
        more = await ask(client, method="SUBSCRIBE", params=["y1@trade", "y2@trade"], id=2)
        last = await ask(client, method="SUBSCRIBE", params=["btcusdt@trade", "x0@trade"], id=3)
        listed = await ask(client, method="LIST_SUBSCRIPTIONS", id=4)
        await simex.advance(1)
        frame = await client.receive_json(timeout=30)

    assert (most, last) == ({"result": None, "id": 1}, {"result": None, "id": 3})
    assert more == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 2}
    assert len(listed["result"]) == 1024
    assert listed["result"][-1] == "btcusdt@trade"
    assert frame["e"] == "trade"


async def test_streams_names_can_be_asked_for_and_left_out_again(
    http: aiohttp.ClientSession, simex: SimexHandle
) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws/btcusdt@trade") as client:
        asked = [await ask(client, method="GET_PROPERTY", params=["combined"], id=1)]
        put = await ask(client, method="SET_PROPERTY", params=["combined", True], id=2)
        asked.append(await ask(client, method="GET_PROPERTY", params=["combined"], id=3))
        await simex.advance(1)
        frame = await client.receive_json(timeout=30)

    assert asked == [{"result": False, "id": 1}, {"result": True, "id": 3}]
    assert put == {"result": None, "id": 2}
    assert frame["stream"] == "btcusdt@trade"


async def test_a_combined_stream_names_each_frames_stream(http: aiohttp.ClientSession, simex: SimexHandle) -> None:
    async with http.ws_connect(f"{simex.http_url}/stream?streams=btcusdt@trade/btcusdt@bookTicker") as client:
        await simex.advance(1)
        frames = [await client.receive_json(timeout=30) for _ in range(2)]

    assert [frame["stream"] for frame in frames] == ["btcusdt@trade", "btcusdt@bookTicker"]
    assert frames[0]["data"]["e"] == "trade"


async def test_every_trade_is_sent_once_and_ids_have_no_gap(http: aiohttp.ClientSession, simex: SimexHandle) -> None:
    async with http.ws_connect(f"{simex.http_url}/ws/btcusdt@trade") as client:
        await simex.advance(700)
        ids = [(await client.receive_json(timeout=30))["t"] for _ in range(700)]

    assert ids == list(range(1, 701))


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
        frame = await client.receive_json(timeout=30)

    assert (frame["e"], frame["c"], frame["Q"], frame["n"]) == ("24hrTicker", "61000.00000000", "2.00000000", 1)


@pytest.mark.parametrize("path", ["ws/btcusdt@trade", "stream?streams=btcusdt@trade"])
async def test_an_exchange_that_stops_says_so_first(tmp_path: Path, http: aiohttp.ClientSession, path: str) -> None:
    async with running_simex(tmp_path) as simex:
        client = await http.ws_connect(f"{simex.http_url}/{path}")
        hearing = asyncio.create_task(client.receive_json(timeout=30))
    goodbye = await hearing
    await client.close()

    event = goodbye["data"] if "stream" in goodbye else goodbye
    assert goodbye.get("stream", "!serverShutdown") == "!serverShutdown"
    assert ("stream" in goodbye) is path.startswith("stream")
    assert set(event) == {"e", "E"}
    assert event["e"] == "serverShutdown"
