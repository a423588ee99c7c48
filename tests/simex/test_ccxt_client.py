"""ccxt, as it is installed: orders over the websocket API, what its pro half watches, what else it trades and reads.

Its plain trading is in test_ccxt_orders.py, the account's streams are in test_streams.py.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import ccxt  # noqa: TID251  the client that simex is made for
import pytest

from gridsim.orders import Side
from gridtesting.live.simex import SimexHandle

BTC = "BTC/USDT"


async def test_an_order_lives_over_the_websocket_api(binance_pro: Any, simex: SimexHandle) -> None:
    placed = await binance_pro.create_order_ws(BTC, "limit", "buy", 0.01, 59_000, {"newClientOrderId": "slot1"})
    await simex.inject("59000", "0.004")
    partly = await binance_pro.fetch_order_ws(placed["id"], BTC)
    fills = await binance_pro.fetch_my_trades_ws(BTC)
    moved = await binance_pro.edit_order_ws(placed["id"], BTC, "limit", "buy", 0.01, 58_000)
    opened = await binance_pro.fetch_open_orders_ws(BTC)
    held = await binance_pro.fetch_balance_ws()
    cancelled = await binance_pro.cancel_order_ws(moved["id"], BTC)
    await binance_pro.create_order_ws(BTC, "limit", "buy", 0.01, 57_000)
    await binance_pro.cancel_all_orders_ws(BTC)
    history = await binance_pro.fetch_orders_ws(BTC)

    assert (placed["status"], placed["clientOrderId"]) == ("open", "slot1")
    assert (partly["status"], partly["filled"], partly["average"]) == ("open", 0.004, 59_000)
    assert [(each["order"], each["amount"], each["takerOrMaker"]) for each in fills] == [(placed["id"], 0.004, "maker")]
    assert [(each["id"], each["price"]) for each in opened] == [(moved["id"], 58_000)]
    assert {"asset": "USDT", "free": "99184.00000000", "locked": "580.00000000"} in held["info"]["balances"]
    assert cancelled["status"] == "canceled"
    assert [each["status"] for each in history] == ["canceled"] * 3


@pytest.mark.parametrize(
    ("order", "error"),
    [
        pytest.param(("limit", "buy", 2, 59_000), ccxt.InsufficientFunds, id="insufficient balance"),
        pytest.param(("limit", "buy", 0.00008, 59_000), ccxt.BadRequest, id="notional"),
        pytest.param(("limit", "buy", 0.01, 59_000, {"timestamp": 1}), ccxt.InvalidNonce, id="old timestamp"),
        pytest.param(("limit", "buy", 0.01, 59_000, {"timeInForce": "XXX"}), ccxt.BadRequest, id="bad parameter"),
    ],
)
async def test_a_refusal_over_the_websocket_api_raises_what_it_raises_over_rest(
    binance_pro: Any, order: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error) as raised:
        await binance_pro.create_order_ws(BTC, *order)

    assert type(raised.value) is error
    assert await binance_pro.fetch_open_orders(BTC) == []


async def test_its_copy_of_the_book_stays_the_book(binance_pro: Any, simex: SimexHandle) -> None:
    await binance_pro.load_markets()
    copy = await binance_pro.watch_order_book(BTC)
    for _ in range(5):
        update = asyncio.create_task(binance_pro.watch_order_book(BTC))
        await asyncio.sleep(0)  # it listens now
        await simex.advance(20)
        await update
    price, others = (await binance_pro.fetch_order_book(BTC))["bids"][0]
    await binance_pro.create_order(BTC, "limit", "buy", 0.01, price)
    book = await binance_pro.fetch_order_book(BTC)

    async with asyncio.timeout(10):
        while (copy["bids"], copy["asks"]) != (book["bids"], book["asks"]):
            copy = await binance_pro.watch_order_book(BTC)

    assert copy["nonce"] == book["nonce"]
    assert len(await simex.requests("GET depth")) == 3  # its first and our two: every update linked to the one before
    assert copy["bids"][0] == [price, pytest.approx(others + 0.01)]


async def test_it_watches_the_market_in_every_other_form(binance_pro: Any, simex: SimexHandle) -> None:
    await binance_pro.load_markets()
    watching = {
        "trades": binance_pro.watch_trades_for_symbols([BTC]),
        "candles": binance_pro.watch_ohlcv(BTC, "1m"),
        "tickers": binance_pro.watch_tickers([BTC]),
        "quotes": binance_pro.watch_bids_asks([BTC]),
        "levels": binance_pro.watch_order_book(BTC, 5),
    }

    async def until_received(each: Coroutine[Any, Any, Any]) -> Any:
        task = asyncio.ensure_future(each)
        while not task.done():
            await simex.inject("60100", "0.1", Side.BUY)
            await asyncio.wait({task}, timeout=0.05)
        return task.result()

    received = {name: await until_received(each) for name, each in watching.items()}

    assert (received["trades"][-1]["price"], received["trades"][-1]["side"]) == (60_100, "buy")
    assert received["candles"][-1][4] == received["tickers"][BTC]["last"] == received["quotes"][BTC]["ask"] == 60_100
    assert (len(received["levels"]["bids"]), len(received["levels"]["asks"])) == (5, 5)


async def test_an_edit_cancels_and_replaces(binance: Any) -> None:
    order = await binance.create_order(BTC, "limit", "buy", 0.01, 59_000)
    moved = await binance.edit_order(order["id"], BTC, "limit", "buy", 0.02, 58_000)

    assert (moved["status"], moved["price"], moved["amount"]) == ("open", 58_000, 0.02)
    assert [each["id"] for each in await binance.fetch_open_orders(BTC)] == [moved["id"]]
    assert [each["id"] for each in await binance.fetch_canceled_orders(BTC)] == [order["id"]]


async def test_an_amount_of_quote_is_spent(binance: Any) -> None:
    order = await binance.create_market_buy_order_with_cost(BTC, 100)

    assert order["status"] == "closed"
    assert 99 < order["cost"] <= 100


async def test_a_test_order_leaves_nothing_behind(binance: Any) -> None:
    await binance.create_order(BTC, "limit", "buy", 0.01, 59_000, {"test": True})
    with pytest.raises(ccxt.InvalidOrder):
        await binance.create_order(BTC, "limit", "buy", 0.01, 2_000_000, {"test": True})

    assert await binance.fetch_orders(BTC) == []


async def test_the_sync_client_reads_all_that_it_can(simex: SimexHandle, point_at: Callable[..., Any]) -> None:
    await simex.inject("60100", "0.5", Side.BUY)

    def read() -> None:
        client = point_at(ccxt.binance, simex.http_url.removeprefix("http://"))
        client.load_markets()
        order = client.create_order(BTC, "market", "buy", 0.01)
        assert client.fetch_ticker(BTC)["last"] == client.fetch_tickers([BTC])[BTC]["last"] == 60_100
        assert client.fetch_last_prices([BTC])[BTC]["price"] == 60_100
        assert client.fetch_order_book(BTC)["asks"][0][0] == client.fetch_bids_asks([BTC])[BTC]["ask"] == 60_100
        assert [each["amount"] for each in client.fetch_trades(BTC)] == [0.5, 0.01]
        assert client.fetch_ohlcv(BTC, "1h")[-1][5] == 0.51
        assert [each["order"] for each in client.fetch_order_trades(order["id"], BTC)] == [order["id"]]
        assert [each["id"] for each in client.fetch_closed_orders(BTC)] == [order["id"]]
        assert client.fetch_balance()["BTC"]["free"] == 1.00999
        client.session.close()

    await asyncio.to_thread(read)
