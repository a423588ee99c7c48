"""Symbols in letters of any script: in the configuration, over REST, both websockets, the control RPC and a restart."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import ccxt.async_support  # noqa: TID251  the client that simex is made for
import pytest

from gridservice.config_file import ConfigError, Table
from gridsim.market import Liquidity, Queue
from gridsim.rules import SymbolRules
from gridtesting.live.simex import running_simex
from gridwright.v1 import simex_pb2
from simex.config import MarketSettings, read_settings

NAMES = ("币安人生", "我踏马来了")
RULES = [SymbolRules(f"{name}/USDT", Decimal("0.0001"), Decimal(1)) for name in NAMES]
FRONT = Liquidity(queue=Queue.FRONT)
MARKETS = tuple(MarketSettings(rules, FRONT, running=False, start_price=Decimal("0.2")) for rules in RULES)


async def test_ccxt_trades_two_symbols_whose_names_have_no_latin_letter(
    tmp_path: Path, point_at: Callable[..., Any]
) -> None:
    async with running_simex(tmp_path, markets=MARKETS) as simex:
        client = point_at(ccxt.async_support.binance, simex.http_url.removeprefix("http://"))
        try:
            for name in NAMES:
                placed = await client.create_order(f"{name}/USDT", "limit", "buy", 100, 0.19)
                (order,) = await client.fetch_open_orders(f"{name}/USDT")
                assert (order["id"], order["symbol"]) == (placed["id"], f"{name}/USDT")
                await simex.inject("0.19", "1000", symbol=f"{name}/USDT")
                (trade,) = await client.fetch_my_trades(f"{name}/USDT")
                assert trade["fee"]["currency"] == name
        finally:
            await client.close()
        assert (await simex.deposit(NAMES[0], "5")).free == "104.9"
        changed = await simex.set_rules(f"{NAMES[1]}/USDT", min_notional="10")
        assert changed.min_notional == "10"
    async with running_simex(tmp_path, markets=MARKETS) as simex:
        market = await simex.control.GetMarket(simex_pb2.GetMarketRequest(symbol=f"{NAMES[0]}/USDT"))
        assert market.price == "0.19"


async def test_their_streams_are_found_by_path_and_by_message(tmp_path: Path) -> None:
    async with running_simex(tmp_path, markets=MARKETS) as simex, aiohttp.ClientSession() as http:
        by_path = f"{simex.http_url}/ws/{NAMES[0]}usdt@trade"  # percent-encoded on its way
        by_query = f"{simex.http_url}/stream?streams={NAMES[0]}usdt@trade"
        async with (
            http.ws_connect(by_path) as path,
            http.ws_connect(by_query) as query,
            http.ws_connect(f"{simex.http_url}/ws") as message,
        ):
            await message.send_json({"method": "SUBSCRIBE", "params": [f"{NAMES[0]}usdt@trade"], "id": 1})
            assert (await message.receive_json(timeout=30))["result"] is None
            await simex.inject("0.21", "10", symbol=f"{NAMES[0]}/USDT")
            frames = [await socket.receive_json(timeout=30) for socket in (path, query, message)]
        assert [frame.get("data", frame)["s"] for frame in frames] == [f"{NAMES[0]}USDT"] * 3
        assert frames[1]["stream"] == f"{NAMES[0]}usdt@trade"


@pytest.mark.parametrize("symbol", ["btc/USDT", "BTCUSDT", "BTC_X/USDT", "/USDT"])
def test_a_symbol_that_can_be_none_is_refused(symbol: str) -> None:
    with pytest.raises(ConfigError, match="symbol"):
        read_settings(Table({"markets": [{"symbol": symbol}]}, "simex"))
