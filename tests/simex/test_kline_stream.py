"""Klines by the venue's clock: each interval's own, and the flag that one has closed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from gridsim.orders import Side
from gridtesting.live.simex import running_simex

START = 1_732_233_600_000
DEADLINE = 10


@dataclass
class Clock:
    now_ms: int = START


async def klines_to(socket: aiohttp.ClientWebSocketResponse, last: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Those sent, each once, up to the one given: second, closed, prices, number of trades and the first one's id."""
    reported: dict[tuple[Any, ...], None] = {}
    while last not in reported:
        it = (await socket.receive_json(timeout=DEADLINE))["k"]
        prices = [it[key].removesuffix("000000") for key in "ohlc"]
        reported[(it["t"] - START) // 1000, it["x"], *prices, it["n"], it["f"]] = None
    return list(reported)


async def test_a_kline_grows_closes_and_makes_room_for_the_next(tmp_path: Path) -> None:
    clock = Clock()
    async with running_simex(tmp_path, clock_ms=lambda: clock.now_ms) as simex, aiohttp.ClientSession() as http:
        await simex.inject("60000.50", "2", Side.BUY)
        await simex.inject("60001.50", "1", Side.BUY)
        async with http.ws_connect(f"{simex.http_url}/ws/btcusdt@kline_1s") as socket:
            grown = (0, False, "60000.50", "60001.50", "60000.50", "60001.50", 2, 1)
            first = await klines_to(socket, grown)
            clock.now_ms += 2_500
            await simex.inject("60002.50", "1", Side.BUY)
            newest = (2, False, "60002.50", "60002.50", "60002.50", "60002.50", 1, 3)
            later = await klines_to(socket, newest)
            clock.now_ms = START
            set_back = await klines_to(socket, grown)

    assert first == [grown]
    assert [each for each in later if each[1]] == [
        (0, True, "60000.50", "60001.50", "60000.50", "60001.50", 2, 1),
        (1, True, "60001.50", "60001.50", "60001.50", "60001.50", 0, -1),
    ]
    assert later[-1] == newest
    assert not any(each[1] for each in set_back)
