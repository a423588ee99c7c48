"""Websockets that fail on demand: what arrives, what does not, and what is cut."""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import ccxt  # noqa: TID251  the client that simex is made for
import pytest

from gridtesting.live.simex import SimexHandle
from gridwright.v1 import simex_pb2

BTC = "BTC/USDT"
Socket = aiohttp.ClientWebSocketResponse


@pytest.fixture
async def trades(simex: SimexHandle) -> AsyncIterator[Socket]:
    """A socket that receives every trade."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{simex.http_url}/ws/btcusdt@trade") as socket:
        yield socket


def signed_params(**params: object) -> dict[str, object]:
    params |= {"apiKey": "simex", "timestamp": time.time_ns() // 1_000_000}
    payload = "&".join(f"{key}={value}" for key, value in sorted(params.items()))
    return params | {"signature": hmac.new(b"simex", payload.encode(), hashlib.sha256).hexdigest()}


@pytest.fixture
async def user(simex: SimexHandle) -> AsyncIterator[Socket]:
    """A socket of the websocket API that is subscribed to the account's events."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{simex.http_url}/ws-api/v3") as socket:
        answer = await ask(socket, "userDataStream.subscribe.signature", signed_params())
        assert answer["status"] == 200
        yield socket


async def ask(socket: Socket, method: str, params: dict[str, object]) -> Any:
    await socket.send_json({"id": 1, "method": method, "params": params})
    return await socket.receive_json(timeout=30)


async def ids(socket: Socket, count: int) -> list[int]:
    return [(await socket.receive_json(timeout=30))["t"] for _ in range(count)]


@pytest.mark.parametrize(
    ("kind", "settings", "expected"),
    [
        pytest.param("DUPLICATE", {"skip": 1, "count": 1}, [1, 2, 2, 3, 4], id="one twice"),
        pytest.param("MISSING", {"skip": 1, "count": 2}, [1, 4, 5], id="two missing"),
        pytest.param("REORDER", {"skip": 1, "count": 1}, [1, 3, 2, 4], id="one overtaken"),
        pytest.param("REORDER", {"skip": 1, "count": 2}, [1, 4, 2, 3, 5], id="two overtaken"),
        pytest.param("DUPLICATE", {"stream": "user"}, [1, 2, 3], id="another stream"),
    ],
)
async def test_events_are_doubled_missing_or_reordered(
    simex: SimexHandle, trades: Socket, kind: str, settings: dict[str, Any], expected: list[int]
) -> None:
    await simex.fault(kind, **settings)

    await simex.advance(6)

    assert await ids(trades, len(expected)) == expected


@pytest.mark.parametrize("lost", [False, True])
async def test_a_silent_socket_stays_open_and_then_sends_what_it_kept_unless_that_is_lost(
    simex: SimexHandle, trades: Socket, lost: bool
) -> None:
    await simex.fault("SILENCE", skip=1, count=1, delay_ms=150, lost=lost)
    began = time.monotonic()
    await simex.advance(3)
    first = await ids(trades, 1)
    answer = asyncio.create_task(trades.receive_json(timeout=30))
    await trades.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 7})
    answered = await answer  # it carries answers, and no events
    received = 0.0
    while not received:
        await simex.advance(1)  # until one is received
        with_next = asyncio.create_task(ids(trades, 1))
        done, _ = await asyncio.wait({with_next}, timeout=0.02)
        received = time.monotonic() - began if done else 0.0
        if not done:
            with_next.cancel()
            await asyncio.wait({with_next})

    assert first == [1]
    assert answered["id"] == 7
    assert received > 0.15
    assert (with_next.result() == [2]) is not lost


async def test_a_dropped_socket_ends_silently_at_the_event_that_its_fault_strikes(
    simex: SimexHandle, trades: Socket
) -> None:
    await simex.fault("DROP", stream="public", skip=2, count=1)
    await simex.advance(2)
    received = await ids(trades, 2)
    await simex.advance(1)

    message = await trades.receive(timeout=30)

    assert received == [1, 2]
    assert message.type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}  # no CLOSE frame came
    assert trades.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


