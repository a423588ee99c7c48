"""Every refusal with the code, the text and the HTTP status that Binance answers."""

import hashlib
import hmac
import time
from typing import Any

import pytest

NOW = time.time_ns() // 1_000_000

INSUFFICIENT = "Account has insufficient balance for requested action."
WOULD_MATCH = "Order would immediately match and take."
LATE = "Timestamp for this request is outside of the recvWindow."
EARLY = "Timestamp for this request was 1000ms ahead of the server's time."
TWICE = "Duplicate values for a parameter detected."
TOO_PRECISE = "Parameter 'quantity' has too much precision."
ILLEGAL_PRICE = r"Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'."
ILLEGAL_ID = "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'."


NO_TRIGGER = "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"
TRIGGERS = "Order would trigger immediately."
STOP = {"type": "STOP_LOSS_LIMIT", "stopPrice": "61000", "price": "61100"}
NO_ICEBERGS = "Iceberg orders are not supported for this symbol."
NO_PEGS = "Pegged orders are not supported for this symbol."
NO_SUCH_MODE = "This symbol does not allow the specified self-trade prevention mode."
NO_QUANTITY = "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"
UNREAD = "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."
MARKET = {"type": "MARKET", "timeInForce": None, "price": None}


def missing(name: str) -> str:
    return f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def not_required(name: str) -> str:
    return f"Parameter '{name}' sent when not required."


def invalid(name: str) -> str:
    return f"Data sent for parameter '{name}' is not valid."


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        pytest.param({"symbol": None}, -1102, missing("symbol"), id="no symbol"),
        pytest.param({"quantity": ""}, -1105, "Parameter 'quantity' was empty.", id="empty"),
        pytest.param({"newClientOrderId": ""}, -1105, "Parameter 'newClientOrderId' was empty.", id="empty client id"),
        pytest.param({"newClientOrderID": "slot1"}, -1104, UNREAD, id="unread"),
        pytest.param({"quantity": None}, -1102, missing("quantity"), id="no quantity"),
        pytest.param({"price": None}, -1102, missing("price"), id="no price"),
        pytest.param({"timeInForce": None}, -1102, missing("timeInForce"), id="no force"),
        pytest.param({"symbol": "NOSUCH"}, -1121, "Invalid symbol.", id="symbol"),
        pytest.param({"side": "HOLD"}, -1117, "Invalid side.", id="side"),
        pytest.param({"type": "STOP"}, -1116, "Invalid orderType.", id="type"),
        pytest.param({"type": "STOP_LOSS_LIMIT"}, -1102, NO_TRIGGER, id="stop loss without a stop"),
        pytest.param(STOP | {"price": None}, -1102, missing("price"), id="stop loss limit without a price"),
        pytest.param(STOP | {"stopPrice": "58000.001"}, -1013, "Filter failure: PRICE_FILTER", id="stop off the tick"),
        pytest.param(STOP | {"stopPrice": "59999"}, -2010, TRIGGERS, id="stop that would trigger"),
        pytest.param(STOP | {"trailingDelta": "9"}, -1013, "Filter failure: TRAILING_DELTA", id="trails too near"),
        pytest.param(STOP | {"trailingDelta": "2001"}, -1013, "Filter failure: TRAILING_DELTA", id="trails too far"),
        pytest.param(STOP | {"type": "STOP_LOSS", "price": None}, -1106, not_required("timeInForce"), id="force"),
        pytest.param({"icebergQty": "0.001"}, -1013, NO_ICEBERGS, id="iceberg"),
        pytest.param({"pegPriceType": "PRIMARY_PEG"}, -1013, NO_PEGS, id="pegged"),
        pytest.param({"stopPrice": "58000"}, -1106, not_required("stopPrice"), id="stop price"),
        pytest.param({"quoteOrderQty": "10"}, -1106, not_required("quoteOrderQty"), id="quote quantity of a limit"),
        pytest.param(MARKET | {"price": "59000"}, -1106, not_required("price"), id="price of a market order"),
        pytest.param(MARKET | {"timeInForce": "IOC"}, -1106, not_required("timeInForce"), id="force of a market order"),
        pytest.param(MARKET | {"quoteOrderQty": "10"}, -1106, not_required("quantity"), id="both quantities"),
        pytest.param(MARKET | {"quantity": None}, -1102, NO_QUANTITY, id="no quantity of either kind"),
        pytest.param({"newOrderRespType": "ALL"}, -1130, invalid("newOrderRespType"), id="detail"),
        pytest.param({"selfTradePreventionMode": "DECREMENT"}, -1013, NO_SUCH_MODE, id="self-trade mode not offered"),
        pytest.param(
            {"selfTradePreventionMode": "ASK"}, -1130, invalid("selfTradePreventionMode"), id="no self-trade mode"
        ),
        pytest.param({"strategyType": "999999"}, -1134, "strategyType was less than 1000000.", id="strategy type"),
        pytest.param({"strategyId": "9" * 20}, -1108, "Parameter 'strategyId' overflowed.", id="overflow"),
        pytest.param({"timeInForce": "DAY"}, -1115, "Invalid timeInForce.", id="force"),
        pytest.param({"type": "LIMIT_MAKER"}, -1106, not_required("timeInForce"), id="not required"),
        pytest.param({"price": "-1"}, -1100, ILLEGAL_PRICE, id="negative"),
        pytest.param({"price": "5E4"}, -1100, ILLEGAL_PRICE, id="e-notation"),
        pytest.param({"newClientOrderId": "a b"}, -1100, ILLEGAL_ID, id="client id"),
        pytest.param({"quantity": "0.123456789"}, -1111, TOO_PRECISE, id="precision"),
        pytest.param({"price": "59000.001"}, -1013, "Filter failure: PRICE_FILTER", id="tick"),
        pytest.param({"price": "400000"}, -1013, "Filter failure: PERCENT_PRICE_BY_SIDE", id="far"),
        pytest.param({"quantity": "0.000015"}, -1013, "Filter failure: LOT_SIZE", id="lot"),
        pytest.param({"quantity": "0.00001"}, -1013, "Filter failure: NOTIONAL", id="notional"),
        pytest.param({"quantity": "2"}, -2010, INSUFFICIENT, id="insufficient"),
        pytest.param(
            {"side": "SELL", "quantity": "1.00001", "price": "61000"}, -2010, INSUFFICIENT, id="insufficient base"
        ),
        pytest.param({"type": "LIMIT_MAKER", "timeInForce": None, "price": "60001"}, -2010, WOULD_MATCH, id="maker"),
        pytest.param({"newClientOrderId": "taken"}, -2010, "Duplicate order sent.", id="duplicate"),
        pytest.param(
            MARKET | {"quantity": None, "quoteOrderQty": "4.99"}, -1013, "Filter failure: NOTIONAL", id="quote notional"
        ),
        pytest.param({"recvWindow": "60000.001"}, -1131, "recvWindow must be less than 60000", id="window's decimals"),
        pytest.param({"recvWindow": "60001"}, -1131, "recvWindow must be less than 60000", id="window"),
        pytest.param({"timestamp": None}, -1102, missing("timestamp"), id="no time"),
        pytest.param({"timestamp": NOW - 60_000}, -1021, LATE, id="late"),
        pytest.param({"timestamp": NOW + 86_400_000}, -1021, EARLY, id="early"),
    ],
)
async def test_a_bad_order_is_refused_in_binances_terms(
    signed: Any, changes: dict[str, object], code: int, message: str
) -> None:
    await signed.place(newClientOrderId="taken")

    status, answer = await signed.place(**changes)

    assert (status, answer) == (400, {"code": code, "msg": message})
    assert len((await signed.call("GET", "openOrders"))[1]) == 1


