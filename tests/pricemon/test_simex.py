"""pricemon against simex, both as they run in production: two processes, killed and started again."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from gridrpc.channel import open_channel
from gridtesting.waiting import until
from gridwright.v1 import models_pb2, pricemon_pb2, pricemon_pb2_grpc, simex_pb2, simex_pb2_grpc

pytestmark = pytest.mark.system

BTC = "BTC/USDT"


@dataclass
class Exchange:
    """simex with a market that moves on request only, and what is needed to start it again where it was."""

    folder: Path
    process: Process
    address: str
    control: str

    async def trade(self, price: str) -> None:
        """Trades at a price on the simulated market."""
        async with open_channel(self.control) as channel:
            await simex_pb2_grpc.SimexStub(channel).InjectTrade(
                simex_pb2.InjectTradeRequest(symbol=BTC, price=price, quantity="0.001", side=models_pb2.SIDE_BUY)
            )

    async def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        await self.process.communicate()


async def start_simex(folder: Path, address: str = "127.0.0.1:0") -> Exchange:
    config = folder / "simex.toml"
    config.write_text(
        f'[simex]\ndata_dir = "{folder}/simex"\naddress = "{address}"\n[simex.balances]\nUSDT = "1000"\n'
        f'[[simex.markets]]\nsymbol = "{BTC}"\nstart_price = "60000"\nrunning = false\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simex", "--config", str(config), stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().split()
    assert line[:2] == ["simex", "listening"], line
    return Exchange(folder, process, line[2].removeprefix("http="), line[3].removeprefix("control="))


@pytest.fixture
async def deployment(tmp_path: Path) -> AsyncIterator[Exchange]:
    deployment = await start_simex(tmp_path)
    yield deployment
    if deployment.process.returncode is None:
        await deployment.kill()


@pytest.fixture
async def pricemon(deployment: Exchange) -> AsyncIterator[str]:
    """The address of a pricemon process that watches the simex."""
    config = deployment.folder / "grid.toml"
    config.write_text(
        f'[venue]\nexchange = "binance"\nbase_url = "http://{deployment.address}"\n'
        f'[pricemon]\naddress = "127.0.0.1:0"\nheartbeat_ms = 50\nstale_after_ms = 300\npoll_ms = 100\n'
        f'reconnect_first_ms = 50\nreconnect_most_ms = 500\n[[grids]]\nsymbol = "{BTC}"\n'
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "pricemon", "--config", str(config), stdout=PIPE, stderr=PIPE
    )
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    yield line.split()[-1]
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0


async def test_prices_follow_simex_through_its_death_and_return(deployment: Exchange, pricemon: str) -> None:
    latest: list[models_pb2.PriceChange] = []

    async def listen() -> None:
        async with open_channel(pricemon, newest_only=True) as channel:
            stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
            async for message in stub.StreamPrices(pricemon_pb2.StreamPricesRequest(symbols=[BTC])):
                latest.append(message)  # noqa: PERF401 – it is read while it grows

    async def shows(price: str) -> None:
        await until(lambda: bool(latest) and Decimal(latest[-1].price) == Decimal(price), f"the price {price}", 20)

    listening = asyncio.create_task(listen())
    await deployment.trade("60100")
    await shows("60100")
    await deployment.trade("60200.5")
    await shows("60200.5")

    await deployment.kill()
    await until(lambda: latest[-1].age_ms > 1_000, "an age of a second")
    assert latest[-1].heartbeat
    assert Decimal(latest[-1].price) == Decimal("60200.5")

    again = await start_simex(deployment.folder, deployment.address)
    await until(lambda: latest[-1].age_ms < 500, "a price that is current again", 20)
    await again.trade("59900")
    await shows("59900")
    listening.cancel()
    await again.kill()

    assert [message.seq for message in latest] == sorted(message.seq for message in latest)
