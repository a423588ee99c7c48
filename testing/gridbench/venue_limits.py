"""`python -m gridbench.venue_limits`: measures the services under Binance's limits, by number of symbols.

simex enforces Binance's limits; everything else is at its defaults. For each number of symbols: how long until each
symbol has an order on the book, the request weight per minute, how often the venue refused because a limit was
exceeded, and how long after a fill its counter order is on the book. All times are simex's.
"""

import argparse
import asyncio
import shutil
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import aiohttp
import tomli_w

from gridbench.live import percentile
from griddeploy.demo.config import DemoConfig
from griddeploy.demo.examples import example
from griddeploy.deployment import EXECUTOR, SIMEX
from gridservice.clock import now_ms
from gridservice.tasks import cancel_and_wait
from gridtesting.live.processes import Stack, running_stack
from gridwright.v1 import models_pb2, simex_pb2

LIMIT_A_MINUTE = 6_000  # Binance's request weight per minute of an address
_INTERVAL = Decimal(180)
_LONGEST_START_SECONDS, _LONGEST_FILL_SECONDS = 180.0, 60.0
_LOOK_SECONDS, _WEIGH_SECONDS = 0.5, 2.0
_FILLS = 20


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements for one number of symbols."""

    symbols: int
    all_trade_seconds: float  # from the start of the processes to the last symbol's first order
    weight_a_minute: int  # maximum over the venue's minutes
    refused: int  # requests that were answered 429 or 418
    fill_to_order_ms: tuple[int, ...]

    @property
    def line(self) -> str:
        """Returns the table's row."""
        share = 100 * self.weight_a_minute / LIMIT_A_MINUTE
        fills = f"{percentile(self.fill_to_order_ms, 0.9):.0f} ms" if self.fill_to_order_ms else "-"
        return (
            f"| {self.symbols} | {self.all_trade_seconds:.1f} s | {self.weight_a_minute} ({share:.0f} %) "
            f"| {self.refused} | {fills} |"
        )


async def measure(folder: Path, symbols: int, seconds: float, fills: int = _FILLS) -> Measured:
    """Starts the services, lets them trade for the given time, and causes some fills meanwhile."""
    names = [f"C{number:02d}/USDT" for number in range(symbols)]
    began_ms = now_ms()
    async with running_stack(folder, DemoConfig(config=_config(folder, names))) as stack:
        scale = _Scale(stack)
        weighing = asyncio.create_task(scale.weigh_for_ever())
        try:
            last_ms = await _all_trade(stack, names)
            until = time.monotonic() + seconds
            delays = []
            for number in range(fills):
                delays.append(await _fill_one(stack, names[number % symbols]))
                await asyncio.sleep(max(0.0, (until - time.monotonic()) / (fills - number)))
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        finally:
            await cancel_and_wait([weighing])
        refused = await _refused(stack)
    return Measured(symbols, (last_ms - began_ms) / 1000, scale.most, refused, tuple(delays))


def _config(folder: Path, names: Sequence[str]) -> Path:
    """Returns the demo's config with one quiet market per name, Binance's limits, and the executor's defaults."""
    values = tomllib.loads(example("demo.toml"))
    market, grid = values[SIMEX]["markets"][0], values["grids"][0]
    market |= {"events_per_second": "1", "volatility": "0.0002"}
    values[SIMEX]["markets"] = [market | {"symbol": name, "seed": 7 + number} for number, name in enumerate(names)]
    values[SIMEX]["balances"] = {"USDT": "10000000"}
    values[EXECUTOR] = {name: values[EXECUTOR][name] for name in ("address", "data_dir")}
    del grid["retry_after_ms"]
    values["grids"] = [grid | {"symbol": name} for name in names]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "limits.toml"
    path.write_text(tomli_w.dumps(values), encoding="utf-8")
    return path


