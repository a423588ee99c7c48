"""Measures simex under load, as a process: signed orders per second through HTTP, memory per order, and the duration of
a start that reads them all again.

The client is a plain one on raw sockets, so that the exchange is what is measured.
"""

import asyncio
import hashlib
import hmac
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from gridbench.live import memory_of
from gridbench.process import BenchError, read_line, spawned
from gridbench.usage import cpu_seconds_of
from gridservice.clock import now_ms

ORDERS = 100_000
CONNECTIONS = 8
_KEY = "simex"  # key and secret: the defaults of simex
_SECONDS = 60.0

_CONFIG = """
[simex]
data_dir = "{folder}/book"

[simex.limits]
enabled = false

[[simex.markets]]
symbol = "BTC/USDT"
running = false
max_orders = 10000000

[simex.balances]
USDT = "1000000000000"
"""


@dataclass(frozen=True, slots=True)
class OrderLoad:
    """`orders` resting orders placed over `connections` connections. Memory: megabytes (10^6) per 100,000 orders."""

    orders: int
    connections: int
    orders_per_second: float
    cpu_ms: float  # CPU time of simex per order
    memory_mb: float
    recovery_s: float
    recovered_memory_mb: float


async def measure_orders(folder: Path, orders: int = ORDERS) -> OrderLoad:
    """Fills a book, stops the exchange, and starts it again on the same disk."""
    config, log = _config(folder), folder / "simex.log"
    async with spawned(log, "griddeploy.process.parent_watch", str(log), "simex", "--config", str(config)) as simex:
        address = _address(await read_line(simex, _SECONDS, log))
        empty_mb, began_cpu_s = memory_of(simex.pid).now_mb, cpu_seconds_of(simex.pid)
        began = time.perf_counter()
        share = orders // CONNECTIONS
        await asyncio.gather(*(_place(address, number * share, share) for number in range(CONNECTIONS)))
        took_s = time.perf_counter() - began
        full_mb, cpu_s = memory_of(simex.pid).now_mb, cpu_seconds_of(simex.pid) - began_cpu_s
    began = time.perf_counter()
    async with spawned(log, "griddeploy.process.parent_watch", str(log), "simex", "--config", str(config)) as simex:
        address = _address(await read_line(simex, _SECONDS, log))
        recovery_s = time.perf_counter() - began
        await _place(address, orders, 1)
        recovered_mb = memory_of(simex.pid).now_mb
    by_100k = 100_000 / (share * CONNECTIONS)
    return OrderLoad(
        orders=share * CONNECTIONS,
        connections=CONNECTIONS,
        orders_per_second=share * CONNECTIONS / took_s,
        cpu_ms=cpu_s * 1e3 / (share * CONNECTIONS),
        memory_mb=(full_mb - empty_mb) * by_100k,
        recovery_s=recovery_s,
        recovered_memory_mb=(recovered_mb - empty_mb) * by_100k,
    )


def _config(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "simex.toml"
    config.write_text(_CONFIG.format(folder=folder), encoding="utf-8")
    return config


def _address(line: str) -> tuple[str, int]:
    words = dict(word.split("=") for word in line.split() if "=" in word)
    host, _, port = words["http"].rpartition(":")
    return host, int(port)


async def _place(address: tuple[str, int], first: int, count: int) -> None:
    """Places orders on one connection, each after the answer to the previous one."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for number in range(first, first + count):
            writer.write(_request(number))
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(head))
            if not head.startswith(b"HTTP/1.1 200"):
                raise BenchError(f"simex refused an order: {body.decode()}")
    finally:
        writer.close()
        await writer.wait_closed()


def _request(number: int) -> bytes:
    """Returns a request for a buy below the price, with its own id."""
    query = urlencode(
        {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
            "price": f"{59_000 - number % 1_000}", "newClientOrderId": f"load-{number}", "newOrderRespType": "ACK",
            "timestamp": now_ms(),
        }
    )  # fmt: skip
    signature = hmac.new(_KEY.encode(), query.encode(), hashlib.sha256).hexdigest()
    lines = (f"POST /api/v3/order?{query}&signature={signature} HTTP/1.1", "Host: simex", f"X-MBX-APIKEY: {_KEY}")
    return "\r\n".join((*lines, "Content-Length: 0", "", "")).encode()


def _length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"content-length: ")
    return int(rest.partition(b"\r\n")[0])
