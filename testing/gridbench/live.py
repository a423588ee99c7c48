"""Measures the services as processes against simex: the time from its frame to its book, the time from the start of a
killed process to its first order, and memory.

Both ends of a duration are stamped by simex, or by a process of the same machine: nothing is measured across clocks.
"""

import asyncio
import contextlib
import json
import math
import time
import tomllib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import aiohttp
import tomli_w

from gridbench.process import BenchError
from gridbench.usage import cpu_seconds_of, memory_mb_of
from griddeploy.demo.config import DemoConfig
from griddeploy.demo.examples import example
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import models_pb2, simex_pb2

SAMPLES = 50  # samples of tick-to-order
RESTARTS = 4  # restarts of each kind
SERVICES = (SIMEX, PRICEMON, EXECUTOR, ORCHESTRATOR)
_SYMBOL, _STREAM = "BTC/USDT", "btcusdt@trade"
_ANCHOR, _INTERVAL = Decimal(60_000), Decimal(180)
_LOOK_SECONDS = 0.02
_ORDER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process in megabytes (10^6): current and peak."""

    now_mb: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Start:
    """Time from the start of what was killed to the first order on the book, and the CPU time used until then."""

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Live:
    """All samples, and memory by service."""

    tick_to_order_ms: tuple[int, ...]
    orchestrator_starts: tuple[Start, ...]
    all_starts: tuple[Start, ...]  # after pricemon, executor and orchestrator were killed
    memory: dict[str, Memory]


async def measure_live(folder: Path, url: str) -> Live:
    """Measures the services together; on SQLite if the URL is empty."""
    async with running_stack(folder, DemoConfig(config=_config(folder, url))) as stack:
        market = _Market(stack)
        await market.step_up()  # the grid's first orders
        async with _frames(stack) as frames:
            ticks = [await _tick_to_order(market, frames) for _ in range(SAMPLES)]
        alone = [await _restart(stack, market, (ORCHESTRATOR,)) for _ in range(RESTARTS)]
        together = [await _restart(stack, market, (EXECUTOR, PRICEMON, ORCHESTRATOR)) for _ in range(RESTARTS)]
        memory = {name: memory_of(stack[name].pid) for name in SERVICES}
    return Live(tuple(ticks), tuple(alone), tuple(together), memory)


def percentile(samples: Sequence[float], share: float) -> float:
    """Returns the smallest sample such that the given fraction of all samples is not above it."""
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def _config(folder: Path, url: str) -> Path:
    """Returns the demo's config with a market that moves on request only."""
    values = tomllib.loads(example("demo.toml"))
    values[SIMEX]["markets"][0]["running"] = False
    values[SIMEX]["limits"] = {"enabled": False}
    values["grids"][0]["risk"].pop("max_position")
    if url:
        values["database"] = {"url": url}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bench.toml"
    path.write_text(tomli_w.dumps(values), encoding="utf-8")
    return path


class _Market:
    """Moves the price up by one interval at a time: each time the grid has to place one buy right below it."""

    def __init__(self, stack: Stack) -> None:
        self._simex = stack.channels.simex
        self._level = 0
        self._known: set[str] = set()

    async def step_up(self) -> int:
        """Moves and waits for the grid's order; returns when it was on the book by simex's clock, Unix milliseconds."""
        await self.move()
        return await self.next_order()

    async def move(self) -> None:
        """Injects a trade between the next two levels."""
        self._level += 1
        price = _ANCHOR + _INTERVAL * self._level + _INTERVAL / 2
        await self._simex.InjectTrade(
            simex_pb2.InjectTradeRequest(symbol=_SYMBOL, price=str(price), quantity="0.001", side=models_pb2.SIDE_BUY)
        )

    async def next_order(self) -> int:
        """Waits for the first new order at the price's own level."""
        until = time.monotonic() + _ORDER_SECONDS
        wanted = _ANCHOR + _INTERVAL * self._level
        while time.monotonic() < until:
            truth = await self._simex.GetTruth(simex_pb2.GetTruthRequest())
            for order in truth.orders:
                if Decimal(order.price) == wanted and order.client_order_id not in self._known:
                    self._known = {each.client_order_id for each in truth.orders}
                    return order.transitions[0].time_ms
            await asyncio.sleep(_LOOK_SECONDS)
        raise BenchError(f"no order at {wanted} within {_ORDER_SECONDS:g} s")


async def _tick_to_order(market: _Market, frames: aiohttp.ClientWebSocketResponse) -> int:
    await market.move()
    frame = json.loads(await frames.receive_str(timeout=_ORDER_SECONDS))
    return await market.next_order() - int(frame["E"])


async def _restart(stack: Stack, market: _Market, names: Sequence[str]) -> Start:
    """Restarts killed services. The price moves while they are down, so that an order is due at once."""
    for name in names:
        await stack[name].kill()
    await market.move()
    began_ms = time.time_ns() / 1e6
    for name in names:
        await stack[name].start()
    on_book_ms = await market.next_order()
    cpu_seconds = sum(cpu_seconds_of(stack[name].pid) for name in names)
    for name in names:
        await stack[name].serving()
    return Start((on_book_ms - began_ms) / 1e3, cpu_seconds)


@contextlib.asynccontextmanager
async def _frames(stack: Stack) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """Subscribes to simex's public trades."""
    base = tomllib.loads(stack.deployment.config.read_text(encoding="utf-8"))["venue"]["base_url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{base}/ws/{_STREAM}") as frames:
        yield frames


def memory_of(pid: int) -> Memory:
    """Returns the memory of a process."""
    return Memory(*memory_mb_of(pid))