@pytest.mark.parametrize(
    ("method", "path", "params", "code"),
    [
        pytest.param("DELETE", "order", {"symbol": "BTCUSDT", "orderId": 9}, -2011, id="cancel unknown"),
        pytest.param("DELETE", "openOrders", {"symbol": "BTCUSDT"}, -2011, id="cancel none"),
        pytest.param("GET", "order", {"symbol": "BTCUSDT", "orderId": 9}, -2013, id="query unknown"),
        pytest.param(
            "GET", "order", {"symbol": "BTCUSDT", "origClientOrderId": "x"}, -2013, id="query unknown client id"
        ),
        pytest.param("GET", "order", {"symbol": "BTCUSDT"}, -1102, id="query nothing"),
        pytest.param("DELETE", "order", {"symbol": "BTCUSDT"}, -1102, id="cancel nothing"),
        pytest.param(
            "DELETE", "order", {"symbol": "BTCUSDT", "orderId": 1, "cancelRestrictions": "ALL"}, -1145, id="restriction"
        ),
        pytest.param("GET", "myTrades", {"symbol": "BTCUSDT", "limit": 0}, -1130, id="no rows"),
        pytest.param("GET", "account", {"omitZeroBalances": "maybe"}, -1130, id="no truth"),
        pytest.param("GET", "account/commission", {}, -1102, id="commission of nothing"),
        pytest.param("GET", "myPreventedMatches", {"symbol": "BTCUSDT"}, -1102, id="no match named"),
        pytest.param(
            "GET", "myTrades", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002}, -1127, id="too long"
        ),
        pytest.param("GET", "myTrades", {"symbol": "BTCUSDT", "startTime": 1, "fromId": 1}, -1128, id="combination"),
        pytest.param(
            "GET", "allOrders", {"symbol": "BTCUSDT", "startTime": 1, "endTime": 86_400_002}, -1127, id="orders"
        ),
        pytest.param("GET", "allOrders", {"symbol": "BTCUSDT", "limit": "x"}, -1100, id="limit"),
    ],
)
async def test_a_bad_question_is_refused_with_binances_code(
    signed: Any, method: str, path: str, params: dict[str, object], code: int
) -> None:
    status, answer = await signed.call(method, path, **params)

    assert (status, answer["code"]) == (400, code)


