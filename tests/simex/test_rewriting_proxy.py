"""The proxy that tests put between services and simex: it forwards everything, and changes what the test asks for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import ccxt.async_support  # noqa: TID251  the client that goes through it
import ccxt.pro  # noqa: TID251
import pytest

from gridtesting.live.rewriting_proxy import DROP, RewritingProxy, rewriting_proxy
from gridtesting.live.simex import SimexHandle

BTC = "BTC/USDT"
DENIED = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}


@pytest.fixture
async def proxy(simex: SimexHandle) -> AsyncIterator[RewritingProxy]:
    async with rewriting_proxy(simex.http_url) as running:
        yield running


@pytest.fixture
async def client(proxy: RewritingProxy, point_at: Callable[..., Any]) -> AsyncIterator[Any]:
    """ccxt through the proxy."""
    client = point_at(ccxt.async_support.binance, proxy.address)
    yield client
    await client.close()


@pytest.fixture
async def through(proxy: RewritingProxy, signed: Any) -> AsyncIterator[Any]:
    """The plain client through the proxy."""
    async with aiohttp.ClientSession() as http:
        yield type(signed)(http, proxy.url)


async def test_without_rules_ccxt_trades_through_it_and_signatures_hold(client: Any, proxy: RewritingProxy) -> None:
    order = await client.create_order(BTC, "limit", "buy", 0.01, 59_000, {"clientOrderId": "through"})
    assert [each["id"] for each in await client.fetch_open_orders(BTC)] == [order["id"]]
    await client.cancel_order(order["id"], BTC)
    (placed,) = proxy.seen("POST", "order")
    assert placed.params["newClientOrderId"] == "through"
    assert "X-MBX-USED-WEIGHT-1M" in client.last_response_headers


async def test_an_answer_is_changed_as_often_as_said_and_by_what_was_asked(
    through: Any, signed: Any, proxy: RewritingProxy
) -> None:
    await signed.place()
    strange = {"orderId": 99, "type": "SOMETHING", "price": None}
    proxy.rewrite("GET", "openOrders", lambda it: it.with_body([strange, *it.body]), times=1)
    seen = (await through.call("GET", "openOrders", symbol="BTCUSDT"))[1]
    assert [each["orderId"] for each in seen] == [99, 1]
    assert [each["orderId"] for each in (await through.call("GET", "openOrders", symbol="BTCUSDT"))[1]] == [1]

    def only_btc(it: Any) -> Any:
        return it.with_body({}) if it.asked.params.get("symbol") == "BTCUSDT" else it

    remove = proxy.rewrite("GET", "myTrades", only_btc)
    assert await through.call("GET", "myTrades", symbol="BTCUSDT") == (200, {})
    remove()
    assert await through.call("GET", "myTrades", symbol="BTCUSDT") == (200, [])


async def test_an_answer_may_be_a_text_another_status_or_nothing(through: Any, proxy: RewritingProxy) -> None:
    proxy.rewrite("GET", "account", lambda it: it.with_body("<html>busy</html>", status=503), times=1)
    async with through.http.get(f"{proxy.url}/api/v3/account") as reply:
        assert (reply.status, reply.content_type, await reply.text()) == (503, "text/html", "<html>busy</html>")
    proxy.rewrite("POST", "order", lambda _: DROP, times=1)
    with pytest.raises(aiohttp.ClientError):
        await through.place(newClientOrderId="done")
    assert len((await through.call("GET", "openOrders"))[1]) == 1, "the exchange has it"


async def test_a_refusal_or_a_drop_never_reaches_the_exchange(
    through: Any, proxy: RewritingProxy, simex: SimexHandle
) -> None:
    proxy.refuse("POST", "order", 401, DENIED, times=1)
    assert await through.place() == (401, DENIED)
    proxy.refuse("GET", "time", 429, {"code": -1003, "msg": "…"}, headers={"Retry-After": "7"}, times=1)
    async with through.http.get(f"{proxy.url}/api/v3/time") as reply:
        assert (reply.status, reply.headers["Retry-After"]) == (429, "7")
    proxy.drop("POST", "order", times=1)
    with pytest.raises(aiohttp.ClientError):
        await through.place()
    assert not await simex.requests("POST order")
    assert (await through.place())[0] == 200


async def test_events_are_changed_swallowed_and_passed_on(proxy: RewritingProxy, simex: SimexHandle) -> None:
    url = f"{proxy.url}/stream?streams=btcusdt@trade"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as socket:
        await simex.inject("60010", "1")
        message = await socket.receive_json(timeout=30)
        assert (message["stream"], message["data"]["p"]) == ("btcusdt@trade", "60010.00000000")
        proxy.rewrite_events(lambda event: event | {"p": "1.00000000"})
        await simex.inject("60020", "1")
        assert (await socket.receive_json(timeout=30))["data"]["p"] == "1.00000000"
        proxy.clear()
        proxy.rewrite_events(lambda event: None if event["p"] == "60030.00000000" else event)
        await simex.inject("60030", "1")
        await simex.inject("60040", "1")
        assert (await socket.receive_json(timeout=30))["data"]["p"] == "60040.00000000"


async def test_ccxt_watches_its_orders_through_it(
    proxy: RewritingProxy, point_at: Callable[..., Any], signed: Any
) -> None:
    client = point_at(ccxt.pro.binance, proxy.address)
    try:
        watching = asyncio.create_task(client.watch_orders(BTC))
        async with asyncio.timeout(60):
            while not watching.done():  # an order before the subscription is not sent
                await signed.place(quantity="0.001")
                await asyncio.wait({watching}, timeout=0.2)
        assert watching.result()[0]["status"] == "open"
    finally:
        await client.close()


async def test_the_user_stream_passes_with_its_envelope_kept(
    proxy: RewritingProxy, simex: SimexHandle, sign: Callable[..., str], signed: Any
) -> None:
    proxy.rewrite_events(lambda event: event | {"r": "CHANGED"} if event["e"] == "executionReport" else event)
    _, time = await signed.public("time")
    params = {"apiKey": "simex", "timestamp": time["serverTime"]}
    params["signature"] = sign(**params).rpartition("=")[2]
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{proxy.url}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        assert (await socket.receive_json(timeout=30))["result"] == {"subscriptionId": 0}
        await signed.place()
        message = await socket.receive_json(timeout=30)
        assert (message["subscriptionId"], message["event"]["X"], message["event"]["r"]) == (0, "NEW", "CHANGED")


async def test_who_is_cut_by_the_exchange_is_cut_by_the_proxy(proxy: RewritingProxy, simex: SimexHandle) -> None:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{proxy.url}/ws/btcusdt@trade") as socket:
        await simex.wipe()
        await socket.receive(timeout=30)
        assert socket.closed
