"""Replies have the keys and types that Binance's own have, by recorded ones; test_openapi.py has its document."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

from gridtesting.live.simex import SimexHandle

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
EXCHANGE_INFO = DATA / "binance_payloads" / "binance_exchangeInfo_20250807_gct_subset.json"
AMOUNT = re.compile(r"-?[0-9]+\.[0-9]{8}")


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
    theirs["MAX_NUM_ORDER_LISTS"] = {"filterType": "", "maxNumOrderLists": 20}  # since September 2025; see filters.md
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
        frame = await socket.receive_json(timeout=30)

    assert list(frame) == list(recorded)
    assert {key: type(value) for key, value in frame.items()} == {key: type(value) for key, value in recorded.items()}
    assert AMOUNT.fullmatch(frame["p" if kind == "trade" else "b"])


@pytest.mark.parametrize("detail", ["ACK", "RESULT", "FULL"])
async def test_a_new_order_is_answered_in_the_detail_asked_for(signed: Any, detail: str) -> None:
    reply = (await signed.place(newOrderRespType=detail, type="MARKET", price=None, timeInForce=None))[1]

    assert ("status" in reply) is (detail != "ACK")
    assert ("fills" in reply) is (detail == "FULL")
