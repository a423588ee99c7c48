"""What an account receives over the websocket API: orders, balances, deposits, the end of a subscription."""

import hashlib
import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gridsim.market import Liquidity
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex

SUBSCRIBE = "userDataStream.subscribe.signature"
MARKET: dict[str, object] = {"type": "MARKET", "timeInForce": None, "price": None}

# user-data-stream.md, "Order Update": the keys of every executionReport, in Binance's order, and their JSON types.
REPORT: dict[str, type | tuple[type, ...]] = {
    "e": str, "E": int, "s": str, "c": str, "S": str, "o": str, "f": str, "q": str, "p": str, "P": str, "F": str,
    "g": int, "C": str, "x": str, "X": str, "r": str, "i": int, "l": str, "z": str, "L": str, "n": str,
    "N": (str, type(None)), "T": int, "t": int, "I": int, "w": bool, "m": bool, "M": bool, "O": int, "Z": str,
    "Y": str, "Q": str, "W": int, "V": str,
}  # fmt: skip


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    """With room between the others' best bid and ask, ten dollars below and at the last price of 60,000."""
    async with running_simex(tmp_path, [replace(STILL_MARKET, liquidity=Liquidity(spread_ticks=1000))]) as handle:
        yield handle


def signed_params(secret: str = "simex", **changes: object) -> dict[str, object]:
    params: dict[str, object] = {"apiKey": "simex", "timestamp": time.time_ns() // 1_000_000} | changes
    payload = "&".join(f"{key}={value}" for key, value in sorted(params.items()))
    return params | {"signature": hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()}


@pytest.fixture
async def ask(simex: SimexHandle) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """Asks over one socket and gives the answer; without a method it gives the next message instead."""
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{simex.http_url}/ws-api/v3") as socket:

        async def asked(method: str = "", **params: object) -> Any:
            if method:
                await socket.send_json({"id": "1", "method": method, "params": params})
            return await socket.receive_json(timeout=30)

        yield asked


@pytest.fixture
async def receive(ask: Callable[..., Awaitable[Any]]) -> Callable[[int], Awaitable[list[Any]]]:
    """Subscribed: gives the next so many events."""
    await ask(SUBSCRIBE, **signed_params())

    async def received(number: int) -> list[Any]:
        messages = [await ask() for _ in range(number)]
        assert {each["subscriptionId"] for each in messages} == {0}
        return [each["event"] for each in messages]

    return received


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        pytest.param({"secret": "wrong"}, 400, -1022, id="signature"),
        pytest.param({"timestamp": 1}, 400, -1021, id="window"),
        pytest.param({"apiKey": "other"}, 401, -2015, id="key"),
        pytest.param({"stream": "all"}, 400, -1104, id="unread"),
    ],
)
async def test_only_signed_subscriptions_are_let_in(ask: Any, params: dict[str, Any], status: int, code: int) -> None:
    answer = await ask(SUBSCRIBE, **signed_params(**params))

    assert (answer["id"], answer["status"], answer["error"]["code"]) == ("1", status, code)


async def test_an_unsigned_subscription_is_refused(ask: Any) -> None:
    assert (await ask(SUBSCRIBE, apiKey="simex"))["error"]["code"] == -1102


async def test_an_orders_life_is_reported_with_the_balances_after_each_step(
    receive: Any, signed: Any, simex: SimexHandle
) -> None:
    await signed.place(newClientOrderId="slot1", strategyId=7, strategyType=1_000_000)
    await simex.inject("59000", "1.7")  # 1.69491 to those who were at the price before, the rest to us
    await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="slot1", newClientOrderId="stop")

    events = await receive(6)

    reports, positions = events[0::2], events[1::2]
    assert {each["e"] for each in positions} == {"outboundAccountPosition"}
    assert [(each["x"], each["X"], each["w"]) for each in reports] == [
        ("NEW", "NEW", True),
        ("TRADE", "PARTIALLY_FILLED", True),
        ("CANCELED", "CANCELED", False),
    ]
    assert [(each["c"], each["C"]) for each in reports] == [("slot1", ""), ("slot1", ""), ("stop", "slot1")]
    assert [(each["j"], each["J"]) for each in reports] == [(7, 1_000_000)] * 3
    fill = reports[1]
    assert (fill["l"], fill["L"], fill["n"], fill["N"], fill["m"]) == (
        "0.00509000", "59000.00000000", "0.00000509", "BTC", True,
    )  # fmt: skip
    assert [each["I"] for each in reports] == sorted({each["I"] for each in reports})
    assert positions[-1]["B"] == [
        {"a": "BTC", "f": "1.00508491", "l": "0.00000000"},
        {"a": "USDT", "f": "99699.69000000", "l": "0.00000000"},
    ]


