"""Orders that wait: stops, take-profits, trailing orders, order lists, as Binance shows, triggers and cancels them."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.pro  # noqa: TID251  the client that simex is made for
import pytest

from gridsim.orders import Side
from gridtesting.live.simex import SimexHandle, running_simex

BTC = "BTC/USDT"
CROSSED = "The relationship of the prices for the orders is not correct."
FREE = {"timeInForce": None, "price": None}  # what a MARKET order and its likes do not have
STOP_SELL = FREE | {"type": "STOP_LOSS", "side": "SELL", "stopPrice": "59000"}
OCO = {
    "symbol": "BTCUSDT", "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "61000",
    "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "59000", "belowPrice": "58900", "belowTimeInForce": "GTC",
}  # fmt: skip
OTO = {
    "symbol": "BTCUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "59500",
    "workingQuantity": "0.01", "workingTimeInForce": "GTC", "pendingType": "LIMIT", "pendingSide": "SELL",
    "pendingPrice": "61000", "pendingQuantity": "0.0099", "pendingTimeInForce": "GTC",
}  # fmt: skip


async def orders(signed: Any) -> list[tuple[str, str]]:
    _, found = await signed.call("GET", "allOrders", symbol="BTCUSDT")
    return [(each["type"], each["status"]) for each in found]


async def locked(simex: SimexHandle) -> dict[str, Decimal]:
    return {each.asset: Decimal(each.locked) for each in (await simex.truth()).balances}


async def test_a_stop_loss_is_shown_as_binance_shows_it_and_holds_its_coins(simex: SimexHandle, signed: Any) -> None:
    status, placed = await signed.place(**STOP_SELL)
    assert (status, set(placed)) == (200, {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"})
    (shown,) = (await signed.call("GET", "openOrders"))[1]
    assert {key: shown[key] for key in ("type", "price", "stopPrice", "status", "isWorking", "workingTime")} == {
        "type": "STOP_LOSS", "price": "0.00000000", "stopPrice": "59000.00000000", "status": "NEW",
        "isWorking": False, "workingTime": -1,
    }  # fmt: skip
    assert await locked(simex) == {"BTC": Decimal("0.01"), "USDT": 0}
    _, depth = await signed.public("depth", symbol="BTCUSDT")
    assert all(Decimal(quantity) > Decimal("0.01") for _, quantity in depth["asks"]), "it is not on the book"


async def test_ccxt_reads_no_price_of_a_stop_loss(signed: Any, binance: Any) -> None:
    await signed.place(**STOP_SELL)
    (order,) = await binance.fetch_open_orders(BTC)
    assert (order["price"], order["stopPrice"], order["status"]) == (None, 59_000.0, "open")


@pytest.mark.parametrize(
    ("order", "quiet", "trigger"),
    [
        pytest.param({"type": "STOP_LOSS", "side": "SELL", "stopPrice": "59000"}, "59001", "59000", id="sell's stop"),
        pytest.param({"type": "STOP_LOSS", "side": "BUY", "stopPrice": "61000"}, "60999", "61000", id="buy's stop"),
        pytest.param({"type": "TAKE_PROFIT", "side": "SELL", "stopPrice": "61000"}, "60999", "61000", id="sell's gain"),
        pytest.param({"type": "TAKE_PROFIT", "side": "BUY", "stopPrice": "59000"}, "59001", "59000", id="buy's gain"),
    ],
)
async def test_it_trades_at_the_market_once_the_market_trades_at_its_stop_price(
    simex: SimexHandle, signed: Any, order: dict[str, Any], quiet: str, trigger: str
) -> None:
    await signed.place(**FREE | order)
    await simex.inject(quiet, "1")
    assert await orders(signed) == [(order["type"], "NEW")]
    await simex.inject(trigger, "1")
    assert await orders(signed) == [(order["type"], "FILLED")]
    (trade,) = (await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1]
    assert abs(Decimal(trade["price"]) - Decimal(trigger)) <= Decimal("0.01")
    assert not trade["isMaker"]
    assert await locked(simex) == {"BTC": 0, "USDT": 0}


async def test_a_stop_limit_rests_at_its_limit_once_it_is_triggered(simex: SimexHandle, signed: Any) -> None:
    await signed.place(type="STOP_LOSS_LIMIT", side="SELL", stopPrice="59000", price="59500")
    await simex.inject("58990", "1")
    (shown,) = (await signed.call("GET", "openOrders"))[1]
    assert (shown["isWorking"], shown["workingTime"] > 0, shown["status"]) == (True, True, "NEW")
    await simex.inject("59500", "1", Side.BUY)
    assert await orders(signed) == [("STOP_LOSS_LIMIT", "FILLED")]


async def test_a_triggered_buy_that_nothing_pays_for_expires(simex: SimexHandle, signed: Any) -> None:
    await signed.place(**FREE, type="STOP_LOSS", side="BUY", stopPrice="61000", quantity="3")
    await simex.inject("61000", "1")
    (shown,) = (await signed.call("GET", "allOrders", symbol="BTCUSDT"))[1]
    assert (shown["status"], shown["expiryReason"]) == ("EXPIRED", "REJECTED")


async def test_a_trailing_stop_follows_the_best_price_also_over_a_restart(tmp_path: Path, signed: Any) -> None:
    folder = tmp_path / "trailing"
    async with running_simex(folder) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        await client.place(**FREE, type="STOP_LOSS", side="SELL", trailingDelta=100)
        (shown,) = (await client.call("GET", "openOrders"))[1]
        assert (shown["trailingDelta"], shown["trailingTime"] > 0, shown["stopPrice"]) == (100, True, "0.00000000")
        await simex.inject("62000", "1", Side.BUY)
    async with running_simex(folder) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        await simex.inject("61381", "1")
        assert await orders(client) == [("STOP_LOSS", "NEW")]
        await simex.inject("61380", "1")
        assert await orders(client) == [("STOP_LOSS", "FILLED")]


async def test_a_trailing_order_with_a_stop_price_tracks_from_there_on(simex: SimexHandle, signed: Any) -> None:
    await signed.place(**FREE, type="TAKE_PROFIT", side="SELL", stopPrice="61000", trailingDelta=100)
    await simex.inject("59000", "1")
    assert (await signed.call("GET", "openOrders"))[1][0]["trailingTime"] == -1
    await simex.inject("61000", "1", Side.BUY)
    await simex.inject("60391", "1")
    assert await orders(signed) == [("TAKE_PROFIT", "NEW")]
    await simex.inject("60390", "1")
    assert await orders(signed) == [("TAKE_PROFIT", "FILLED")]


async def test_algo_orders_are_counted_and_cancelled(simex: SimexHandle, signed: Any) -> None:
    await simex.set_rules(max_algo_orders=2)
    for number in (1, 2):
        await signed.place(**STOP_SELL, newClientOrderId=f"stop{number}")
    assert (await signed.place(**STOP_SELL))[1] == {"code": -2010, "msg": "Filter failure: MAX_NUM_ALGO_ORDERS"}
    assert (await signed.place())[0] == 200, "other orders are not counted with them"
    status, gone = await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="stop1")
    assert (status, gone["status"], gone["stopPrice"]) == (200, "CANCELED", "59000.00000000")
    assert len((await signed.call("DELETE", "openOrders", symbol="BTCUSDT"))[1]) == 2
    assert await locked(simex) == {"BTC": 0, "USDT": 0}


async def test_an_oco_holds_once_and_its_filled_order_ends_the_other(simex: SimexHandle, signed: Any) -> None:
    status, made = await signed.call("POST", "orderList/oco", **OCO)
    assert (status, made["contingencyType"], made["listOrderStatus"]) == (200, "OCO", "EXECUTING")
    assert {each["type"]: each["status"] for each in made["orderReports"]} == {
        "LIMIT_MAKER": "NEW",
        "STOP_LOSS_LIMIT": "NEW",
    }
    assert {each["orderListId"] for each in (await signed.call("GET", "openOrders"))[1]} == {1}
    assert await locked(simex) == {"BTC": Decimal("0.01"), "USDT": 0}

    await simex.inject("61000", "1", Side.BUY)

    assert sorted(await orders(signed)) == [("LIMIT_MAKER", "FILLED"), ("STOP_LOSS_LIMIT", "EXPIRED")]
    assert (await signed.call("GET", "orderList", orderListId=1))[1]["listOrderStatus"] == "ALL_DONE"
    assert (await signed.call("GET", "openOrderList"))[1] == []
    assert await locked(simex) == {"BTC": 0, "USDT": 0}


async def test_a_triggered_stop_of_an_oco_ends_the_other_and_has_its_coins(simex: SimexHandle, signed: Any) -> None:
    await signed.call("POST", "orderList/oco", **OCO)
    await simex.inject("59000", "1")
    assert sorted(await orders(signed)) == [("LIMIT_MAKER", "EXPIRED"), ("STOP_LOSS_LIMIT", "FILLED")]


async def test_an_oco_to_buy_holds_what_the_dearer_of_its_orders_needs(simex: SimexHandle, signed: Any) -> None:
    buy = {
        "symbol": "BTCUSDT", "side": "BUY", "quantity": "0.01", "belowType": "LIMIT_MAKER", "belowPrice": "59000",
        "aboveType": "STOP_LOSS_LIMIT", "aboveStopPrice": "61000", "abovePrice": "61100", "aboveTimeInForce": "GTC",
    }  # fmt: skip
    await signed.call("POST", "orderList/oco", **buy)
    assert await locked(simex) == {"BTC": 0, "USDT": Decimal(611)}
    await simex.inject("61000", "1", Side.BUY)
    assert sorted(await orders(signed)) == [("LIMIT_MAKER", "EXPIRED"), ("STOP_LOSS_LIMIT", "FILLED")]
    assert await locked(simex) == {"BTC": 0, "USDT": 0}


async def test_cancelling_one_order_of_a_list_or_the_list_cancels_both(simex: SimexHandle, signed: Any) -> None:
    await signed.call("POST", "orderList/oco", **OCO)
    await signed.call("DELETE", "order", symbol="BTCUSDT", orderId=1)
    assert {status for _, status in await orders(signed)} == {"CANCELED"}
    await signed.call("POST", "orderList/oco", **OCO, listClientOrderId="mine")
    status, gone = await signed.call("DELETE", "orderList", symbol="BTCUSDT", listClientOrderId="mine")
    assert (status, gone["listOrderStatus"], len(gone["orderReports"])) == (200, "ALL_DONE", 2)
    assert await locked(simex) == {"BTC": 0, "USDT": 0}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"abovePrice": "59000"}, CROSSED, id="limit"),
        pytest.param({"belowStopPrice": "60500"}, CROSSED, id="stop"),
        pytest.param({"quantity": "1.5"}, "Account has insufficient balance for requested action.", id="balance"),
    ],
)
async def test_an_oco_that_cannot_be_is_refused_whole(signed: Any, changes: dict[str, str], said: str) -> None:
    assert (await signed.call("POST", "orderList/oco", **OCO | changes))[1] == {"code": -2010, "msg": said}
    assert (await signed.call("GET", "openOrders"))[1] == []


async def test_an_oto_shows_its_pending_order_and_places_it_once_the_other_is_filled(
    simex: SimexHandle, signed: Any, binance: Any
) -> None:
    await signed.call("POST", "orderList/oto", **OTO)
    assert [each["status"] for each in (await signed.call("GET", "openOrders"))[1]] == ["NEW", "PENDING_NEW"]
    assert await locked(simex) == {"BTC": 0, "USDT": Decimal(595)}
    assert [each["status"] for each in await binance.fetch_open_orders(BTC)] == ["open", "PENDING_NEW"]
    await simex.inject("59500", "0.005")
    assert [status for _, status in await orders(signed)] == ["PARTIALLY_FILLED", "PENDING_NEW"]
    await simex.inject("59500", "1")
    assert [status for _, status in await orders(signed)] == ["FILLED", "NEW"]
    await simex.inject("61000", "1", Side.BUY)
    assert [status for _, status in await orders(signed)] == ["FILLED", "FILLED"]


async def test_an_oto_whose_working_order_fills_at_once_has_its_pending_stop_waiting_for_its_price(
    simex: SimexHandle, signed: Any
) -> None:
    stop = {"pendingType": "STOP_LOSS", "pendingPrice": None, "pendingTimeInForce": None, "pendingStopPrice": "59000"}
    _, made = await signed.call("POST", "orderList/oto", **OTO | stop | {"workingPrice": "60010"})
    assert [each["status"] for each in made["orderReports"]] == ["FILLED", "PENDING_NEW"]
    assert await orders(signed) == [("LIMIT", "FILLED"), ("STOP_LOSS", "NEW")]
    await simex.inject("59000", "1")
    assert await orders(signed) == [("LIMIT", "FILLED"), ("STOP_LOSS", "FILLED")]


async def test_a_pending_order_ends_with_the_working_one(simex: SimexHandle, signed: Any) -> None:
    await signed.call("POST", "orderList/oto", **OTO)
    await signed.call("DELETE", "order", symbol="BTCUSDT", orderId=1)
    assert [status for _, status in await orders(signed)] == ["CANCELED", "CANCELED"]


async def test_a_list_counts_as_two_orders(tmp_path: Path, signed: Any) -> None:
    async with running_simex(tmp_path / "counted") as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        await client.call("POST", "orderList/oco", **OCO)
        _, counts = await client.call("GET", "rateLimit/order")
        assert [each["count"] for each in counts] == [2, 2]
        await simex.set_rules(max_orders=3)
        assert (await client.call("POST", "orderList/oco", **OCO))[1]["msg"] == "Filter failure: MAX_NUM_ORDERS"


async def test_waiting_orders_and_lists_outlive_a_restart(tmp_path: Path, signed: Any) -> None:
    folder = tmp_path / "kept"
    async with running_simex(folder) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        await client.call("POST", "orderList/oco", **OCO)
        await client.call("POST", "orderList/oto", **OTO)
        before = (await client.call("GET", "openOrders"))[1]
    async with running_simex(folder) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        assert (await client.call("GET", "openOrders"))[1] == before
        await simex.inject("59000", "1")
        assert await orders(client) == [
            ("LIMIT_MAKER", "EXPIRED"), ("STOP_LOSS_LIMIT", "FILLED"), ("LIMIT", "FILLED"), ("LIMIT", "NEW"),
        ]  # fmt: skip


async def test_the_user_stream_reports_waiting_working_and_lists(
    simex: SimexHandle, signed: Any, sign: Callable[..., str]
) -> None:
    _, time = await signed.public("time")
    params = {"apiKey": "simex", "timestamp": time["serverTime"]}
    params["signature"] = sign(**params).rpartition("=")[2]
    async with signed.http.ws_connect(f"{signed.url}/ws-api/v3") as socket:
        await socket.send_json({"id": 1, "method": "userDataStream.subscribe.signature", "params": params})
        await socket.receive_json(timeout=30)
        await signed.call("POST", "orderList/oco", **OCO)
        await simex.inject("59000", "1")
        reported: list[tuple[object, ...]] = []
        while len(reported) < 7:
            event = (await socket.receive_json(timeout=30))["event"]
            if event["e"] == "executionReport":
                reported.append((event["o"], event["x"], event["X"], event["w"], event["P"], event["g"]))
            elif event["e"] == "listStatus":
                reported.append((event["c"], event["l"], len(event["O"])))
    stop, limit = "STOP_LOSS_LIMIT", "LIMIT_MAKER"
    assert reported == [
        (limit, "NEW", "NEW", True, "0.00000000", 1),
        (stop, "NEW", "NEW", False, "59000.00000000", 1),
        ("OCO", "EXEC_STARTED", 2),
        (limit, "EXPIRED", "EXPIRED", False, "0.00000000", 1),
        (stop, "NEW", "NEW", True, "59000.00000000", 1),
        (stop, "TRADE", "FILLED", False, "59000.00000000", 1),
        ("OCO", "ALL_DONE", 2),
    ]


async def test_ccxt_watches_a_stop_and_places_it(simex: SimexHandle, point_at: Callable[..., Any]) -> None:
    client = point_at(ccxt.pro.binance, simex.http_url.removeprefix("http://"))
    try:
        placed = await client.create_order(BTC, "limit", "sell", 0.01, 58_900, {"stopLossPrice": 59_000})
        (order,) = await client.fetch_open_orders(BTC)
        assert (order["id"], order["info"]["type"], order["triggerPrice"]) == (
            placed["id"],
            "STOP_LOSS_LIMIT",
            59_000.0,
        )
        watching = asyncio.create_task(client.watch_orders(BTC))
        async with asyncio.timeout(60):
            while not watching.done():  # what comes before the subscription is not sent
                await client.create_order(BTC, "limit", "sell", 0.01, 58_900, {"stopLossPrice": 59_000})
                (last, *_) = (await client.fetch_open_orders(BTC))[-1:]
                await client.cancel_order(last["id"], BTC)
                await asyncio.wait({watching}, timeout=0.2)
        assert watching.result()[-1]["stopPrice"] == 59_000.0
    finally:
        await client.close()
