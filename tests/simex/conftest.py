"""A running simex, ccxt pointed at it unpatched, and a plain signed client for what ccxt would hide."""

import asyncio
import hashlib
import hmac
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import aiohttp
import ccxt.async_support  # noqa: TID251  the client that simex is made for
import ccxt.pro  # noqa: TID251
import pytest

from gridtesting.live.simex import SimexHandle, running_simex


def _local(urls: Any, address: str) -> Any:
    """Every URL with its path kept and scheme and host replaced: all that a client of simex has to change."""
    if isinstance(urls, dict):
        return {key: _local(value, address) for key, value in urls.items()}
    parts = urlsplit(urls)
    return f"{'ws' if parts.scheme.startswith('ws') else 'http'}://{address}{parts.path}"


def _point_at(kind: Callable[..., Any], address: str) -> Any:
    options = {"fetchMarkets": {"types": ["spot"]}, "fetchCurrencies": False, "fetchMargins": False}
    client = kind({"apiKey": "simex", "secret": "simex", "enableRateLimit": False, "options": options})
    client.urls["api"] = _local(client.urls["api"], address)
    return client


@pytest.fixture
def point_at() -> Callable[[Callable[..., Any], str], Any]:
    """Makes a ccxt client of a class that talks to an address."""
    return _point_at


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    async with running_simex(tmp_path) as handle:
        yield handle


@pytest.fixture
async def binance(simex: SimexHandle) -> AsyncIterator[Any]:
    client = _point_at(ccxt.async_support.binance, simex.http_url.removeprefix("http://"))
    yield client
    await client.close()


@pytest.fixture
async def binance_pro(simex: SimexHandle) -> AsyncIterator[Any]:
    client = _point_at(ccxt.pro.binance, simex.http_url.removeprefix("http://"))
    yield client
    await client.close()


def _sign(**params: object) -> str:
    """A query with its signature."""
    query = urlencode(params)
    return f"{query}&signature={hmac.new(b'simex', query.encode(), hashlib.sha256).hexdigest()}"


@pytest.fixture
def sign() -> Callable[..., str]:
    """Signs a request's parameters as they are."""
    return _sign


@dataclass(frozen=True)
class Signed:
    """Calls endpoints with a signature; `call` gives the status and the JSON."""

    http: aiohttp.ClientSession
    url: str
    secret: str = "simex"

    async def call(self, method: str, path: str, *, key: str = "simex", **params: object) -> tuple[int, Any]:
        params.setdefault("timestamp", time.time_ns() // 1_000_000)
        query = urlencode({name: value for name, value in params.items() if value is not None})
        signature = hmac.new(self.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.url}/api/v3/{path}?{query}&signature={signature}"
        async with self.http.request(method, url, headers={"X-MBX-APIKEY": key} if key else {}) as reply:
            return reply.status, await reply.json()

    async def public(self, path: str, **params: object) -> tuple[int, Any]:
        async with self.http.get(f"{self.url}/api/v3/{path}", params={k: str(v) for k, v in params.items()}) as reply:
            return reply.status, await reply.json()

    async def place(self, **changes: object) -> tuple[int, Any]:
        """A good resting order, with changes; None takes a parameter away."""
        order: dict[str, object] = {
            "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC",
            "quantity": "0.01", "price": "59000",
        }  # fmt: skip
        return await self.call("POST", "order", **(order | changes))


@pytest.fixture
async def signed(simex: SimexHandle) -> AsyncIterator[Signed]:
    async with aiohttp.ClientSession() as http:
        yield Signed(http, simex.http_url)


@dataclass(frozen=True)
class Running:
    """A simex process and where it listens."""

    process: Process
    http: str
    control: str

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        self.process.kill()
        await self.process.communicate()


async def _launch(config: Path, *flags: str) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simex", "--config", str(config), *flags, stdout=PIPE, stderr=PIPE
    )


@pytest.fixture
async def launch() -> AsyncIterator[Callable[..., Awaitable[Process]]]:
    """Starts `python -m simex` on a config file with flags; what still runs is killed when the test ends."""
    processes: list[Process] = []

    async def start(config: Path, *flags: str) -> Process:
        processes.append(await _launch(config, *flags))
        return processes[-1]

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
            await process.communicate()


@pytest.fixture
def launch_listening(launch: Callable[..., Awaitable[Process]]) -> Callable[..., Awaitable[Running]]:
    """The same, once it says where it listens."""

    async def start(config: Path, *flags: str) -> Running:
        process = await launch(config, *flags)
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
        words = dict(word.split("=") for word in line.split() if "=" in word)
        assert line.startswith("simex listening "), (await process.communicate())[1].decode()
        return Running(process, words["http"], words["control"])

    return start
