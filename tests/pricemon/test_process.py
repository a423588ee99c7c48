"""`python -m pricemon` as a process: what it prints, what it answers, and how it ends."""

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from griddeploy.process.child import Child
from gridrpc.channel import open_channel
from gridrpc.errors import Unavailable, rpc_error_of
from gridtesting.fakes.tape_server import TapeServer
from gridtesting.live.processes import run_to_end, start_listening
from gridtesting.waiting import until
from gridwright.v1 import pricemon_pb2, pricemon_pb2_grpc

pytestmark = pytest.mark.system

BTC, STOP_SECONDS = "BTC/USDT", 10.0


@pytest.fixture
async def venue(recorded: Path) -> AsyncIterator[TapeServer]:
    payload = recorded / "binance_payloads" / "binance_exchangeInfo_20250807_gct_subset.json"
    server = TapeServer(json.loads(payload.read_text()))
    await server.start()
    yield server
    await server.stop()


def config(folder: Path, base_url: str, *, symbol: str = BTC, address: str = "127.0.0.1:0") -> Path:
    path = folder / "grid.toml"
    path.write_text(
        f'[venue]\nexchange = "binance"\nbase_url = "{base_url}"\n'
        f'[pricemon]\naddress = "{address}"\nheartbeat_ms = 50\nreconnect_first_ms = 20\npoll_ms = 50\n'
        f'[[grids]]\nsymbol = "{symbol}"\n'
    )
    return path


@asynccontextmanager
async def process(path: Path, *, forked: bool = True) -> AsyncIterator[tuple[Child, str]]:
    """A process that listens, and its address."""
    running, address = await start_listening("pricemon", path, path.with_name("log"), forked=forked)
    try:
        yield running, address
    finally:
        await running.stop(0)


async def test_it_sends_a_price_by_rest_and_by_websocket_and_ends_with_0_on_sigterm(
    venue: TapeServer, tmp_path: Path
) -> None:
    await venue.send("", {"e": "trade", "s": "BTCUSDT", "p": "100.10", "T": 5})
    path = config(tmp_path, venue.url)
    async with process(path, forked=False) as (running, address), open_channel(address) as channel:
        stub = pricemon_pb2_grpc.PriceMonitorStub(channel)
        call = stub.StreamPrices(pricemon_pb2.StreamPricesRequest(symbols=[BTC]))
        first = await asyncio.wait_for(call.read(), 30)
        await until(lambda: venue.subscribed("btcusdt@bookTicker"), "the subscription")
        await venue.send("btcusdt@bookTicker", {"u": 1, "s": "BTCUSDT", "b": "100", "B": "1", "a": "101", "A": "1"})
        while (change := await asyncio.wait_for(call.read(), 30)).bid != "100":
            pass
        price = await stub.GetPrice(pricemon_pb2.GetPriceRequest(symbol=BTC))

        running.send(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError) as reported:
            await asyncio.wait_for(read_to_the_end(call), 30)
        code = await running.stop(STOP_SECONDS)

    assert (first.price, change.ask, price.price) == ("100.1", "101", "100.1")
    fault = rpc_error_of(reported.value)
    assert fault is not None, "a reader receives the end of the stream, and is not cut off at the server's time limit"
    assert fault.reason == "STOPPING"
    assert code == 0


async def read_to_the_end(call: Any) -> None:
    while await call.read() is not grpc.aio.EOF:
        pass


async def test_a_venue_that_is_away_at_the_start_is_waited_for(venue: TapeServer, tmp_path: Path) -> None:
    await venue.stop()
    async with process(config(tmp_path, venue.url)) as (_, address), open_channel(address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        before = (await health.read()).status
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await pricemon_pb2_grpc.PriceMonitorStub(channel).GetPrice(pricemon_pb2.GetPriceRequest(symbol=BTC))

        await venue.start()
        after = (await asyncio.wait_for(health.read(), 30)).status
        health.cancel()

    statuses = health_pb2.HealthCheckResponse
    assert isinstance(rpc_error_of(refused.value), Unavailable)
    assert (before, after) == (statuses.NOT_SERVING, statuses.SERVING)


async def test_sigterm_ends_it_with_0_while_the_venue_is_away(tmp_path: Path) -> None:
    async with process(config(tmp_path, "http://127.0.0.1:1")) as (running, _):
        assert await running.stop(STOP_SECONDS) == 0


async def ended(path: Path, *, forked: bool = True) -> tuple[int, str]:
    return await run_to_end("pricemon", path, path.with_name("log"), forked=forked)


async def test_a_symbol_that_the_venue_does_not_trade_ends_it_with_2_and_a_sentence(
    venue: TapeServer, tmp_path: Path
) -> None:
    code, errors = await ended(config(tmp_path, venue.url, symbol="BTC/USTD"))

    assert code == 2
    assert errors.splitlines()[-1].startswith(
        "pricemon: grids.symbol = 'BTC/USTD': binance does not trade it; did you mean BTC/US"
    )


async def test_a_config_that_cannot_be_used_ends_it_with_2_and_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "grid.toml"

    code, errors = await ended(path, forked=False)

    assert code == 2
    assert errors.startswith(f"pricemon: config = '{path}': the file cannot be read")
    assert len(errors.splitlines()) == 1


async def test_a_port_that_is_taken_ends_it_with_3_and_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as owner:
        address = f"127.0.0.1:{owner.getsockname()[1]}"

        code, errors = await ended(config(tmp_path, "http://127.0.0.1:1", address=address))

    assert code == 3
    assert errors.splitlines()[-1].startswith(f"pricemon: address '{address}' cannot be bound")