class _Scale:
    """Reads from a reply's headers the weight that simex has counted for this address. Each reading weighs 1 itself."""

    def __init__(self, stack: Stack) -> None:
        config = tomllib.loads(stack.deployment.config.read_text(encoding="utf-8"))
        self._url = config["venue"]["base_url"] + "/api/v3/ping"
        self.most = 0

    async def weigh_for_ever(self) -> None:
        """Reads every two seconds, and just before each minute's end."""
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(self._url) as reply:
                    self.most = max(self.most, int(reply.headers.get("X-MBX-USED-WEIGHT-1M", "0")))
                await asyncio.sleep(min(_WEIGH_SECONDS, max(0.1, 59.8 - time.time() % 60)))


async def _truth(stack: Stack) -> simex_pb2.Truth:
    return await stack.channels.simex.GetTruth(simex_pb2.GetTruthRequest())


async def _all_trade(stack: Stack, names: Sequence[str]) -> int:
    """Returns when the last symbol's first order was on the book, Unix milliseconds. Raises TimeoutError."""
    async with asyncio.timeout(_LONGEST_START_SECONDS):
        while True:
            first: dict[str, int] = {}
            for order in (await _truth(stack)).orders:
                at_ms = order.transitions[0].time_ms
                first[order.symbol] = min(first.get(order.symbol, at_ms), at_ms)
            if len(first) == len(names):
                return max(first.values())
            await asyncio.sleep(_LOOK_SECONDS)


async def _fill_one(stack: Stack, symbol: str) -> int:
    """Fills a symbol's best buy; returns after how many milliseconds its counter order was on the book.

    Raises TimeoutError.
    """
    buys: list[simex_pb2.TrueOrder] = []
    async with asyncio.timeout(_LONGEST_FILL_SECONDS):
        while not buys:
            orders = [one for one in (await _truth(stack)).orders if one.symbol == symbol]
            buys = [one for one in orders if one.side == models_pb2.SIDE_BUY and one.status in {"NEW", "OPEN"}]
            await asyncio.sleep(_LOOK_SECONDS if not buys else 0)
        best = max(buys, key=lambda one: Decimal(one.price))
        await stack.channels.simex.InjectTrade(
            simex_pb2.InjectTradeRequest(
                symbol=symbol, price=best.price, quantity=str(1_000 * Decimal(best.quantity)), side=models_pb2.SIDE_SELL
            )
        )
        wanted = Decimal(best.price) + _INTERVAL
        while True:
            orders = [one for one in (await _truth(stack)).orders if one.symbol == symbol]
            filled = next(one for one in orders if one.exchange_order_id == best.exchange_order_id)
            filled_ms = filled.transitions[-1].time_ms
            for one in orders:
                at_ms = one.transitions[0].time_ms
                if one.side == models_pb2.SIDE_SELL and Decimal(one.price) == wanted and at_ms >= filled_ms:
                    return at_ms - filled_ms
            await asyncio.sleep(_LOOK_SECONDS)


async def _refused(stack: Stack) -> int:
    """Returns how many requests were answered 429 or 418, of all that simex remembers."""
    count, after_seq = 0, 0
    while True:
        page = await stack.channels.simex.ListReceived(simex_pb2.ListReceivedRequest(after_seq=after_seq))
        if not page.requests:
            return count
        count += sum(1 for request in page.requests if request.status in {429, 418})
        after_seq = page.requests[-1].seq


def main() -> int:
    """Measures and prints a table; returns 0."""
    parser = argparse.ArgumentParser(prog="gridbench.venue_limits", description=__doc__)
    parser.add_argument("symbols", type=int, nargs="*", default=[1, 5, 20, 50], help="how many (default: 1 5 20 50)")
    parser.add_argument("--seconds", type=float, default=75.0, help="of trading, each (default: %(default)g)")
    parser.add_argument("--folder", type=Path, default=Path(".gridwright/limits"), help="folder for data and logs")
    options = parser.parse_args()
    sys.stdout.write(
        "| symbols | all trade after | weight a minute | 429 | fill to order, p90 |\n|---|---|---|---|---|\n"
    )
    for symbols in options.symbols:
        folder: Path = options.folder.resolve() / str(symbols)
        shutil.rmtree(folder, ignore_errors=True)
        measured = asyncio.run(measure(folder, symbols, options.seconds))
        sys.stdout.write(measured.line + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