async def test_every_report_has_binances_keys_and_types(receive: Any, signed: Any, simex: SimexHandle) -> None:
    await signed.place()
    await simex.inject("58000", "1")
    await signed.place(timeInForce="IOC", price="57000")

    reports = [each for each in await receive(7) if each["e"] == "executionReport"]

    assert [each["x"] for each in reports] == ["NEW", "TRADE", "NEW", "EXPIRED"]
    for report in reports:
        known = {key: value for key, value in report.items() if key in REPORT}
        assert list(known) == list(REPORT)
        assert all(isinstance(value, REPORT[key]) for key, value in known.items())
        assert report.keys() - REPORT.keys() == ({"eR"} if report["x"] == "EXPIRED" else set())


async def test_a_market_order_is_reported_trade_by_trade_and_its_balances_once(receive: Any, signed: Any) -> None:
    await signed.place(**MARKET, quantity="1.7", side="SELL")  # refused: nothing is sent of it
    await signed.place(**MARKET, quantity=None, quoteOrderQty="99900")
    await signed.place(**MARKET, quantity="0.001")

    first = await receive(3)
    second = await receive(3)

    assert [(each.get("x"), each.get("X"), each.get("w")) for each in first] == [
        ("NEW", "NEW", True),
        ("TRADE", "FILLED", False),
        (None, None, None),
    ]
    assert first[1]["Q"] == "99900.00000000"
    assert second[0]["Q"] == "0.00000000"
    assert first[2]["e"] == second[2]["e"] == "outboundAccountPosition"


async def test_what_a_market_finds_no_liquidity_for_expires(receive: Any, signed: Any, simex: SimexHandle) -> None:
    await simex.deposit("BTC", "99")
    await signed.place(**MARKET, side="SELL", quantity="100")

    events = await receive(2 + 1 + 20 + 1 + 1)  # the deposit's two; the order, each of 20 levels, its end, the balances

    trades, end, position = events[3:23], events[23], events[24]
    assert {(each["x"], each["X"], each["w"]) for each in trades} == {("TRADE", "PARTIALLY_FILLED", False)}
    assert (end["x"], end["X"], end["eR"]) == ("EXPIRED", "EXPIRED", "INSUFFICIENT_LIQUIDITY")
    assert position["e"] == "outboundAccountPosition"


@pytest.mark.parametrize("mode", ["EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"])
async def test_a_prevented_self_trade_says_what_did_not_happen(receive: Any, signed: Any, mode: str) -> None:
    await signed.place(price="59995", quantity="0.01")
    await signed.place(side="SELL", price="59995", quantity="0.02", selfTradePreventionMode=mode)

    events = (await receive(2 + (4 if mode == "EXPIRE_BOTH" else 3)))[2:]

    prevented = {each["i"]: each for each in events if each.get("x") == "TRADE_PREVENTION"}
    assert set(prevented) == {"EXPIRE_MAKER": {1}, "EXPIRE_TAKER": {2}, "EXPIRE_BOTH": {1, 2}}[mode]
    for order_id, report in prevented.items():
        quantity = {1: "0.01000000", 2: "0.02000000"}[order_id]
        assert (report["X"], report["l"], report["L"], report["Y"]) == (
            "EXPIRED_IN_MATCH", "0.00000000", "0.00000000", "0.00000000",
        )  # fmt: skip
        assert (report["A"], report["B"], report["u"], report["U"]) == (quantity, quantity, -1, 3 - order_id)
        assert (report["pl"], report["pL"], report["pY"]) == ("0.01000000", "59995.00000000", "599.95000000")
        assert report["v"] == (2 if mode == "EXPIRE_TAKER" else 1)
    assert [each["e"] for each in events].count("outboundAccountPosition") == 1


