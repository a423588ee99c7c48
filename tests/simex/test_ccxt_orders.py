"""ccxt, unpatched, trades on simex as on Binance: sync and async."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import ccxt  # noqa: TID251  the client that simex is made for
import pytest

from gridsim.orders import Side
from gridtesting.live.simex import SimexHandle

BTC = "BTC/USDT"


async def test_markets_load_with_their_steps_and_limits(binance: Any) -> None:
    market = (await binance.load_markets())[BTC]

    assert market["precision"]["price"] == 0.01
    assert market["precision"]["amount"] == 0.00001
    assert market["limits"]["cost"]["min"] == 5
    assert market["spot"]
    assert market["active"]


async def test_an_order_lives_from_placing_to_its_fill(binance: Any, simex: SimexHandle) -> None:
    placed = await binance.create_order(BTC, "limit", "buy", 0.02, 59_000, {"clientOrderId": "slot1"})
    await simex.inject("59000", "0.005")
    partly = await binance.fetch_order(placed["id"], BTC)
    await simex.inject("58000", "0.001")
    done = await binance.fetch_order(None, BTC, {"origClientOrderId": "slot1"})

    assert (placed["status"], placed["clientOrderId"], placed["filled"]) == ("open", "slot1", 0)
    assert (partly["status"], partly["filled"]) == ("open", 0.005)
    assert (done["status"], done["filled"], done["average"], done["cost"]) == ("closed", 0.02, 59_000, 1180)


async def test_a_maker_only_order_rests_and_its_trade_says_maker(binance: Any, simex: SimexHandle) -> None:
    order = await binance.create_order(BTC, "limit", "sell", 0.01, 61_000, {"postOnly": True})
    await simex.inject("61500", "1", Side.BUY)
    trades = await binance.fetch_my_trades(BTC)

    assert order["type"] == "limit"
    assert [(each["order"], each["takerOrMaker"], each["price"], each["amount"]) for each in trades] == [
        (order["id"], "maker", 61_000, 0.01)
    ]
    assert trades[0]["fee"] == {"cost": 0.61, "currency": "USDT"}


async def test_a_taker_gets_its_fills_with_the_answer(binance: Any) -> None:
    order = await binance.create_order(BTC, "market", "buy", 0.01)

    assert order["status"] == "closed"
    assert order["fee"] == {"cost": 0.00001, "currency": "BTC"}
    assert [trade["amount"] for trade in order["trades"]] == [0.01]


async def test_cancelling_frees_the_balance(binance: Any) -> None:
    order = await binance.create_order(BTC, "limit", "buy", 0.1, 59_000)
    held = await binance.fetch_balance()
    cancelled = await binance.cancel_order(order["id"], BTC)
    free = await binance.fetch_balance()

    assert (held["USDT"]["used"], held["USDT"]["free"]) == (5900, 94_100)
    assert (cancelled["status"], cancelled["id"]) == ("canceled", order["id"])
    assert (free["USDT"]["used"], free["USDT"]["free"]) == (0, 100_000)


async def test_all_orders_of_a_symbol_are_cancelled_at_once(binance: Any) -> None:
    for price in (58_000, 58_500, 59_000):
        await binance.create_order(BTC, "limit", "buy", 0.01, price)
    opened = await binance.fetch_open_orders(BTC)
    await binance.cancel_all_orders(BTC)

    assert len(opened) == 3
    assert await binance.fetch_open_orders(BTC) == []
    assert {order["status"] for order in await binance.fetch_orders(BTC)} == {"canceled"}


async def test_prices_are_returned_in_every_form_ccxt_asks_for(binance: Any, simex: SimexHandle) -> None:
    await simex.advance(200)
    price = float((await simex.truth()).markets[0].price)

    ticker = await binance.fetch_ticker(BTC)
    quotes = (await binance.fetch_bids_asks([BTC]))[BTC]
    book = await binance.fetch_order_book(BTC, 5)
    trades = await binance.fetch_trades(BTC, limit=10)
    candles = await binance.fetch_ohlcv(BTC, "1m")

    assert ticker["last"] == price == trades[-1]["price"] == candles[-1][4]
    assert quotes["bid"] == book["bids"][0][0] == ticker["bid"]
    assert quotes["ask"] == book["asks"][0][0] == ticker["ask"]
    assert quotes["bid"] <= price <= quotes["ask"]
    assert ticker["high"] >= ticker["low"] > 0
    assert len(trades) == 10
    assert len(book["bids"]) == 5


async def test_money_survives_ccxt_as_decimals(binance: Any) -> None:
    binance.number = Decimal
    await binance.load_markets()

    order = await binance.create_order(BTC, "limit", "buy", "0.12345", "58123.45")

    assert (order["amount"], order["price"]) == (Decimal("0.12345"), Decimal("58123.45"))


async def test_ccxts_sync_client_trades_as_well(simex: SimexHandle, point_at: Callable[..., Any]) -> None:
    def trade() -> tuple[str, int, float]:
        client = point_at(ccxt.binance, simex.http_url.removeprefix("http://"))
        order = client.create_order(BTC, "limit", "buy", 0.01, 59_000)
        client.cancel_order(order["id"], BTC)
        client.session.close()
        return client.fetch_order(order["id"], BTC)["status"], len(client.fetch_open_orders(BTC)), client.fetch_time()

    status, opened, _ = await asyncio.to_thread(trade)

    assert (status, opened) == ("canceled", 0)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(("limit", "buy", 2, 59_000), ccxt.InsufficientFunds, id="insufficient balance"),
        pytest.param(
            ("limit", "buy", 0.01, 61_000, {"postOnly": True}), ccxt.OrderImmediatelyFillable, id="would match"
        ),
        pytest.param(("limit", "buy", 0.01, 59_000, {"clientOrderId": "taken"}), ccxt.InvalidOrder, id="duplicate"),
        pytest.param(("limit", "buy", 0.00008, 59_000), ccxt.BadRequest, id="notional"),
        pytest.param(("limit", "buy", 0.01, 2_000_000), ccxt.InvalidOrder, id="price filter"),
        pytest.param(("limit", "buy", 10_000, 59_000), ccxt.InvalidOrder, id="lot size"),
        pytest.param(("limit", "buy", 0.01, 59_000, {"timestamp": 1}), ccxt.InvalidNonce, id="old timestamp"),
        pytest.param(("limit", "buy", 0.01, 59_000, {"timeInForce": "XXX"}), ccxt.BadRequest, id="bad parameter"),
    ],
)
async def test_a_refused_order_raises_what_it_raises_on_binance(
    binance: Any, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    await binance.create_order(BTC, "limit", "buy", 0.001, 59_000, {"clientOrderId": "taken"})

    with pytest.raises(error) as raised:
        await binance.create_order(BTC, *arguments)

    assert type(raised.value) is error
    assert len(await binance.fetch_open_orders(BTC)) == 1


async def test_unknown_orders_and_symbols_and_keys_raise_what_they_raise_on_binance(binance: Any) -> None:
    await binance.load_markets()
    with pytest.raises(ccxt.OrderNotFound):
        await binance.fetch_order("77", BTC)
    with pytest.raises(ccxt.OrderNotFound):
        await binance.cancel_order("77", BTC)
    with pytest.raises(ccxt.BadSymbol):
        await binance.public_get_depth({"symbol": "NOSUCH"})
    binance.secret = "wrong"
    with pytest.raises(ccxt.AuthenticationError):
        await binance.fetch_balance()