@pytest.mark.parametrize(("stream", "dropped"), [("public", 1), ("user", 1), ("", 2)])
async def test_all_sockets_of_a_kind_are_cut_at_once(
    simex: SimexHandle, trades: Socket, user: Socket, stream: str, dropped: int
) -> None:
    answer = await simex.control.DropSockets(simex_pb2.DropSocketsRequest(stream=stream))

    assert answer.dropped == dropped
    for name, socket in (("public", trades), ("user", user)):
        if stream in {"", name}:
            assert (await socket.receive(timeout=30)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
        else:
            await socket.ping()
            assert not socket.closed


async def test_a_new_socket_is_refused_and_a_later_one_let_in(simex: SimexHandle) -> None:
    await simex.fault("REFUSE_CONNECTION", stream="public", count=1)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await http.ws_connect(f"{simex.http_url}/ws")
        async with http.ws_connect(f"{simex.http_url}/ws") as socket:
            assert not socket.closed

    assert refused.value.status == 503


async def test_a_client_that_watches_finds_its_dropped_stream_again(simex: SimexHandle, binance_pro: Any) -> None:
    await binance_pro.load_markets()
    watching = asyncio.create_task(binance_pro.watch_trades(BTC))
    while not watching.done():
        await simex.advance(1)
    watching = asyncio.create_task(binance_pro.watch_trades(BTC))
    await asyncio.sleep(0)
    await simex.control.DropSockets(simex_pb2.DropSocketsRequest())
    lost: BaseException | None = None
    while lost is None:  # what had come before the cut is still sent
        await asyncio.wait({watching})
        lost, watching = watching.exception(), asyncio.create_task(binance_pro.watch_trades(BTC))
    watching.cancel()
    again = asyncio.create_task(binance_pro.watch_trades(BTC))
    while not again.done():
        await simex.advance(1)

    assert isinstance(lost, ccxt.NetworkError)
    assert (await again)[-1]["symbol"] == BTC


async def reports(user: Socket, count: int) -> list[tuple[str, str]]:
    """Client id and status of the next executionReports."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        event = (await user.receive_json(timeout=30))["event"]
        if event["e"] == "executionReport":
            found.append((event["c"], event["X"]))
    return found


async def test_the_user_stream_reports_a_late_trade_late_and_what_follows_before_it(
    simex: SimexHandle, user: Socket, signed: Any
) -> None:
    await simex.fault("LATE_TRADES", count=1, delay_ms=100)
    await signed.place(newClientOrderId="one")
    await simex.inject("58999", "1")
    await signed.place(newClientOrderId="two", price="58000")

    assert await reports(user, 3) == [("one", "NEW"), ("two", "NEW"), ("one", "FILLED")]


async def test_the_user_stream_reports_a_hidden_order_late_if_its_events_are_late(
    simex: SimexHandle, user: Socket, signed: Any
) -> None:
    await simex.fault("HIDDEN_ORDER", count=1, delay_ms=100, late_events=True)
    await signed.place(newClientOrderId="one")
    await signed.place(newClientOrderId="two", price="58000")

    assert await reports(user, 2) == [("two", "NEW"), ("one", "NEW")]


@pytest.mark.parametrize(
    ("kind", "settings", "told", "placed"),
    [
        pytest.param("SLOW_ANSWER", {"delay_ms": 100}, '"orderId":1', True, id="slow: the next is answered before"),
        pytest.param("TIMEOUT_BEFORE", {"hold_ms": 10}, None, False, id="never: the next is answered"),
        pytest.param("ERROR_CODE", {"code": -1007, "done": True}, '"code":-1007', True, id="an error, done"),
        pytest.param("STATUS", {"status": 502}, "<h1>502</h1>", False, id="a web page"),
        pytest.param("CUT_BODY", {}, '"orderId": 1', True, id="cut"),
        pytest.param("EMPTY_200", {}, "", True, id="empty"),
    ],
)
async def test_faults_of_requests_strike_orders_over_the_websocket_as_well(
    simex: SimexHandle, kind: str, settings: dict[str, Any], told: str | None, placed: bool
) -> None:
    await simex.fault(kind, endpoint="POST order", **settings)
    order = {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "59000",
    }  # fmt: skip
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{simex.http_url}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "order.place", "params": signed_params(**order)})
        await socket.send_json({"id": 2, "method": "ping"})
        answered = await socket.receive_json(timeout=30)
        late = None if told is None else await socket.receive_str(timeout=30)

    assert answered["id"] == 2
    assert late == told or (late and told and told in late), late
    (request,) = await simex.requests("POST order")
    assert (request.transport, request.reached) == ("WS", placed)
    assert len((await simex.truth()).orders) == placed


async def test_a_reset_over_the_websocket_cuts_it(simex: SimexHandle) -> None:
    await simex.fault("RESET_BEFORE", endpoint="GET ping")
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{simex.http_url}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "ping"})

        assert (await socket.receive(timeout=30)).type in {aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR}
