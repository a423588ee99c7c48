"""Replies have the keys and types that Binance's own have, by its OpenAPI document and by recorded replies."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from gridtesting.simex import SimexHandle

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
OPENAPI = DATA / "binance_payloads" / "binance_spot_api_openapi.yaml"
EXCHANGE_INFO = DATA / "binance_payloads" / "binance_exchangeInfo_20250807_gct_subset.json"
SPOT_ONLY = {"strategyId", "strategyType", "preventedMatchId", "preventedQuantity"}  # answered only where they apply
AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{8}")


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    if not OPENAPI.exists():
        pytest.skip("Binance's OpenAPI document is not beside the project")
    return yaml.load(OPENAPI.read_text(), Loader=yaml.CSafeLoader)


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].split("/")[1:]:
            found = found[part]
        schema = found
    return schema


def reply_schema(document: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    operation = document["paths"][f"/api/v3/{path}"][method]
    schema = resolved(document, operation["responses"]["200"]["content"]["application/json"]["schema"])
    if "oneOf" in schema:
        schema = resolved(document, schema["oneOf"][-1 if method == "post" else 0])
    return resolved(document, schema["items"]) if schema.get("type") == "array" else schema


def mismatches(document: dict[str, Any], schema: dict[str, Any], reply: dict[str, Any]) -> list[str]:
    kinds: dict[str, Any] = {
        "string": str,
        "integer": int,
        "boolean": bool,
        "array": list,
        "object": dict,
        "number": int,
    }
    found = []
    for key, raw in schema["properties"].items():
        kind = resolved(document, raw).get("type", "object")
        if key not in reply:
            found += [] if key in SPOT_ONLY else [f"{key} is missing"]
        elif not isinstance(reply[key], kinds[kind]):
            found.append(f"{key} is {reply[key]!r}, not {kind}")
    return found


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("get", "order", {"symbol": "BTCUSDT", "orderId": 1}),
        ("get", "openOrders", {"symbol": "BTCUSDT"}),
        ("get", "allOrders", {"symbol": "BTCUSDT"}),
        ("get", "myTrades", {"symbol": "BTCUSDT"}),
        ("get", "account", {}),
        ("get", "exchangeInfo", {}),
        ("get", "ticker/24hr", {"symbol": "BTCUSDT"}),
        ("get", "ticker/bookTicker", {"symbol": "BTCUSDT"}),
        ("get", "ticker/price", {"symbol": "BTCUSDT"}),
        ("get", "trades", {"symbol": "BTCUSDT"}),
        ("get", "depth", {"symbol": "BTCUSDT"}),
        ("get", "time", {}),
        ("post", "order", {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.001"}),
        ("delete", "order", {"symbol": "BTCUSDT", "orderId": 1}),
    ],
)
async def test_a_reply_has_what_the_openapi_document_demands(
    openapi: dict[str, Any], signed: Any, simex: SimexHandle, method: str, path: str, params: dict[str, object]
) -> None:
    await signed.place()
    await simex.inject("59000", "0.001")

    status, reply = await signed.call(method.upper(), path, **params)

    assert status == 200
    row = reply[0] if isinstance(reply, list) else reply
    assert mismatches(openapi, reply_schema(openapi, path, method), row) == []


async def test_exchange_info_has_the_keys_of_the_recorded_one(signed: Any) -> None:
    if not EXCHANGE_INFO.exists():
        pytest.skip("the recorded exchangeInfo is not beside the project")
    recorded = json.loads(EXCHANGE_INFO.read_text())
    btc = next(each for each in recorded["symbols"] if each["symbol"] == "BTCUSDT")

    info = (await signed.public("exchangeInfo", symbol="BTCUSDT"))[1]

    symbol = info["symbols"][0]
    assert set(recorded) == set(info)
    assert set(btc) == set(symbol)
    theirs = {each["filterType"]: each for each in btc["filters"]}
    for ours in symbol["filters"]:
        assert set(ours) == set(theirs[ours["filterType"]])
    assert [each for each in symbol["filters"] if each["filterType"] in {"PRICE_FILTER", "LOT_SIZE"}] == [
        theirs["PRICE_FILTER"],
        theirs["LOT_SIZE"],
    ]


async def test_amounts_have_eight_decimals(signed: Any, simex: SimexHandle) -> None:
    await signed.place(quantity="0.01", price="59000.5")
    order = (await signed.call("GET", "order", symbol="BTCUSDT", orderId=1))[1]

    for key in ("price", "origQty", "executedQty", "cummulativeQuoteQty", "stopPrice"):
        assert AMOUNT.fullmatch(order[key])


@pytest.mark.parametrize("kind", ["trade", "bookTicker"])
async def test_public_frames_have_the_recorded_ones_fields(signed: Any, simex: SimexHandle, kind: str) -> None:
    path = DATA / "binance_ws" / "hftbacktest_binance_spot_btcusdt_20240808.ws.gz"
    if not path.exists():
        pytest.skip("the recorded frames are not beside the project")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        envelopes = (json.loads(line.partition(" ")[2]) for line in lines)
        recorded = next(each["data"] for each in envelopes if each.get("stream") == f"btcusdt@{kind}")

    async with signed.http.ws_connect(f"{simex.http_url}/ws/btcusdt@{kind}") as socket:
        await simex.advance(1)
        frame = await socket.receive_json(timeout=5)

    assert list(frame) == list(recorded)
    assert {key: type(value) for key, value in frame.items()} == {key: type(value) for key, value in recorded.items()}
    assert AMOUNT.fullmatch(frame["p" if kind == "trade" else "b"])


@pytest.mark.parametrize("detail", ["ACK", "RESULT", "FULL"])
async def test_a_new_order_is_answered_in_the_detail_asked_for(signed: Any, detail: str) -> None:
    reply = (await signed.place(newOrderRespType=detail, type="MARKET", price=None, timeInForce=None))[1]

    assert ("status" in reply) is (detail != "ACK")
    assert ("fills" in reply) is (detail == "FULL")
