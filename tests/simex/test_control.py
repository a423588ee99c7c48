"""Control: the market in lockstep, and the truth that the audit judges by."""

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gridrpc.errors import InvalidArgument, NotFound, rpc_error_of
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, simex_pb2
from simex.config import MarketSettings, SourceKind
from simex.control import servicer

ETH_MARKET = MarketSettings(
    SymbolRules("ETH/USDT", Decimal("0.01"), Decimal("0.0001")), running=False, seed=3, start_price=Decimal(3000)
)


async def traded(signed_class: Any, folder: Path) -> list[tuple[str, ...]]:
    """The fills of a small grid over 600 events of a market."""
    async with running_simex(folder) as simex, aiohttp.ClientSession() as http:
        client = signed_class(http, simex.http_url)
        for offset in range(1, 6):
            await client.place(price=60_000 - 10 * offset, quantity="0.01")
            await client.place(price=60_000 + 10 * offset, quantity="0.01", side="SELL")
        for _ in range(3):
            await simex.advance(200)
        trades = (await simex.truth()).trades
        return [(each.exchange_order_id, each.fill.trade_id, each.fill.price, each.fill.quantity) for each in trades]


async def test_the_same_commands_in_lockstep_give_the_same_fills(signed: Any, tmp_path: Path) -> None:
    first = await traded(type(signed), tmp_path / "first")
    second = await traded(type(signed), tmp_path / "second")

    assert len(first) >= 5
    assert first == second


async def test_a_still_market_stands_until_it_is_advanced(simex: SimexHandle) -> None:
    before = await simex.control.GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT"))
    after = await simex.advance(250)

    assert (before.events_done, before.price, before.running, before.at_end) == (0, "60000", False, False)
    assert after.events_done == 250
    assert after.market_time_ms - before.market_time_ms == 250 * 50


