"""SIGKILL in the middle of load: everything that was answered is there, nothing happened twice, coins are conserved."""

import asyncio
import contextlib
import random  # noqa: TID251  chance of a test, its seed printed
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import pytest

from gridrpc.channel import open_channel
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from gridtesting.live.simex import running_simex
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, simex_pb2, simex_pb2_grpc

pytestmark = pytest.mark.system

BTC = "BTC/USDT"
START = {"BTC": Decimal(1), "USDT": Decimal(100_000)}
KILLS = 6


def config(folder: Path, extra: str = "") -> Path:
    path = folder / "simex.toml"
    path.write_text(
        f'[simex]\ndata_dir = "{folder}/data"\n[simex.balances]\nUSDT = "100000"\nBTC = "1"\n'
        f'[[simex.markets]]\nsymbol = "{BTC}"\nseed = 7\n{extra}'
    )
    return path


def seeded() -> random.Random:
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  so that a failure can be run again
    return random.Random(seed)


async def truth_of(address: str) -> simex_pb2.Truth:
    async with open_channel(address) as channel:
        return await simex_pb2_grpc.SimexStub(channel).GetTruth(simex_pb2.GetTruthRequest())


def conserved(truth: simex_pb2.Truth) -> None:
    expected, locked = dict(START), dict.fromkeys(START, Decimal(0))
    for trade in truth.trades:
        sign = 1 if trade.side == models_pb2.SIDE_BUY else -1
        expected["BTC"] += sign * Decimal(trade.fill.quantity)
        expected["USDT"] -= sign * Decimal(trade.fill.quantity) * Decimal(trade.fill.price)
        expected[trade.fill.fee_asset] -= Decimal(trade.fill.fee)
    for order in truth.orders:
        fills = [each for each in truth.trades if each.exchange_order_id == order.exchange_order_id]
        assert Decimal(order.executed) == sum(Decimal(each.fill.quantity) for each in fills)
        assert len(order.transitions) == 1 + len(fills) + (order.status == "CANCELED")
        if order.status in {"NEW", "PARTIALLY_FILLED"}:
            rest = Decimal(order.quantity) - Decimal(order.executed)
            buying = order.side == models_pb2.SIDE_BUY
            locked["USDT" if buying else "BTC"] += rest * Decimal(order.price) if buying else rest
    assert {each.asset: Decimal(each.free) + Decimal(each.locked) for each in truth.balances} == expected
    assert {each.asset: Decimal(each.locked) for each in truth.balances} == locked


class Trader:
    """Places and cancels as fast as it is answered, and keeps every answer."""

    def __init__(self, signed_class: Any, http: aiohttp.ClientSession, chance: random.Random) -> None:
        self._signed_class = signed_class
        self._http = http
        self._chance = chance
        self.placed: dict[int, dict[str, Any]] = {}
        self.cancelled: set[int] = set()
        self.fills: dict[int, dict[str, Any]] = {}
        self.prints: set[int] = set()

    def has_placed(self, orders: int) -> bool:
        return len(self.placed) >= orders

    async def trade(self, address: str) -> None:
        """Until the connection breaks."""
        client = self._signed_class(self._http, f"http://{address}")
        while True:
            price = Decimal((await client.public("ticker/price", symbol="BTCUSDT"))[1]["price"])
            side = self._chance.choice(["BUY", "SELL"])
            offset = self._chance.choice([-3, 2, 10, 40])
            at = price + (offset if side == "SELL" else -offset)
            status, order = await client.place(side=side, price=f"{at:.2f}", quantity="0.002")
            if status == 200:
                self.placed[order["orderId"]] = order
                self.fills |= {each["tradeId"]: each for each in order["fills"]}
            if len(self.placed) % 3 == 0 and self.placed:
                order_id = self._chance.choice(list(self.placed))
                status, _ = await client.call("DELETE", "order", symbol="BTCUSDT", orderId=order_id)
                if status == 200:
                    self.cancelled.add(order_id)

    async def hear(self, address: str) -> None:
        """Every trade that is published, until the connection breaks. None may be published twice."""
        async with self._http.ws_connect(f"http://{address}/ws/btcusdt@trade") as socket:
            async for message in socket:
                trade_id = message.json()["t"]
                assert trade_id not in self.prints
                self.prints.add(trade_id)