async def test_a_deposit_is_reported_and_can_be_spent(receive: Any, signed: Any, simex: SimexHandle) -> None:
    in_ = await simex.deposit("USDT", "1000.5")
    out = await simex.deposit("BTC", "-0.25")
    new = await simex.deposit("ETH", "2")

    update, position, *_ = await receive(6)

    assert (in_.free, in_.at_start, in_.deposited) == ("101000.5", "100000", "1000.5")
    assert (out.free, out.deposited) == ("0.75", "-0.25")
    assert (new.free, new.at_start, new.deposited) == ("2", "0", "2")
    assert (update["e"], update["a"], update["d"], type(update["T"])) == ("balanceUpdate", "USDT", "1000.50000000", int)
    assert position["B"] == [{"a": "USDT", "f": "101000.50000000", "l": "0.00000000"}]
    assert (await signed.place(price="59000", quantity="1.711"))[0] == 200


async def test_deposits_are_in_the_book_on_disk(tmp_path: Path) -> None:
    async with running_simex(tmp_path) as first:
        await first.deposit("BTC", "0.5")
        await first.deposit("BTC", "-0.2")
    async with running_simex(tmp_path) as again:
        btc = next(each for each in (await again.truth()).balances if each.asset == "BTC")

    assert (btc.free, btc.at_start, btc.deposited) == ("1.3", "1", "0.3")


@pytest.mark.parametrize(
    ("asset", "amount", "account", "code"),
    [
        pytest.param("BTC", "-1.1", "main", grpc.StatusCode.FAILED_PRECONDITION, id="more than there is"),
        pytest.param("BTC", "0", "main", grpc.StatusCode.INVALID_ARGUMENT, id="nothing"),
        pytest.param("BTC", "1E-9", "main", grpc.StatusCode.INVALID_ARGUMENT, id="too precise"),
        pytest.param("BTC", "NaN", "main", grpc.StatusCode.INVALID_ARGUMENT, id="no number"),
        pytest.param("btc", "1", "main", grpc.StatusCode.INVALID_ARGUMENT, id="no asset"),
        pytest.param("BTC", "1", "nobody", grpc.StatusCode.NOT_FOUND, id="nobody"),
    ],
)
async def test_a_deposit_that_cannot_be_is_refused(
    simex: SimexHandle, asset: str, amount: str, account: str, code: grpc.StatusCode
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await simex.deposit(asset, amount, account)

    assert refused.value.code() is code
    assert [Decimal(each.free) for each in (await simex.truth()).balances] == [1, 100_000]


async def test_an_account_has_one_subscription_to_a_socket_and_may_end_it(ask: Any, signed: Any) -> None:
    first = await ask(SUBSCRIBE, **signed_params())
    again = await ask(SUBSCRIBE, **signed_params())
    listed = await ask("session.subscriptions")
    unknown = await ask("userDataStream.unsubscribe", subscriptionId=9)
    terminated = await ask("userDataStream.unsubscribe", subscriptionId=0)
    ended = await ask()
    await signed.place()
    silent = await ask("session.subscriptions")
    second = await ask(SUBSCRIBE, **signed_params())

    assert first["result"] == {"subscriptionId": 0}
    assert again["error"] == {"code": -2035, "msg": "User Data Stream subscription already active."}
    assert listed["result"] == [{"subscriptionId": 0}]
    assert unknown["error"] == {"code": -2036, "msg": "User Data Stream subscription not active."}
    assert (terminated["subscriptionId"], terminated["event"]["e"]) == (0, "eventStreamTerminated")
    assert (ended["status"], ended["result"]) == (200, {})
    assert silent["result"] == []
    assert second["result"] == {"subscriptionId": 1}


async def test_a_shutdown_is_announced(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http:
        async with running_simex(tmp_path) as handle:
            socket = await http.ws_connect(f"{handle.http_url}/ws-api/v3")
        said = await socket.receive_json(timeout=30)
        await socket.close()

    assert said["event"]["e"] == "serverShutdown"
    assert isinstance(said["event"]["E"], int)