async def test_a_market_runs_and_stops_on_request(simex: SimexHandle) -> None:
    async def done() -> int:
        return (await simex.control.GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT"))).events_done

    started = await simex.control.SetRunning(simex_pb2.SetRunningRequest(running=True))
    while await done() < 3:
        pass
    stopped = await simex.control.SetRunning(simex_pb2.SetRunningRequest(symbol="BTC/USDT", running=False))

    assert (started.running, stopped.running) == (True, False)
    assert await done() == stopped.events_done


async def test_whether_a_market_runs_outlives_a_restart(tmp_path: Path) -> None:
    running_market = MarketSettings(SymbolRules("BTC/USDT"), seed=7)
    async with running_simex(tmp_path, [running_market]) as simex:
        await simex.control.SetRunning(simex_pb2.SetRunningRequest(running=False))
    async with running_simex(tmp_path, [running_market]) as simex:
        assert not (await simex.control.GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT"))).running


async def test_an_injected_trade_moves_the_price_and_the_market_goes_on_around_it(simex: SimexHandle) -> None:
    injected = await simex.inject("54000", "1")
    later = await simex.advance(300)

    assert (injected.price, injected.events_done) == ("54000", 0)
    assert abs(Decimal(later.price) - 54_000) < 1000


async def test_the_oracle_agrees_with_the_api(simex: SimexHandle, signed: Any) -> None:
    await signed.place(newClientOrderId="one", price="59990", quantity="0.01")
    await signed.place(newClientOrderId="two", price="58000", quantity="0.02")
    await signed.place(newClientOrderId="three", price="60010", quantity="0.03", side="SELL")
    await simex.inject("59990", "0.004")
    await simex.inject("60020", "1", Side.BUY)
    await signed.call("DELETE", "order", symbol="BTCUSDT", origClientOrderId="two")

    truth = await simex.truth()
    orders = (await signed.call("GET", "allOrders", symbol="BTCUSDT"))[1]
    trades = (await signed.call("GET", "myTrades", symbol="BTCUSDT"))[1]
    balances = (await signed.call("GET", "account"))[1]["balances"]

    assert [(o.client_order_id, o.status, Decimal(o.executed)) for o in truth.orders] == [
        (o["clientOrderId"], o["status"], Decimal(o["executedQty"])) for o in orders
    ]
    assert [(t.fill.trade_id, Decimal(t.fill.price), Decimal(t.fill.fee), t.fill.maker) for t in truth.trades] == [
        (str(t["id"]), Decimal(t["price"]), Decimal(t["commission"]), t["isMaker"]) for t in trades
    ]
    assert [(b.asset, Decimal(b.free), Decimal(b.locked)) for b in truth.balances] == [
        (b["asset"], Decimal(b["free"]), Decimal(b["locked"])) for b in balances
    ]
    assert [b.at_start for b in truth.balances] == ["1", "100000"]
    assert [t.status for t in truth.orders[1].transitions] == ["NEW", "CANCELED"]
    assert [t.cause for t in truth.orders[0].transitions] == ["placed", "trade 1"]


async def test_the_truth_in_parts_is_the_truth(
    simex: SimexHandle, signed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servicer, "_PART", 2)
    for price in range(59_000, 59_005):
        await signed.place(price=price)
    await simex.inject("58000", "1")

    merged, parts = simex_pb2.Truth(), 0
    async for part in simex.control.StreamTruth(simex_pb2.GetTruthRequest()):
        merged.MergeFrom(part)
        parts += 1

    assert merged == await simex.truth()
    assert (len(merged.orders), len(merged.trades), parts) == (5, 5, 1 + 3 + 3)


async def test_several_markets_trade_side_by_side_on_one_account(tmp_path: Path, signed: Any) -> None:
    balances = {"BTC": Decimal(1), "ETH": Decimal(10), "USDT": Decimal(1000)}
    async with running_simex(tmp_path / "two", [STILL_MARKET, ETH_MARKET], balances) as simex:
        client = type(signed)(signed.http, simex.http_url)
        await client.place(quantity="0.01")
        placed = await client.place(symbol="ETHUSDT", price="2900", quantity="0.2")
        await simex.inject("2890", "1", symbol="ETH/USDT")
        opened = (await client.call("GET", "openOrders"))[1]
        tickers = (await client.public("ticker/price"))[1]

    assert placed[1]["code"] == -2010  # 590 are held for the first order, 580 more would be needed
    assert [order["symbol"] for order in opened] == ["BTCUSDT"]
    assert tickers == [
        {"symbol": "BTCUSDT", "price": "60000.00000000"},
        {"symbol": "ETHUSDT", "price": "2890.00000000"},
    ]


async def test_at_its_tapes_end_the_market_stops_and_the_exchange_serves_on(tmp_path: Path, signed: Any) -> None:
    tape = tmp_path / "tape.csv"
    tape.write_text("ts_ms,price,qty,side\n1000,100,1,buy\n2000,101,1,buy\n600000,99,1,sell\n")
    market = MarketSettings(
        SymbolRules("BTC/USDT"), kind=SourceKind.REPLAY, file=tape, speed=Decimal(100_000), running=True
    )
    async with running_simex(tmp_path / "tape", [market]) as simex:
        seen = simex_pb2.MarketStatus()

        async def at_end() -> bool:
            seen.CopyFrom(await simex.control.GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT")))
            return seen.at_end

        while not await at_end():
            pass
        further = await simex.advance(5)
        placed = await type(signed)(signed.http, simex.http_url).place(price="98", quantity="0.1")

    assert (seen.price, seen.events_done, seen.market_time_ms, seen.running) == ("99", 3, 600_000, False)
    assert further.events_done == 3
    assert placed[0] == 200


async def test_a_tape_is_played_at_its_speed(tmp_path: Path, signed: Any) -> None:
    """Ten events a second apart at sixty times the speed are due within a sixth of a second, the last an hour later."""
    tape = tmp_path / "tape.csv"
    lines = [f"{1000 * number},100,1,buy" for number in range(10)]
    tape.write_text("\n".join(["ts_ms,price,qty,side", *lines, "3600000,100,1,buy", ""]))
    market = MarketSettings(SymbolRules("BTC/USDT"), kind=SourceKind.REPLAY, file=tape, speed=Decimal(60))
    async with running_simex(tmp_path / "tape", [market]) as simex:
        trades: list[Any] = []

        async def read() -> None:
            async with signed.http.ws_connect(f"{simex.http_url}/ws/btcusdt@trade") as client:
                while True:
                    trades.append((await client.receive_json())["t"])

        reading = asyncio.create_task(read())
        await until(lambda: 10 in trades, "the tenth trade")
        status = await simex.control.GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT"))
        reading.cancel()

    assert status.events_done == 10
    assert not status.at_end


def injection(price: str = "1", quantity: str = "1", side: Any = models_pb2.SIDE_BUY) -> simex_pb2.InjectTradeRequest:
    return simex_pb2.InjectTradeRequest(symbol="BTC/USDT", price=price, quantity=quantity, side=side)


@pytest.mark.parametrize(
    ("call", "request_", "fault", "sentence"),
    [
        pytest.param(
            "GetMarket", simex_pb2.GetMarketRequest(symbol="XRP/USDT"), NotFound, "trades BTC/USDT", id="symbol"
        ),
        pytest.param("Advance", simex_pb2.AdvanceRequest(symbol="BTC/USDT"), InvalidArgument, "events = 0", id="none"),
        pytest.param("InjectTrade", injection(price="x"), InvalidArgument, "price = 'x'", id="price"),
        pytest.param("InjectTrade", injection(price="1.001"), InvalidArgument, "tick_size", id="tick"),
        pytest.param("InjectTrade", injection(quantity="0"), InvalidArgument, "quantity = '0'", id="quantity"),
        pytest.param("InjectTrade", injection(quantity="1E+30"), InvalidArgument, "at most 9000", id="huge"),
        pytest.param("InjectTrade", injection(side=None), InvalidArgument, "side = 0", id="side"),
    ],
)
async def test_an_invalid_command_is_refused_with_the_remedy(
    simex: SimexHandle, call: str, request_: Any, fault: type[Exception], sentence: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await getattr(simex.control, call)(request_)

    found = rpc_error_of(raised.value)
    assert type(found) is fault
    assert found is not None
    assert sentence in found.message
