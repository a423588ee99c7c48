"""The limits as clients meet them: headers, 429 with Retry-After, 418 with its ban, sockets that are closed."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support  # noqa: TID251  the client whose back-off is asked for
import pytest

from gridtesting.live.simex import SimexHandle, running_simex
from simex.access.limits import LimitSettings

T0 = 20_000 * 86_400_000  # a day begins


@dataclass
class Clock:
    """The venue's clock, set by the test."""

    now_ms: int = T0

    def __call__(self) -> int:
        return self.now_ms


@dataclass(frozen=True)
class Exchange:
    """A simex with limits, and a client that signs by its clock."""

    simex: SimexHandle
    clock: Clock
    http: aiohttp.ClientSession
    sign: Callable[..., str]

    async def get(self, path: str) -> aiohttp.ClientResponse:
        return await self.http.get(f"{self.simex.http_url}/api/v3/{path}")

    async def order(self, **changes: str) -> aiohttp.ClientResponse:
        order = {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.001",
            "price": "59000", "timestamp": str(self.clock()),
        }  # fmt: skip
        query = self.sign(**(order | changes))
        url = f"{self.simex.http_url}/api/v3/order?{query}"
        return await self.http.post(url, headers={"X-MBX-APIKEY": "simex"})


@pytest.fixture
async def open_exchange(tmp_path: Path, sign: Callable[..., str]) -> AsyncIterator[Callable[..., Any]]:
    """Opens an exchange with such limits."""
    async with AsyncExitStack() as stack:

        async def enter(**limits: int) -> Exchange:
            clock = Clock()
            simex = await stack.enter_async_context(
                running_simex(tmp_path, clock_ms=clock, limits=LimitSettings(**limits))
            )
            return Exchange(simex, clock, await stack.enter_async_context(aiohttp.ClientSession()), sign)

        yield enter


async def test_every_answer_has_the_weight_and_those_of_orders_their_count(open_exchange: Callable[..., Any]) -> None:
    deployment = await open_exchange()
    await deployment.get("exchangeInfo")
    reply = await deployment.get("depth?symbol=BTCUSDT&limit=500")
    assert reply.headers["X-MBX-USED-WEIGHT-1M"] == reply.headers["X-MBX-USED-WEIGHT"] == "45"
    assert not [name for name in reply.headers if "ORDER-COUNT" in name]
    nonsense = await deployment.get("depth")
    assert (nonsense.status, nonsense.headers["X-MBX-USED-WEIGHT-1M"]) == (400, "50")
    placed = await deployment.order()
    counts = {name: value for name, value in placed.headers.items() if name.startswith("X-MBX")}
    assert counts == {
        "X-MBX-ORDER-COUNT-10S": "1", "X-MBX-ORDER-COUNT-1D": "1",
        "X-MBX-USED-WEIGHT": "50", "X-MBX-USED-WEIGHT-1M": "50",
    }  # fmt: skip


async def test_a_client_that_asks_too_much_has_to_wait_then_is_banned_then_admitted_again(
    open_exchange: Callable[..., Any],
) -> None:
    deployment = await open_exchange(request_weight=20, ban_after=1)
    deployment.clock.now_ms += 45_500
    assert (await deployment.get("exchangeInfo")).status == 200
    refused = await deployment.get("ping")
    assert (refused.status, refused.headers["Retry-After"], (await refused.json())["code"]) == (429, "15", -1003)
    banned = await deployment.get("ping")
    until_ms = deployment.clock.now_ms + 120_000
    assert (banned.status, banned.headers["Retry-After"]) == (418, "120")
    sentence = f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams for live"
    assert await banned.json() == {"code": -1003, "msg": f"{sentence} updates to avoid bans."}
    deployment.clock.now_ms = until_ms - 1
    assert (await deployment.order()).status == 418
    assert not (await deployment.simex.truth()).orders, "who is banned places nothing"
    deployment.clock.now_ms = until_ms
    assert (await deployment.get("ping")).status == 200


async def test_an_account_is_stopped_where_its_orders_rest_and_goes_on_where_they_trade(
    open_exchange: Callable[..., Any],
) -> None:
    deployment = await open_exchange(orders_10s=5)
    for expected in (1, 2, 3, 4, 5):
        assert (await deployment.order()).headers["X-MBX-ORDER-COUNT-10S"] == str(expected)
    refused = await deployment.order()
    assert (refused.status, "Retry-After" in refused.headers) == (429, False)
    assert await refused.json() == {
        "code": -1015,
        "msg": "Too many new orders; current limit is 5 orders per 10 SECOND.",
    }
    assert len((await deployment.simex.truth()).orders) == 5
    await deployment.simex.inject("58900", "1")
    for _ in range(20):
        taker = await deployment.order(price="60000", quantity="0.0001")
        assert taker.headers["X-MBX-ORDER-COUNT-10S"] == "0", "it has traded"
    assert (await deployment.order(price="58000")).headers["X-MBX-ORDER-COUNT-10S"] == "1"