async def test_what_was_answered_survives_kills_in_the_middle_of_load(
    tmp_path: Path, launch_listening: Callable[..., Awaitable[Any]], signed: Any
) -> None:
    chance = seeded()
    path = config(tmp_path, "events_per_second = 300\n")
    trader = Trader(type(signed), signed.http, chance)

    for _ in range(KILLS):
        running = await launch_listening(path)
        work = [asyncio.create_task(trader.trade(running.http)), asyncio.create_task(trader.hear(running.http))]
        enough = len(trader.placed) + chance.randrange(20, 120)
        await until(partial(trader.has_placed, enough), f"order {enough}", 60)
        await running.kill()
        for task in work:
            with contextlib.suppress(aiohttp.ClientError, ConnectionError):
                await task

    running = await launch_listening(path)
    truth = await truth_of(running.control)
    orders = {int(order.exchange_order_id): order for order in truth.orders}
    trades = {int(trade.fill.trade_id): trade for trade in truth.trades}
    assert len(trader.placed) >= KILLS * 20
    assert set(trader.placed) <= set(orders)
    assert all(orders[order_id].status == "CANCELED" for order_id in trader.cancelled)
    assert all(Decimal(trades[each].fill.quantity) == Decimal(fill["qty"]) for each, fill in trader.fills.items())
    assert sorted(orders) == list(range(1, len(orders) + 1))
    conserved(truth)
    market = Simulation(SymbolRules(BTC), 7, Decimal(60_000), events_per_second=Decimal(300))
    status = truth.markets[0]
    last = next(islice(market.after(market.opening()), status.events_done - 1, None))
    assert (Decimal(status.price), status.market_time_ms) == (last.price, last.market_time_ms)


async def test_a_market_that_was_killed_again_and_again_fills_what_an_unbroken_one_fills(
    tmp_path: Path, launch_listening: Callable[..., Awaitable[Any]], signed: Any
) -> None:
    chance = seeded()
    events, prices = 6000, [60_000 + step for step in range(-100, 101, 10) if step]

    async def place_grid(address: str) -> None:
        client = type(signed)(signed.http, f"http://{address}")
        for price in prices:
            await client.place(price=str(price), quantity="0.01", side="BUY" if price < 60_000 else "SELL")

    def fills(truth: simex_pb2.Truth) -> list[tuple[str, ...]]:
        return [
            (each.exchange_order_id, each.fill.trade_id, each.fill.price, each.fill.quantity) for each in truth.trades
        ]

    async with running_simex(tmp_path / "unbroken") as simex:
        await place_grid(simex.http_url.removeprefix("http://"))
        await simex.advance(events + 1)
        expected = fills(await simex.truth())

    path = config(tmp_path, "running = false\n")
    running = await launch_listening(path)
    await place_grid(running.http)
    for _ in range(KILLS):
        async with open_channel(running.control) as channel:
            advance = simex_pb2_grpc.SimexStub(channel).Advance(
                simex_pb2.AdvanceRequest(symbol=BTC, events=events // KILLS)
            )
            await asyncio.sleep(chance.random() * 0.05)  # where the blow falls is the experiment
            await running.kill()
            with contextlib.suppress(grpc.aio.AioRpcError):
                await advance
        running = await launch_listening(path)
    async with open_channel(running.control) as channel:
        stub = simex_pb2_grpc.SimexStub(channel)
        done = (await stub.GetMarket(simex_pb2.GetMarketRequest(symbol=BTC))).events_done
        await stub.Advance(simex_pb2.AdvanceRequest(symbol=BTC, events=events + 1 - done))

    truth = await truth_of(running.control)
    assert len(expected) >= 10
    assert fills(truth) == expected
    conserved(truth)
