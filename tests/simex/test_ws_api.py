"""The websocket API: endpoints by their names there, signed requests, rate limits in answers, sessions; ccxt on it."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from gridtesting.live.simex import SimexHandle

BTC = "BTC/USDT"
ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "58000",
}

Ask = Callable[..., Awaitable[Any]]


def signed(params: dict[str, Any], secret: str = "simex") -> dict[str, Any]:
    """Signed as Binance asks for: sorted by name, booleans as JSON writes them."""
    params = {"apiKey": "simex", "timestamp": time.time_ns() // 1_000_000} | params
    words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
    payload = "&".join(f"{name}={value}" for name, value in sorted(words.items()))
    return params | {"signature": hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()}


@pytest.fixture
async def socket(simex: SimexHandle) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{simex.http_url}/ws-api/v3") as socket:
        yield socket


@pytest.fixture
def ask(socket: aiohttp.ClientWebSocketResponse) -> Ask:
    """Asks, signed or not, and gives the answer."""

    async def asked(method: str, params: dict[str, Any] | None = None, *, sign: bool = True) -> Any:
        await socket.send_json({"id": "1", "method": method, "params": signed(params or {}) if sign else params or {}})
        return await socket.receive_json(timeout=30)

    return asked


async def test_an_order_is_placed_looked_up_and_cancelled(ask: Ask) -> None:
    tested = await ask("order.test", ORDER)
    placed = await ask("order.place", ORDER | {"newClientOrderId": "slot1"})
    found = await ask("order.status", {"symbol": "BTCUSDT", "origClientOrderId": "slot1"})
    opened = await ask("openOrders.status", {"symbol": "BTCUSDT"})
    cancelled = await ask("order.cancel", {"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]})
    unknown = await ask("order.cancel", {"symbol": "BTCUSDT", "orderId": placed["result"]["orderId"]})

    assert (tested["status"], tested["result"]) == (200, {})
    assert (placed["id"], placed["status"], placed["result"]["status"]) == ("1", 200, "NEW")
    assert found["result"]["orderId"] == opened["result"][0]["orderId"] == placed["result"]["orderId"]
    assert cancelled["result"]["status"] == "CANCELED"
    assert (unknown["status"], unknown["error"]) == (400, {"code": -2011, "msg": "Unknown order sent."})


async def test_an_order_is_replaced_and_half_a_failure_is_a_409(ask: Ask) -> None:
    await ask("order.place", ORDER | {"newClientOrderId": "old"})
    replace = ORDER | {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrigClientOrderId": "old"}

    whole = await ask("order.cancelReplace", replace)
    half = await ask("order.cancelReplace", replace)
    neither = await ask("order.cancelReplace", replace | {"cancelReplaceMode": "STOP_ON_FAILURE"})
    left = await ask("openOrders.cancelAll", {"symbol": "BTCUSDT"})

    assert (whole["status"], whole["result"]["newOrderResult"]) == (200, "SUCCESS")
    assert (half["status"], half["error"]["code"], half["error"]["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")
    assert (neither["status"], neither["error"]["code"]) == (400, -2022)
    assert [each["status"] for each in left["result"]] == ["CANCELED", "CANCELED"]


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("account.status", "account", {"omitZeroBalances": True}),
        ("account.commission", "account/commission", {"symbol": "BTCUSDT"}),
        ("account.rateLimits.orders", "rateLimit/order", {}),
        ("allOrders", "allOrders", {"symbol": "BTCUSDT"}),
        ("myTrades", "myTrades", {"symbol": "BTCUSDT"}),
        ("myPreventedMatches", "myPreventedMatches", {"symbol": "BTCUSDT", "orderId": 1}),
        ("openOrders.status", "openOrders", {}),
        ("order.status", "order", {"symbol": "BTCUSDT", "orderId": 1}),
        ("order.status", "order", {"symbol": "BTCUSDT", "orderId": 9}),
    ],
)
async def test_an_account_gets_the_same_over_both_transports(
    ask: Ask, simex: SimexHandle, point_at: Any, method: str, path: str, params: dict[str, Any]
) -> None:
    await ask("order.place", ORDER | {"quantity": "0.001", "price": "60010"})
    await ask("order.place", ORDER)

    over_socket = await ask(method, params)
    async with aiohttp.ClientSession() as http:
        query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in params.items()}
        query["timestamp"] = time.time_ns() // 1_000_000
        text = "&".join(f"{name}={value}" for name, value in query.items())
        signature = hmac.new(b"simex", text.encode(), hashlib.sha256).hexdigest()
        url = f"{simex.http_url}/api/v3/{path}?{text}&signature={signature}"
        async with http.get(url, headers={"X-MBX-APIKEY": "simex"}) as reply:
            status, over_http = reply.status, await reply.json()

    reported = over_socket.get("result", over_socket.get("error"))
    for each in (reported, over_http):
        if isinstance(each, dict):
            each.pop("updateTime", None)
    assert over_socket["status"] == status
    assert reported == over_http


@pytest.mark.parametrize(
    ("method", "params", "key"),
    [
        ("ping", {}, None),
        ("time", {}, "serverTime"),
        ("exchangeInfo", {"symbols": ["BTCUSDT"]}, "symbols"),
        ("depth", {"symbol": "BTCUSDT", "limit": 5}, "bids"),
        ("ticker.price", {"symbol": "BTCUSDT"}, "price"),
        ("v3/ticker.book", {"symbol": "BTCUSDT"}, "bidPrice"),
    ],
)
async def test_the_public_ones_need_no_key(ask: Ask, method: str, params: dict[str, Any], key: str | None) -> None:
    answer = await ask(method, params, sign=False)

    assert answer["status"] == 200
    assert answer["result"] == {} if key is None else key in answer["result"]


async def test_every_answer_shows_what_is_used_of_the_limits_unless_asked_not_to(ask: Ask, simex: SimexHandle) -> None:
    placed = await ask("order.place", ORDER)
    refused = await ask("order.place", ORDER | {"quantity": "5"})
    pinged = await ask("ping", sign=False)
    quiet = await ask("ping", {"returnRateLimits": False}, sign=False)
    also_quiet = await ask("order.place", ORDER | {"returnRateLimits": False})
    url = f"{simex.http_url}/ws-api/v3?returnRateLimits=false"
    async with aiohttp.ClientSession() as http, http.ws_connect(url) as other:
        await other.send_json({"id": 1, "method": "ping"})
        by_url = await other.receive_json(timeout=30)
        await other.send_json({"id": 2, "method": "ping", "params": {"returnRateLimits": True}})
        asked_for = await other.receive_json(timeout=30)

    kinds = [
        [each["rateLimitType"] for each in answer["rateLimits"]] for answer in (placed, refused, pinged, asked_for)
    ]
    assert kinds == [["ORDERS", "ORDERS", "REQUEST_WEIGHT"]] * 2 + [["REQUEST_WEIGHT"]] * 2
    assert set(placed["rateLimits"][0]) == {"rateLimitType", "interval", "intervalNum", "limit", "count"}
    assert quiet == {"id": "1", "status": 200, "result": {}}
    assert (also_quiet["status"], "rateLimits" in also_quiet) == (200, False)
    assert by_url == {"id": 1, "status": 200, "result": {}}


@pytest.mark.parametrize(
    "method", ["session.status", "session.logout", "session.subscriptions", "userDataStream.unsubscribe"]
)
async def test_what_only_a_socket_can_ask_weighs_two(ask: Ask, method: str) -> None:
    before = (await ask("ping", sign=False))["rateLimits"][0]["count"]

    assert (await ask(method, sign=False))["rateLimits"][0]["count"] == before + 2


async def test_nobody_can_log_on_with_an_hmac_key(ask: Ask) -> None:
    before = await ask("session.status", sign=False)
    refused = await ask("session.logon")
    forged = await ask("session.logon", {"apiKey": "other"})
    out = await ask("session.logout", sign=False)
    await ask("userDataStream.subscribe.signature")
    after = await ask("session.status", sign=False)

    assert (refused["status"], refused["error"]) == (
        400, {"code": -4056, "msg": "HMAC_SHA256 API key is not supported."},
    )  # fmt: skip
    assert forged["error"]["code"] == -2015
    status = before["result"]
    assert (status["apiKey"], status["authorizedSince"], status["returnRateLimits"]) == (None, None, True)
    assert status["connectedSince"] <= status["serverTime"]
    assert out["result"].keys() == status.keys()
    assert (status["userDataStream"], after["result"]["userDataStream"]) == (False, True)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("nonsense", -1135, id="no JSON"),
        pytest.param("[]", -1135, id="no object"),
        pytest.param('{"id": 7, "method": "time", "params": [1]}', -1135, id="params no object"),
        pytest.param('{"id": 7, "method": "time", "params": {"x": {}}}', -1135, id="nested"),
        pytest.param('{"id": 7, "method": "dance"}', -1020, id="no method"),
        pytest.param('{"id": 7, "method": "time", "params": {"x": 1}}', -1101, id="none taken"),
        pytest.param('{"id": 7, "method": "depth", "params": {"symbol": null}}', -1105, id="null"),
        pytest.param('{"id": 7, "method": "ping", "params": {"returnRateLimits": "no"}}', -1130, id="no truth"),
        pytest.param('{"id": [7], "method": "ping"}', -1130, id="no id"),
        pytest.param('{"id": 7, "method": "order.place", "params": {"symbol": "BTCUSDT"}}', -2014, id="no key"),
        pytest.param('{"id": 7, "method": "account.status", "params": {"apiKey": "simex"}}', -1102, id="unsigned"),
        pytest.param('{"id": 7, "method": "time", "params": {"\\ud800": "\\udfff"}}', -1101, id="half a character"),
        pytest.param("[" * 50_000, -1135, id="deep"),
        pytest.param('{"id": ' + "9" * 5_000 + "}", -1135, id="a long number"),
    ],
)
async def test_what_makes_no_sense_is_answered_and_the_socket_lives(
    socket: aiohttp.ClientWebSocketResponse, ask: Ask, text: str, code: int
) -> None:
    await socket.send_str(text)
    answer = await socket.receive_json(timeout=30)

    assert answer["error"]["code"] == code
    assert answer["id"] == (7 if text.startswith('{"id": 7') else None)
    assert (await ask("ping", sign=False))["status"] == 200


async def test_numbers_are_signed_as_they_are_written(socket: aiohttp.ClientWebSocketResponse) -> None:
    stamp = time.time_ns() // 1_000_000
    words = f"side=BUY&symbol=BTCUSDT&timeInForce=GTC&timestamp={stamp}&type=LIMIT"
    payload = f"apiKey=simex&price=58000.10&quantity=1e-2&{words}"
    signature = hmac.new(b"simex", payload.encode(), hashlib.sha256).hexdigest()
    texts = '"apiKey":"simex","side":"BUY","symbol":"BTCUSDT","timeInForce":"GTC","type":"LIMIT"'

    await socket.send_str(
        f'{{"id":1,"method":"order.place","params":{{"price":58000.10,"quantity":1e-2,"timestamp":{stamp},{texts},'
        f'"signature":"{signature}"}}}}'
    )
    answer = await socket.receive_json(timeout=30)

    assert answer["error"]["code"] == -1100  # the signature was right; 1e-2 is no way to write a quantity


async def test_ccxt_pro_trades_over_the_socket(binance_pro: Any, simex: SimexHandle) -> None:
    await binance_pro.load_markets()

    placed = await binance_pro.create_order_ws(BTC, "limit", "buy", 0.01, 58_000, {"newClientOrderId": "slot1"})
    edited = await binance_pro.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.01, 59_000)
    found = await binance_pro.fetch_order_ws(edited["id"], BTC)
    bought = await binance_pro.create_order_ws(BTC, "market", "buy", 0.001)
    opened = await binance_pro.fetch_open_orders_ws(BTC)
    trades = await binance_pro.fetch_my_trades_ws(BTC)
    balance = await binance_pro.fetch_balance_ws()
    cancelled = await binance_pro.cancel_order_ws(edited["id"], BTC)
    await binance_pro.create_order_ws(BTC, "limit", "buy", 0.01, 57_000)
    await binance_pro.cancel_all_orders_ws(BTC)
    orders = await binance_pro.fetch_orders_ws(BTC)

    assert (placed["status"], placed["clientOrderId"]) == ("open", "slot1")
    assert (edited["status"], found["price"], [each["id"] for each in opened]) == ("open", 59_000, [edited["id"]])
    assert [each["order"] for each in trades] == [bought["id"]]
    assert balance["info"]["balances"][1]["locked"] == "590.00000000"  # ccxt parses no spot balance here
    assert cancelled["status"] == "canceled"
    assert [each["status"] for each in orders] == ["canceled", "canceled", "closed", "canceled"]


async def test_ccxt_replaces_tests_and_buys_for_an_amount(binance: Any) -> None:
    placed = await binance.create_order(BTC, "limit", "buy", 0.01, 58_000)
    edited = await binance.edit_order(placed["id"], BTC, "limit", "buy", 0.02, 57_000)
    bought = await binance.create_market_buy_order_with_cost(BTC, 100)
    await binance.create_order(BTC, "limit", "buy", 0.01, 58_000, {"test": True})

    assert (edited["status"], edited["amount"], edited["price"]) == ("open", 0.02, 57_000)
    assert bought["status"] == "closed"
    assert 99 < bought["cost"] <= 100
    assert [each["id"] for each in await binance.fetch_open_orders(BTC)] == [edited["id"]]
