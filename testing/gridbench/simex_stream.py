"""Measures simex's public streams at full speed: events per second for one subscriber, each in its own frame.

The exchange is another process than the subscriber: on two cores, each has its own.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from gridbench.process import BenchError, read_line, spawned
from gridrpc.channel import open_channel
from gridwright.v1 import simex_pb2, simex_pb2_grpc

MARKET_EVENTS = 100_000
TRADES = ("btcusdt@trade",)
EVERYTHING = ("btcusdt@trade", "btcusdt@aggTrade", "btcusdt@bookTicker", "btcusdt@depth@100ms", "btcusdt@kline_1m")
_SYMBOL = "BTC/USDT"
_SECONDS = 60.0

_CONFIG = """
[simex]
data_dir = "{folder}/book"

[[simex.markets]]
symbol = "BTC/USDT"
running = false

[simex.balances]
USDT = "1000000"
"""


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """Load of a subscriber to `streams` during `market_events`: `frames` in `seconds`, up to the last trade's frame."""

    streams: tuple[str, ...]
    market_events: int
    frames: int
    seconds: float

    @property
    def frames_per_second(self) -> float:
        """Frames per second received."""
        return self.frames / self.seconds


async def measure_stream(
    folder: Path, streams: tuple[str, ...] = TRADES, market_events: int = MARKET_EVENTS
) -> StreamLoad:
    """Runs a simulated market at full speed with one subscriber; `streams` must include its trades."""
    config, log = _config(folder), folder / "simex.log"
    async with spawned(log, "griddeploy.process.parent_watch", str(log), "simex", "--config", str(config)) as simex:
        line = await read_line(simex, _SECONDS, log)
        addresses = dict(word.split("=") for word in line.split() if "=" in word)
        url = f"http://{addresses['http']}/stream?streams={'/'.join(streams)}"
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(url) as socket,
            open_channel(addresses["control"]) as channel,
        ):
            control = simex_pb2_grpc.SimexStub(channel)
            began = time.perf_counter()
            advance = asyncio.ensure_future(
                control.Advance(simex_pb2.AdvanceRequest(symbol=_SYMBOL, events=market_events), timeout=_SECONDS)
            )
            frames = await _frames_to(socket, f'"t":{market_events},')
            seconds = time.perf_counter() - began
            await advance
    return StreamLoad(streams, market_events, frames, seconds)


def _config(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "simex.toml"
    config.write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    return config


async def _frames_to(socket: aiohttp.ClientWebSocketResponse, last: str) -> int:
    """Returns how many frames came, up to the one with this text."""
    frames = 0
    async for message in socket:
        frames += 1
        if last in message.data:
            return frames
    raise BenchError(f"simex closed the stream after {frames} frames")
