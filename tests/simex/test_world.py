"""What an exchange changes while its clients run: rules, listing, fees, keys, limits, its own memory."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound, rpc_error_of
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridtesting.live.simex import BALANCES, NO_LIMITS, STILL_MARKET, SimexHandle, running_simex
from simex.config import MarketSettings

ETH = MarketSettings(SymbolRules("ETH/USDT"), running=False, seed=3, start_price=Decimal(3000))
CLOSED = {"code": -1013, "msg": "Market is closed."}
NO_SYMBOL = {"code": -1121, "msg": "Invalid symbol."}


@pytest.fixture
async def simex(tmp_path: Path) -> Any:
    async with running_simex(tmp_path, markets=(STILL_MARKET, ETH), balances=BALANCES | {"BNB": Decimal(10)}) as handle:
        yield handle


async def filters(signed: Any, symbol: str = "BTCUSDT") -> dict[str, Any]:
    _, info = await signed.public("exchangeInfo", symbol=symbol)
    return {each["filterType"]: each for each in info["symbols"][0]["filters"]}


async def test_steps_change_and_orders_that_rest_stay_valid_and_trade(simex: SimexHandle, signed: Any) -> None:
    await signed.place(price="59000.01", quantity="0.00123")
    changed = await simex.set_rules(tick_size="0.1", lot_size="0.001", min_notional="20")

    assert (changed.tick_size, changed.lot_size, changed.min_notional, changed.max_price) == (
        "0.1",
        "0.001",
        "20",
        "10000000",
    )
    reported = await filters(signed)
    assert (reported["PRICE_FILTER"]["tickSize"], reported["LOT_SIZE"]["stepSize"]) == ("0.10000000", "0.00100000")
    assert (await signed.place(price="59000.01"))[1] == {"code": -1013, "msg": "Filter failure: PRICE_FILTER"}
    assert (await signed.place(quantity="0.0015"))[1] == {"code": -1013, "msg": "Filter failure: LOT_SIZE"}
    await simex.inject("59000", "1")
    (trade,) = (await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1]
    assert (trade["price"], trade["qty"]) == ("59000.01000000", "0.00123000")


async def test_a_market_whose_source_keeps_another_tick_trades_on_the_new_one(simex: SimexHandle, signed: Any) -> None:
    await simex.set_rules(tick_size="5")
    await simex.advance(200)
    _, trades = await signed.public("trades", symbol="BTCUSDT", limit=200)
    assert {Decimal(each["price"]) % 5 for each in trades} == {0}
    _, depth = await signed.public("depth", symbol="BTCUSDT")
    assert {Decimal(price) % 5 for price, _ in depth["bids"] + depth["asks"]} == {0}


@pytest.mark.parametrize(
    ("rules", "order", "code", "said"),
    [
        pytest.param({"max_quantity": "0.005"}, {}, -1013, "LOT_SIZE", id="largest quantity"),
        pytest.param({"min_quantity": "0.02"}, {}, -1013, "LOT_SIZE", id="least quantity"),
        pytest.param({"max_price": "58000"}, {}, -1013, "PRICE_FILTER", id="highest price"),
        pytest.param({"min_price": "59000.01"}, {}, -1013, "PRICE_FILTER", id="lowest price"),
        pytest.param({"min_notional": "600"}, {}, -1013, "NOTIONAL", id="least notional"),
        pytest.param({"max_notional": "500"}, {}, -1013, "NOTIONAL", id="largest notional"),
        pytest.param({"legacy": True, "min_notional": "600"}, {}, -1013, "MIN_NOTIONAL", id="least notional of old"),
        pytest.param({"legacy": True}, {"price": "9000"}, -1013, "PERCENT_PRICE", id="distance of old"),
        pytest.param({"bid_multiplier_down": "0.99"}, {}, -1013, "PERCENT_PRICE_BY_SIDE", id="bid too low"),
        pytest.param({"max_orders": 1}, {}, -2010, "MAX_NUM_ORDERS", id="open orders"),
        pytest.param({"max_position": "1.015"}, {}, -2010, "MAX_POSITION", id="position"),
        pytest.param(
            {"max_market_quantity": "0.005"},
            {"type": "MARKET", "price": None, "timeInForce": None},
            -1013, "MARKET_LOT_SIZE", id="market quantity",
        ),
    ],
)  # fmt: skip
async def test_each_filter_refuses_by_its_name_once_it_has_changed_and_not_before(
    simex: SimexHandle, signed: Any, rules: dict[str, Any], order: dict[str, Any], code: int, said: str
) -> None:
    assert (await signed.place())[0] == 200
    await simex.set_rules(**rules)

    assert (await signed.place(**order))[1] == {"code": code, "msg": f"Filter failure: {said}"}
    assert said in await filters(signed)

    await simex.set_rules(reset=True)
    assert (await signed.place())[0] == 200


async def test_a_market_order_is_held_against_the_least_notional_only_where_that_is_said(
    simex: SimexHandle, signed: Any
) -> None:
    market = {"type": "MARKET", "price": None, "timeInForce": None, "quantity": "0.00001"}
    assert (await signed.place(**market))[1]["msg"] == "Filter failure: NOTIONAL"
    await simex.set_rules(min_to_market=False)
    assert (await signed.place(**market))[0] == 200


async def test_all_symbols_together_may_have_so_many_orders(simex: SimexHandle, signed: Any) -> None:
    await simex.set_limits(max_open_orders=2)
    await signed.place()
    await signed.place(symbol="ETHUSDT", price="2900", quantity="0.1")
    assert (await signed.place())[1] == {"code": -2010, "msg": "Filter failure: EXCHANGE_MAX_NUM_ORDERS"}
    _, info = await signed.public("exchangeInfo")
    assert info["exchangeFilters"] == [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 2}]


@pytest.mark.parametrize("status", ["HALT", "BREAK"])
async def test_a_symbol_that_does_not_trade_takes_cancels_alone(simex: SimexHandle, signed: Any, status: str) -> None:
    await signed.place(newClientOrderId="rests")
    await simex.set_rules(status=status)

    assert (await signed.public("exchangeInfo", symbol="BTCUSDT"))[1]["symbols"][0]["status"] == status
    assert (await signed.place())[1] == CLOSED
    assert [each["symbol"] for each in (await signed.public("ticker/price", symbolStatus="TRADING"))[1]] == ["ETHUSDT"]
    with pytest.raises(grpc.aio.AioRpcError) as stands:
        await simex.advance(1)
    assert isinstance(rpc_error_of(stands.value), FailedPrecondition)
    assert (await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="rests"))[0] == 200
    await simex.set_rules(status="TRADING")
    assert (await signed.place())[0] == 200


async def test_a_delisted_symbol_is_denied_everywhere_and_its_orders_have_expired(
    simex: SimexHandle, signed: Any
) -> None:
    await signed.place()
    await simex.set_rules(listed=False)

    assert [each["symbol"] for each in (await signed.public("exchangeInfo"))[1]["symbols"]] == ["ETHUSDT"]
    for path in ("exchangeInfo", "depth", "ticker/price", "ticker/bookTicker"):
        assert await signed.public(path, symbol="BTCUSDT") == (400, NO_SYMBOL)
    assert await signed.public("ticker/price", symbols='["BTCUSDT","ETHUSDT"]') == (400, NO_SYMBOL)
    for method, path in (("GET", "openOrders"), ("GET", "myTrades"), ("GET", "allOrders"), ("DELETE", "openOrders")):
        assert await signed.call(method, path, symbol="BTCUSDT") == (400, NO_SYMBOL)
    assert await signed.place() == (400, NO_SYMBOL)
    assert await signed.call("GET", "openOrders") == (200, [])
    (order,) = (await simex.truth()).orders
    assert (order.status, order.transitions[-1].cause) == ("EXPIRED", "delisted")
    assert {each.asset: each.locked for each in (await simex.truth()).balances}["USDT"] == "0"

    await simex.set_rules(listed=True)
    assert (await signed.place())[0] == 200


async def test_a_delisting_may_keep_the_orders(simex: SimexHandle, signed: Any) -> None:
    await signed.place()
    await simex.set_rules(listed=False, keep_orders=True)
    assert await signed.call("GET", "openOrders") == (200, [])
    await simex.set_rules(listed=True)
    assert len((await signed.call("GET", "openOrders"))[1]) == 1


async def test_changes_survive_a_restart(tmp_path: Path, signed: Any) -> None:
    folder = tmp_path / "kept"
    async with running_simex(folder) as simex:
        await simex.set_rules(tick_size="0.1", max_orders=7, status="BREAK")
        await simex.set_commission(symbol="BTC/USDT", standard={"maker": "0.0002"})
        await simex.set_keys(-2015)
        await simex.set_limits(enabled=True, orders_10s=3, max_open_orders=9)
    async with running_simex(folder) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        _, info = await client.public("exchangeInfo")
        assert info["symbols"][0]["status"] == "BREAK"
        assert {each["filterType"]: each for each in info["symbols"][0]["filters"]}["PRICE_FILTER"][
            "tickSize"
        ] == "0.10000000"
        assert info["exchangeFilters"][0]["maxNumOrders"] == 9
        assert {each["limit"] for each in info["rateLimits"] if each["interval"] == "SECOND"} == {3}
        assert (await client.call("GET", "account"))[1]["code"] == -2015
        await simex.set_keys(0)
        _, paid = await client.call("GET", "account/commission", symbol="BTCUSDT")
        assert paid["standardCommission"]["maker"] == "0.00020000"


async def test_fees_of_a_symbol_and_of_an_account_are_returned_and_paid(simex: SimexHandle, signed: Any) -> None:
    await simex.set_commission(standard={"maker": "0.0005", "taker": "0.0006"})
    await simex.set_commission(
        symbol="BTC/USDT",
        standard={"maker": "0.001", "seller": "0.0001"},
        special={"maker": "0.01"},
        tax={"seller": "0.0002"},
    )
    _, btc = await signed.call("GET", "account/commission", symbol="BTCUSDT")
    _, eth = await signed.call("GET", "account/commission", symbol="ETHUSDT")
    assert (btc["specialCommission"]["maker"], btc["taxCommission"]["seller"]) == ("0.01000000", "0.00020000")
    assert eth["standardCommission"] == {
        "maker": "0.00050000", "taker": "0.00060000", "buyer": "0.00000000", "seller": "0.00000000",
    }  # fmt: skip
    await signed.place(side="SELL", price="61000")
    await simex.inject("61000", "1", Side.BUY)
    (trade,) = (await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1]
    assert Decimal(trade["commission"]) == Decimal("610") * Decimal("0.0113")
    assert trade["commissionAsset"] == "USDT"

    await simex.set_commission(account="main", symbol="BTC/USDT", standard={"maker": "0"})
    await signed.place(side="SELL", price="61000")
    await simex.inject("61000", "1", Side.BUY)
    assert Decimal((await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1][-1]["commission"]) == 0
    await simex.set_commission(account="main", symbol="BTC/USDT")
    assert (await signed.call("GET", "account/commission", symbol="BTCUSDT"))[1] == btc


async def test_ccxt_reads_the_fee_of_a_symbol(simex: SimexHandle, binance: Any) -> None:
    await simex.set_commission(symbol="ETH/USDT", standard={"maker": "0.0003", "taker": "0.0004"})
    paid = await binance.private_get_account_commission({"symbol": "ETHUSDT"})
    assert (paid["standardCommission"]["maker"], paid["standardCommission"]["taker"]) == ("0.00030000", "0.00040000")


async def test_a_discount_is_paid_in_bnb_while_there_is_enough_of_it(tmp_path: Path, signed: Any) -> None:
    bnb = MarketSettings(SymbolRules("BNB/USDT"), running=False, start_price=Decimal(500))
    held = BALANCES | {"BNB": Decimal("0.0015")}
    async with running_simex(tmp_path / "bnb", (STILL_MARKET, bnb), held) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        discount = {"enabled_for_account": True, "enabled_for_symbol": True}
        await simex.set_commission(standard={"maker": "0.001"}, tax={"maker": "0.0001"}, discount=discount)
        for _ in range(2):
            await client.place(side="SELL", price="61000")
            await simex.inject("61000", "1", Side.BUY)
        first, second = (await client.call("GET", "myTrades", symbol="BTCUSDT"))[1]

        assert (first["commissionAsset"], Decimal(first["commission"])) == (
            "BNB",
            Decimal(610) * Decimal("0.00085") / 500,
        )
        assert (second["commissionAsset"], Decimal(second["commission"])) == ("USDT", Decimal(610) * Decimal("0.0011"))
        truth = {each.asset: Decimal(each.free) for each in (await simex.truth()).balances}
        assert truth["BNB"] == Decimal("0.0015") - Decimal(first["commission"])


async def test_a_fill_may_carry_no_fee_and_no_asset(simex: SimexHandle, signed: Any, binance: Any) -> None:
    await simex.fault("NO_FEE", count=1)
    await signed.place()
    await simex.inject("59000", "1")
    (trade,) = (await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1]
    assert (trade["commission"], trade["commissionAsset"]) == ("0.00000000", None)
    (read,) = await binance.fetch_my_trades("BTC/USDT")
    assert read["fee"]["currency"] is None
    truth = await simex.truth()
    assert {each.asset: each.free for each in truth.balances}["BTC"] == "1.01"
    assert truth.trades[0].fill.fee_asset == ""


@pytest.mark.parametrize("code", [-2014, -2015])
async def test_keys_are_refused_for_a_while_and_accepted_again(simex: SimexHandle, signed: Any, code: int) -> None:
    await simex.set_keys(code)
    status, answer = await signed.call("GET", "account")
    assert (status, answer["code"]) == (401, code)
    assert (await signed.place())[0] == 401
    assert (await signed.public("time"))[0] == 200
    await simex.set_keys()
    assert (await signed.call("GET", "account"))[0] == 200

    _, now = await signed.public("time")
    await simex.set_keys(code, until_ms=now["serverTime"] + 200)
    async with asyncio.timeout(30):
        while (await signed.call("GET", "account"))[0] == 401:
            pass


async def test_a_forgotten_order_is_denied_by_every_look_up_and_known_to_the_oracle(
    simex: SimexHandle, signed: Any
) -> None:
    await signed.place(newClientOrderId="gone")
    await signed.place(newClientOrderId="stays")
    await simex.forget_order("gone")

    one = {"symbol": "BTCUSDT", "origClientOrderId": "gone"}
    assert (await signed.call("GET", "order", **one))[1]["code"] == -2013
    assert (await signed.call("GET", "order", symbol="BTCUSDT", orderId=1))[1]["code"] == -2013
    assert (await signed.call("DELETE", "order", **one))[1]["code"] == -2011
    for path in ("openOrders", "allOrders"):
        assert [each["clientOrderId"] for each in (await signed.call("GET", path, symbol="BTCUSDT"))[1]] == ["stays"]
    truth = await simex.truth()
    assert [(each.status, each.transitions[-1].cause) for each in truth.orders] == [
        ("EXPIRED", "forgotten by the venue"), ("NEW", "placed"),
    ]  # fmt: skip
    assert {each.asset: each.locked for each in truth.balances}["USDT"] == "590"
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await simex.forget_order("gone")
    assert isinstance(rpc_error_of(unknown.value), NotFound)


async def test_a_wipe_ends_all_history_and_ids_begin_again(simex: SimexHandle, signed: Any) -> None:
    await signed.place(newClientOrderId="before")
    await simex.inject("59000", "0.004")
    await signed.place()
    await simex.deposit("USDT", "5")
    async with signed.http.ws_connect(f"{signed.url}/ws/btcusdt@trade") as socket:
        wiped = await simex.wipe()
        assert (await socket.receive(timeout=30)).type in {
            aiohttp.WSMsgType.CLOSED,
            aiohttp.WSMsgType.ERROR,
            aiohttp.WSMsgType.CLOSE,
        }

    assert (wiped.orders, wiped.trades) == (2, 1)
    for path in ("openOrders", "allOrders", "myTrades"):
        assert await signed.call("GET", path, symbol="BTCUSDT") == (200, [])
    assert (await signed.call("GET", "order", symbol="BTCUSDT", origClientOrderId="before"))[1]["code"] == -2013
    assert {each.asset: (each.free, each.locked) for each in (await simex.truth()).balances}["USDT"] == ("100000", "0")
    _, placed = await signed.place()
    assert placed["orderId"] == 1
    await simex.inject("59000", "1")
    assert [each["id"] for each in (await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1]] == [1]


async def test_limits_change_while_it_runs(tmp_path: Path, signed: Any) -> None:
    async with running_simex(tmp_path / "limits", limits=NO_LIMITS) as simex, aiohttp.ClientSession() as http:
        client = type(signed)(http, simex.http_url)
        await simex.set_limits(enabled=True, orders_day=1)
        await client.place()
        assert (await client.place())[1]["code"] == -1015
        await simex.set_limits(orders_day=5)
        assert (await client.place())[0] == 200


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        pytest.param(
            {"tick_size": "0"}, "rules.tick_size = '0': give a decimal above 0 with at most 8 decimals", id="0"
        ),
        pytest.param({"lot_size": "1E-9"}, "rules.lot_size = '1E-9'", id="too fine"),
        pytest.param({"maker_fee": "1"}, "rules.maker_fee = '1': give a decimal from 0 to below 1", id="fee"),
        pytest.param({"min_notional": "much"}, "rules.min_notional = 'much'", id="no number"),
        pytest.param({"min_quantity": "2", "max_quantity": "1"}, "rules.min_quantity = 2: give at most", id="crossed"),
    ],
)
async def test_a_rule_that_no_exchange_has_is_refused_with_the_remedy(
    simex: SimexHandle, rules: dict[str, Any], said: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await simex.set_rules(**rules)
    fault = rpc_error_of(refused.value)
    assert isinstance(fault, InvalidArgument)
    assert said in fault.message