async def test_keys_and_signatures_are_checked(signed: Any) -> None:
    no_key = await signed.call("GET", "account", key="")
    other_key = await signed.call("GET", "account", key="somebody")
    forged = await type(signed)(signed.http, signed.url, secret="guess").call("GET", "account")
    unsigned = await signed.public("account")

    assert no_key == (401, {"code": -2014, "msg": "API-key format invalid."})
    assert other_key == (401, {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."})
    assert forged == (400, {"code": -1022, "msg": "Signature for this request is not valid."})
    assert unsigned[0] == 401


async def test_a_changed_parameter_breaks_the_signature(signed: Any) -> None:
    now_ms = time.time_ns() // 1_000_000
    async with signed.http.get(
        f"{signed.url}/api/v3/account?timestamp={now_ms}&recvWindow=60000&signature={'0' * 64}",
        headers={"X-MBX-APIKEY": "simex"},
    ) as reply:
        assert (await reply.json())["code"] == -1022


async def test_a_request_within_its_window_is_taken_however_late(signed: Any) -> None:
    late = time.time_ns() // 1_000_000 - 20_000

    assert (await signed.place(timestamp=late))[1]["code"] == -1021
    assert (await signed.place(timestamp=late, recvWindow=30_000))[0] == 200


async def test_a_client_id_is_refused_only_while_its_order_is_open(signed: Any) -> None:
    first = (await signed.place(newClientOrderId="again"))[1]
    duplicate = (await signed.place(newClientOrderId="again"))[1]
    await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="again")
    second = (await signed.place(newClientOrderId="again"))[1]
    found = (await signed.call("GET", "order", symbol="BTCUSDT", origClientOrderId="again"))[1]

    assert duplicate["msg"] == "Duplicate order sent."
    assert found["orderId"] == second["orderId"] == first["orderId"] + 1


async def test_what_simex_does_not_offer_says_so(signed: Any) -> None:
    status, answer = await signed.call("POST", "sor/order")

    assert status == 404
    assert "docs/simex.md" in answer["msg"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_listen_keys_are_gone(signed: Any, method: str) -> None:
    async with signed.http.request(method, f"{signed.url}/api/v3/userDataStream?listenKey=x") as reply:
        assert reply.status == 410
        assert await reply.json() == {"code": -1016, "msg": "This service is no longer available."}


@pytest.mark.parametrize(
    ("path", "query", "code", "message"),
    [
        pytest.param("ping", "x=1&y=2", -1101, "Too many parameters; expected '0' and received '2'.", id="none taken"),
        pytest.param("depth", "symbol=BTCUSDT&symbol=BTCUSDT", -1101, TWICE, id="twice"),
        pytest.param(
            "depth", "symbol=BTCUSDT&lmit=5", -1104,
            "Not all sent parameters were read; read '1' parameter(s) but was sent '2'.", id="misspelt",
        ),
        pytest.param("depth", "symbol=", -1105, "Parameter 'symbol' was empty.", id="empty"),
        pytest.param("depth", "", -1102, missing("symbol"), id="missing"),
    ],
)  # fmt: skip
async def test_parameters_that_nobody_reads_are_refused(
    signed: Any, path: str, query: str, code: int, message: str
) -> None:
    async with signed.http.get(f"{signed.url}/api/v3/{path}?{query}") as reply:
        assert (reply.status, await reply.json()) == (400, {"code": code, "msg": message})


async def test_the_query_wins_over_the_body(signed: Any) -> None:
    query = f"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&timestamp={time.time_ns() // 1_000_000}"
    body = "price=59000&side=SELL"
    signature = hmac.new(b"simex", (query + body).encode(), hashlib.sha256).hexdigest()

    async with signed.http.post(
        f"{signed.url}/api/v3/order?{query}&signature={signature}",
        data=body,
        headers={"X-MBX-APIKEY": "simex", "Content-Type": "application/x-www-form-urlencoded"},
    ) as reply:
        placed = await reply.json()

    assert (placed["side"], placed["price"]) == ("BUY", "59000.00000000")


async def test_times_may_be_sent_in_microseconds(signed: Any) -> None:
    now_us = time.time_ns() // 1_000
    status, placed = await signed.place(timestamp=now_us, recvWindow="4999.999")
    found = (
        await signed.call(
            "GET", "allOrders", symbol="BTCUSDT", startTime=now_us - 60_000_000, endTime=now_us + 60_000_000
        )
    )[1]
    none = (await signed.call("GET", "allOrders", symbol="BTCUSDT", endTime=now_us - 60_000_000))[1]

    assert status == 200
    assert [order["orderId"] for order in found] == [placed["orderId"]]
    assert none == []
