"""Markets replayed from quotes: what clients receive of them, and what a restart leaves."""

from pathlib import Path

import aiohttp
import pytest

from gridsim.rules import SymbolRules
from gridtesting.live.simex import running_simex
from simex.config import MarketSettings, SourceKind

LINES = (
    "ts_ms,bid,bid_qty,ask,ask_qty",
    "1000,60000.00,2,60000.02,3",  # two events: the quote, and a first trade at its bid
    "1001,60000.00,1,60000.02,4",
    "1002,59999.99,1,60000.01,4",
)


@pytest.fixture
def market(tmp_path: Path) -> MarketSettings:
    tape = tmp_path / "quotes_x_BTCUSDT_1.csv"
    tape.write_text("\n".join(LINES) + "\n", encoding="ascii")
    return MarketSettings(SymbolRules("BTC/USDT"), kind=SourceKind.REPLAY, file=tape, running=False)


async def test_each_recorded_quote_is_published_though_nothing_trades(market: MarketSettings, tmp_path: Path) -> None:
    async with (
        running_simex(tmp_path, [market]) as simex,
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{simex.http_url}/ws/btcusdt@bookTicker") as socket,
    ):
        for _ in range(4):
            status = await simex.advance(1)
        frames = [await socket.receive_json(timeout=30) for _ in range(3)]

    assert status.at_end
    assert [(frame["b"], frame["B"], frame["a"], frame["A"]) for frame in frames] == [
        ("60000.00000000", "2.00000000", "60000.02000000", "3.00000000"),  # the trade leaves them as they are
        ("60000.00000000", "1.00000000", "60000.02000000", "4.00000000"),
        ("59999.99000000", "1.00000000", "60000.01000000", "4.00000000"),
    ]
    assert status.price == "60000"


async def test_after_a_restart_quotes_are_made_up_until_the_tapes_next(market: MarketSettings, tmp_path: Path) -> None:
    async with running_simex(tmp_path, [market]) as simex:
        await simex.advance(3)
    async with running_simex(tmp_path, [market]) as simex, aiohttp.ClientSession() as http:
        asked = f"{simex.http_url}/api/v3/ticker/bookTicker?symbol=BTCUSDT"
        async with http.get(asked) as reply:
            made_up = await reply.json()
        await simex.advance(1)
        async with http.get(asked) as reply:
            recorded = await reply.json()

    assert (made_up["bidPrice"], made_up["askPrice"]) == ("60000.00000000", "60000.01000000")
    assert (recorded["bidPrice"], recorded["askPrice"]) == ("59999.99000000", "60000.01000000")