async def test_too_many_orders_stop_places_alone(open_exchange: Callable[..., Any], sign: Callable[..., str]) -> None:
    deployment = await open_exchange(orders_day=1)
    await deployment.order(newClientOrderId="rests")
    assert (await deployment.order()).status == 429
    headers, now = {"X-MBX-APIKEY": "simex"}, str(deployment.clock())
    url = f"{deployment.simex.http_url}/api/v3"
    read = await deployment.http.get(f"{url}/openOrders?{sign(symbol='BTCUSDT', timestamp=now)}", headers=headers)
    assert [each["clientOrderId"] for each in await read.json()] == ["rests"]
    query = sign(symbol="BTCUSDT", origClientOrderId="rests", timestamp=now)
    assert (await deployment.http.delete(f"{url}/order?{query}", headers=headers)).status == 200


async def test_ccxt_reads_a_limit_as_one(open_exchange: Callable[..., Any], point_at: Callable[..., Any]) -> None:
    deployment = await open_exchange(request_weight=45)
    client = point_at(ccxt.async_support.binance, deployment.simex.http_url.removeprefix("http://"))
    try:
        await client.load_markets()
        await client.fetch_order_book("BTC/USDT", limit=500)
        with pytest.raises(ccxt.DDoSProtection):
            await client.fetch_order_book("BTC/USDT", limit=500)
    finally:
        await client.close()


async def test_a_restart_has_counted_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        limits = LimitSettings(request_weight=20)
        async with running_simex(tmp_path, clock_ms=Clock(), limits=limits) as simex, aiohttp.ClientSession() as http:
            statuses = [(await http.get(f"{simex.http_url}/api/v3/{path}")).status for path in ("exchangeInfo", "ping")]
            assert statuses == [200, 429]


async def test_the_websocket_api_has_the_same_limits_and_returns_until_when(open_exchange: Callable[..., Any]) -> None:
    deployment = await open_exchange(request_weight=23, ban_after=1)
    async with deployment.http.ws_connect(f"{deployment.simex.http_url}/ws-api/v3") as socket:
        answers = []
        for method in ("ping", "exchangeInfo", "ping", "ping"):
            await socket.send_json({"id": method, "method": method})
            answers.append(await socket.receive_json(timeout=30))
        closed = await socket.receive(10)
    ping, _, refused, banned = answers
    weight = {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 23}
    assert ping["rateLimits"] == [{**weight, "count": 3}], "opening the socket weighed 2"
    assert (refused["status"], refused["error"]["code"]) == (429, -1003)
    assert refused["error"]["data"] == {"serverTime": T0, "retryAfter": T0 + 60_000}
    assert (banned["status"], banned["error"]["data"]["retryAfter"]) == (418, T0 + 120_000)
    assert (closed.type, closed.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.POLICY_VIOLATION)
    assert (await deployment.get("ping")).status == 418


async def test_too_many_sockets_are_refused(open_exchange: Callable[..., Any]) -> None:
    deployment = await open_exchange(connections=2)
    for path in ("ws", "ws-api/v3"):
        async with deployment.http.ws_connect(f"{deployment.simex.http_url}/{path}"):
            pass
    for path in ("ws/btcusdt@trade", "stream?streams=btcusdt@trade", "ws-api/v3"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await deployment.http.ws_connect(f"{deployment.simex.http_url}/{path}")
        assert refused.value.status == 429
    deployment.clock.now_ms += 300_000
    async with deployment.http.ws_connect(f"{deployment.simex.http_url}/ws"):
        pass


async def test_a_stream_s_client_that_talks_too_fast_is_disconnected(open_exchange: Callable[..., Any]) -> None:
    deployment = await open_exchange()
    async with deployment.http.ws_connect(f"{deployment.simex.http_url}/ws") as socket:
        for number in range(1, 7):
            await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": number})
        answered = [json.loads((await socket.receive(10)).data)["id"] for _ in range(5)]
        closed = await socket.receive(10)
    assert answered == [1, 2, 3, 4, 5]
    assert closed.type is aiohttp.WSMsgType.CLOSE
    assert closed.data == aiohttp.WSCloseCode.POLICY_VIOLATION
