"""Every reply of every endpoint, refusals included, against the `/api/v3` paths of Binance's OpenAPI document.

The websocket API's results and errors are those of REST: they are judged by the same paths.

The document is of 2024 and is read strictly: a field that it does not know is a deviation too. DEVIATIONS lists them
all, each with its reason; one that no longer occurs has to leave the list.
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator
from jsonschema.exceptions import ValidationError

from gridsim.orders import Side
from gridtesting.endpoints import every_endpoint
from gridtesting.live.simex import SimexHandle
from simex.protocol.call import Security

OPENAPI = Path(__file__).resolve().parents[3] / "shared/data/binance_payloads/binance_spot_api_openapi.yaml"


@dataclass(frozen=True)
class Ask:
    """A request, and the status that it is to be answered with. `form` names replies that deviate in their own way."""

    endpoint: str
    params: dict[str, object] = field(default_factory=dict)
    status: int = 200
    key: str = "simex"
    form: str = ""


BTC: dict[str, object] = {"symbol": "BTCUSDT"}
NOSUCH: dict[str, object] = {"symbol": "NOSUCH"}
MINUTES = BTC | {"interval": "1m"}
MINI = BTC | {"type": "MINI"}
ALL = {"symbols": '["BTCUSDT"]'}
LIMIT = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000"}
MARKET = BTC | {"side": "SELL", "type": "MARKET", "quantity": "0.002"}
TOO_MUCH = LIMIT | {"quantity": "9"}
REPLACE = LIMIT | {"cancelReplaceMode": "STOP_ON_FAILURE"}
STOP = BTC | {"side": "BUY", "type": "STOP_LOSS_LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "62100"}
STOP |= {"stopPrice": "62000", "newOrderRespType": "RESULT"}
OCO = BTC | {
    "side": "SELL", "quantity": "0.001", "aboveType": "LIMIT_MAKER", "abovePrice": "63000",
    "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "58000", "belowPrice": "57900", "belowTimeInForce": "GTC",
}  # fmt: skip
OTO = BTC | {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "57000", "workingQuantity": "0.001",
    "workingTimeInForce": "GTC", "pendingType": "LIMIT_MAKER", "pendingSide": "SELL", "pendingPrice": "63000",
    "pendingQuantity": "0.001",
}  # fmt: skip

# In this order, on the orders of `prepare`: 1 is partly filled, 2 filled, 3 expired for the sake of 4, 5 to 7 rest.
ASKS = (
    Ask("GET ping"),
    Ask("GET ping", {"surplus": 1}, 400),
    Ask("GET time"),
    Ask("GET time", {"surplus": 1}, 400),
    Ask("GET exchangeInfo"),
    Ask("GET exchangeInfo", BTC),
    Ask("GET exchangeInfo", NOSUCH, 400),
    Ask("GET depth", BTC),
    Ask("GET depth", NOSUCH, 400),
    Ask("GET trades", BTC),
    Ask("GET trades", {}, 400),
    Ask("GET historicalTrades", BTC),
    Ask("GET historicalTrades", BTC | {"limit": 0}, 400),
    Ask("GET aggTrades", BTC),
    Ask("GET aggTrades", NOSUCH, 400),
    Ask("GET klines", MINUTES),
    Ask("GET klines", MINUTES | {"interval": "7m"}, 400),
    Ask("GET uiKlines", MINUTES),
    Ask("GET uiKlines", MINUTES | {"interval": "7m"}, 400),
    Ask("GET avgPrice", BTC),
    Ask("GET avgPrice", {}, 400),
    Ask("GET ticker/price", BTC),
    Ask("GET ticker/price"),
    Ask("GET ticker/price", NOSUCH, 400),
    Ask("GET ticker/bookTicker", BTC),
    Ask("GET ticker/bookTicker"),
    Ask("GET ticker/bookTicker", NOSUCH, 400),
    Ask("GET ticker/24hr", BTC),
    Ask("GET ticker/24hr"),
    Ask("GET ticker/24hr", MINI, form="MINI"),
    Ask("GET ticker/24hr", NOSUCH, 400),
    Ask("GET ticker/tradingDay", BTC),
    Ask("GET ticker/tradingDay", ALL),
    Ask("GET ticker/tradingDay", MINI, form="MINI"),
    Ask("GET ticker/tradingDay", NOSUCH, 400),
    Ask("GET ticker", BTC),
    Ask("GET ticker", ALL, form="list"),
    Ask("GET ticker", MINI, form="MINI"),
    Ask("GET ticker", BTC | {"windowSize": "8d"}, 400),
    Ask("GET order", BTC | {"orderId": 1}),
    Ask("GET order", BTC | {"orderId": 3}),
    Ask("GET order", BTC | {"orderId": 99}, 400),
    Ask("GET order", BTC | {"orderId": 1}, 401, key="wrong"),
    Ask("GET openOrders", BTC),
    Ask("GET openOrders"),
    Ask("GET openOrders", NOSUCH, 400),
    Ask("GET openOrders", BTC, 401, key=""),
    Ask("GET allOrders", BTC),
    Ask("GET allOrders", {}, 400),
    Ask("GET allOrders", BTC, 401, key="wrong"),
    Ask("GET myTrades", BTC),
    Ask("GET myTrades", BTC | {"fromId": 1, "startTime": 1}, 400),
    Ask("GET myTrades", BTC, 401, key="wrong"),
    Ask("GET myPreventedMatches", BTC | {"orderId": 3}),
    Ask("GET myPreventedMatches", BTC, 400),
    Ask("GET myPreventedMatches", BTC, 401, key="wrong"),
    Ask("GET account"),
    Ask("GET account", {"timestamp": 1}, 400),
    Ask("GET account", {}, 401, key="wrong"),
    Ask("GET account/commission", BTC),
    Ask("GET account/commission", NOSUCH, 400),
    Ask("GET account/commission", BTC, 401, key="wrong"),
    Ask("GET rateLimit/order"),
    Ask("GET rateLimit/order", {"timestamp": 1}, 400),
    Ask("GET rateLimit/order", {}, 401, key="wrong"),
    Ask("POST order", LIMIT),
    Ask("POST order", LIMIT | {"newOrderRespType": "ACK"}),
    Ask("POST order", LIMIT | {"newOrderRespType": "RESULT", "strategyId": 1, "strategyType": 1_000_000}),
    Ask("POST order", MARKET),
    Ask("POST order", LIMIT | {"price": "0.001"}, 400),
    Ask("POST order", STOP),
    Ask("POST order", TOO_MUCH, 400),
    Ask("POST order", LIMIT, 401, key="wrong"),
    Ask("POST order/test", LIMIT),
    Ask("POST order/test", LIMIT | {"computeCommissionRates": "true"}),
    Ask("POST order/test", LIMIT | {"price": "0.001"}, 400),
    Ask("POST order/test", LIMIT, 401, key="wrong"),
    Ask("POST order/cancelReplace", REPLACE | {"cancelOrderId": 5}),
    Ask("POST order/cancelReplace", MARKET | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrderId": 6}),
    Ask("POST order/cancelReplace", REPLACE | {"cancelOrderId": 5}, 400),
    Ask("POST order/cancelReplace", TOO_MUCH | {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": 7}, 409),
    Ask("POST order/cancelReplace", REPLACE | {"cancelOrderId": 5}, 401, key="wrong"),
    Ask("POST orderList/oco", OCO),
    Ask("POST orderList/oco", OCO | {"abovePrice": "59000"}, 400),
    Ask("POST orderList/oco", OCO, 401, key="wrong"),
    Ask("POST orderList/oto", OTO),
    Ask("POST orderList/oto", OTO | {"workingPrice": "0.001"}, 400),
    Ask("POST orderList/oto", OTO, 401, key="wrong"),
    Ask("GET orderList", {"orderListId": 1}),
    Ask("GET orderList", {"orderListId": 99}, 400),
    Ask("GET orderList", {"orderListId": 1}, 401, key="wrong"),
    Ask("GET allOrderList"),
    Ask("GET allOrderList", {"limit": 0}, 400),
    Ask("GET allOrderList", {}, 401, key="wrong"),
    Ask("GET openOrderList"),
    Ask("GET openOrderList", {"timestamp": 1}, 400),
    Ask("GET openOrderList", {}, 401, key="wrong"),
    Ask("DELETE orderList", BTC | {"orderListId": 1}),
    Ask("DELETE orderList", BTC | {"orderListId": 1}, 400),
    Ask("DELETE orderList", BTC | {"orderListId": 1}, 401, key="wrong"),
    Ask("DELETE order", BTC | {"orderId": 1}),
    Ask("DELETE order", BTC | {"orderId": 1}, 400),
    Ask("DELETE order", BTC | {"orderId": 1}, 401, key="wrong"),
    Ask("DELETE openOrders", BTC),
    Ask("DELETE openOrders", BTC, 400),
    Ask("DELETE openOrders", BTC, 401, key="wrong"),
)


async def prepare(signed: Any, simex: SimexHandle) -> None:
    """Data of every kind to return: fills, an order that expired by self-trade prevention, orders that rest."""
    await signed.place(quantity="0.02")
    await simex.inject("59000", "0.005")
    await signed.place(side="SELL", price="61000", type="LIMIT_MAKER", timeInForce=None)
    await simex.inject("61500", "1", Side.BUY)
    await simex.inject("60000", "1")
    await signed.place(side="BUY", price="60000")
    await signed.place(side="SELL", price="60000", quantity="0.001")
    for price in ("57000", "57100", "57200"):
        await signed.place(price=price)


# What begins so deviates, and why. What follows a status is where in the reply; `[]` is any place in a list.
NOT_TOLD = "the document does not say how this endpoint refuses"
SINCE = "came after the document; Binance's changelog and its own typed client know it"
MINI_FORM = "the document knows the full form alone"
DEVIATIONS: dict[str, str] = {
    "GET ping 400: no such status": NOT_TOLD,
    "GET time 400: no such status": NOT_TOLD,
    "GET historicalTrades 400: no such status": NOT_TOLD,
    "GET exchangeInfo 200 .symbols[].quotePrecision: unknown": "Binance has always sent it, beside quoteAssetPrecision",
    "GET exchangeInfo 200 .symbols[].amendAllowed: unknown": SINCE,
    "GET exchangeInfo 200 .symbols[].filters[].": "the document takes every filter for a PRICE_FILTER",
    "GET aggTrades 200 [].T: not boolean": "the document's own example of it is a time",
    "GET ticker/24hr 200 MINI .": MINI_FORM,
    "GET ticker/tradingDay 200 MINI .": MINI_FORM,
    "GET ticker 200 MINI .": MINI_FORM,
    "GET ticker 200 list : not object": "the document takes `symbols` here, and forgets that it gives a list",
    "GET ticker/24hr 200 .weightedAvgPrice: unknown": "Binance has always sent it",
    "GET ticker/24hr 200 .lastQty: unknown": "Binance has always sent it",
    "GET ticker/24hr 200 [].weightedAvgPrice: unknown": "Binance has always sent it",
    "GET ticker/24hr 200 [].lastQty: unknown": "Binance has always sent it",
    "GET myPreventedMatches 200 [].makerSymbol: unknown": SINCE,
    "GET account/commission 200 .specialCommission: unknown": SINCE,
    "POST order 200 .origQuoteOrderQty: unknown": SINCE,
    "POST order 200 .fills[].tradeId: unknown": "Binance has always sent it",
    "POST order 200 .stopPrice: unknown": "only in algo orders, as rest-api.md says",
    "POST orderList/oco 200 .orderReports[].origQuoteOrderQty: unknown": SINCE,
    "POST orderList/oco 200 .orderReports[].stopPrice: missing": "only in algo orders, as rest-api.md says",
    "POST orderList/oto 200 .orderReports[].origQuoteOrderQty: unknown": SINCE,
    "DELETE orderList 200 .orderReports[].origQuoteOrderQty: unknown": SINCE,
    "DELETE orderList 200 .orderReports[].stopPrice: missing": "only in algo orders, as rest-api.md says",
    "GET allOrderList 200 [].isIsolated: missing": "margin's; rest-api.md does not have it",
    "POST order/cancelReplace 200 .cancelResponse.origQuoteOrderQty: unknown": SINCE,
    "POST order/cancelReplace 200 .newOrderResponse.origQuoteOrderQty: unknown": SINCE,
    "POST order/cancelReplace 200 .newOrderResponse.fills": "the document's new order never fills at once",
    "POST order/cancelReplace 400 .data: unknown": "what became of either half; the document has the code alone",
    "POST order/cancelReplace 409: no such status": "one half was done and the other was not",
    "POST order/cancelReplace 409 .data: unknown": "what became of either half; the document has the code alone",
    "DELETE order 200 .origQuoteOrderQty: unknown": SINCE,
    "DELETE openOrders 200 [].origQuoteOrderQty: unknown": SINCE,
    "DELETE openOrders 200 [].stopPrice: unknown": "only in algo orders, as rest-api.md says",
    "DELETE openOrders 200 [].strategyId: unknown": "only in orders that were placed with one",
    "DELETE openOrders 200 [].strategyType: unknown": "only in orders that were placed with one",
}


ENDPOINTS = {each.name: each for each in every_endpoint()}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    if not OPENAPI.exists():
        pytest.skip("Binance's OpenAPI document is not beside the project")
    text = OPENAPI.read_text()
    spot = text[: text.index("\n  /sapi/")] + text[text.index("\ncomponents:") :]  # a fifth of it, and soon read
    return yaml.load(spot, Loader=yaml.CSafeLoader)


def test_every_endpoint_is_asked_for_what_it_gives_and_what_it_refuses() -> None:
    keyed = {name for name, each in ENDPOINTS.items() if each.security is not Security.NONE}

    assert {ask.endpoint for ask in ASKS if ask.status == 200} == set(ENDPOINTS)
    assert {ask.endpoint for ask in ASKS if ask.status == 400} == set(ENDPOINTS)
    assert {ask.endpoint for ask in ASKS if ask.status == 401} == keyed


Answered = Callable[[Ask], Awaitable[tuple[int, object]]]


@pytest.fixture(params=["REST", "WS"])
async def answered(request: pytest.FixtureRequest, signed: Any, sign: Callable[..., str]) -> AsyncIterator[Answered]:
    """Asks over one of the transports."""

    async def over_rest(ask: Ask) -> tuple[int, object]:
        method, path = ask.endpoint.split(" ")
        if ENDPOINTS[ask.endpoint].security is Security.NONE:
            return await signed.public(path, **ask.params)
        return await signed.call(method, path, key=ask.key, **ask.params)

    async with signed.http.ws_connect(f"{signed.url}/ws-api/v3") as socket:

        async def over_ws(ask: Ask) -> tuple[int, object]:
            endpoint = ENDPOINTS[ask.endpoint]
            params = dict(ask.params)
            if endpoint.security is not Security.NONE:
                params = {"timestamp": time.time_ns() // 1_000_000, "apiKey": ask.key} | params
                params["signature"] = sign(**dict(sorted(params.items()))).rpartition("=")[2]
            await socket.send_json({"id": 1, "method": endpoint.ws, "params": params})
            reply = await socket.receive_json(timeout=30)
            return reply["status"], reply["result" if reply["status"] == 200 else "error"]

        yield over_rest if request.param == "REST" else over_ws


async def test_every_reply_is_as_the_document_says_but_for_the_deviations_listed(
    document: dict[str, Any], signed: Any, simex: SimexHandle, answered: Answered
) -> None:
    await prepare(signed, simex)
    found: dict[str, object] = {}

    for ask in ASKS:
        status, reply = await answered(ask)
        assert status == ask.status, f"{ask}: {reply}"
        assert reply != [], f"{ask}: shows nothing that could be judged"
        found |= dict.fromkeys(deviations(document, ask, reply), reply)

    unknown = {each: reply for each, reply in found.items() if not each.startswith(tuple(DEVIATIONS))}
    gone = [listed for listed in DEVIATIONS if not any(each.startswith(listed) for each in found)]
    assert not unknown, "\n".join(f"{each}\n    {str(reply)[:300]}" for each, reply in sorted(unknown.items()))
    assert not gone


def deviations(document: dict[str, Any], ask: Ask, reply: object) -> Iterator[str]:
    """Where a reply is not what the document says, one line each."""
    method, path = ask.endpoint.split(" ")
    at = " ".join(filter(None, (ask.endpoint, str(ask.status), ask.form)))
    responses = document["paths"][f"/api/v3/{path}"][method.lower()]["responses"]
    schema = {"$ref": "#/components/schemas/error"}
    if str(ask.status) in responses:
        schema = responses[str(ask.status)]["content"]["application/json"]["schema"]
    else:
        yield f"{at}: no such status"
    for error in Draft4Validator(strict(document, schema)).iter_errors(reply):
        yield from described(at, error)


def strict(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands alone. Objects are closed; `oneOf` is `anyOf`, for a full reply is an acknowledgement too.

    What is used of OpenAPI's own dialect under these paths is plain JSON schema of draft 4.
    """
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].split("/")[1:]:
            found = found[part]
        schema = found
    read = {("anyOf" if key == "oneOf" else key): value for key, value in schema.items()}
    if "anyOf" in read:
        read["anyOf"] = [strict(document, each) for each in read["anyOf"]]
    if "items" in read:
        read["items"] = strict(document, read["items"])
    if "properties" in read:
        read["properties"] = {key: strict(document, each) for key, each in read["properties"].items()}
        read["additionalProperties"] = False
    return read


def described(at: str, error: ValidationError) -> list[str]:
    """An error in lines that are the same from run to run."""
    where = f"{at} {''.join('[]' if isinstance(part, int) else f'.{part}' for part in error.absolute_path)}"
    match error.validator:
        case "anyOf":
            return nearest(at, error)
        case "required":
            return [f"{where}.{key}: missing" for key in error.validator_value if key not in error.instance]
        case "additionalProperties":
            return [f"{where}.{key}: unknown" for key in error.instance if key not in error.schema["properties"]]
        case "type":
            return [f"{where}: not {error.validator_value}"]
    return [f"{where}: breaks {error.validator}"]


def nearest(at: str, error: ValidationError) -> list[str]:
    """What is wrong by the alternative that was meant: the one of the right type with the fewest errors.

    Of two that are as near, the later one: the fuller reply.
    """
    alternatives: dict[object, list[ValidationError]] = {}
    for each in error.context:
        alternatives.setdefault(each.relative_schema_path[0], []).append(each)
    by_alternative = [
        [line for each in errors for line in described(at, each)] for errors in reversed(alternatives.values())
    ]
    return min(
        by_alternative, key=lambda lines: (f"{at} : not array" in lines or f"{at} : not object" in lines, len(lines))
    )
