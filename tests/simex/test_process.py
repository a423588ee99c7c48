"""`python -m simex` as a process: what it prints, and how it ends."""

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gridrpc.channel import open_channel
from gridtesting.live.processes import run_to_end
from gridwright.v1 import simex_pb2, simex_pb2_grpc

pytestmark = pytest.mark.system

MARKET = '[[simex.markets]]\nsymbol = "BTC/USDT"\n'
BALANCES = '[simex.balances]\nUSDT = "1000"\n'


def config(folder: Path, text: str = MARKET + BALANCES) -> Path:
    path = folder / "grid.toml"
    path.write_text(f'[simex]\ndata_dir = "{folder}/data"\n{text}')
    return path


async def ended(process: Any) -> tuple[int, str]:
    _, stderr = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, stderr.decode()


async def test_it_prints_where_it_listens_serves_there_and_stops_when_asked(
    tmp_path: Path, launch_listening: Callable[..., Awaitable[Any]]
) -> None:
    ports = tmp_path / "ports.json"
    running = await launch_listening(config(tmp_path), "--ports-file", str(ports))

    async with aiohttp.ClientSession() as http, http.ws_connect(f"http://{running.http}/ws/btcusdt@trade") as socket_:
        frame = await socket_.receive_json(timeout=30)
        async with open_channel(running.control) as channel:
            status = await simex_pb2_grpc.SimexStub(channel).GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT"))
        running.process.send_signal(signal.SIGTERM)
        code, stderr = await ended(running.process)

    assert frame["e"] == "trade"
    assert status.running
    assert json.loads(ports.read_text()) == {"http": running.http, "control": running.control}
    assert (code, stderr) == (0, "")


@pytest.mark.parametrize("flag", ["--address", "--control-address"])
async def test_a_port_in_use_is_one_sentence_and_exit_code_3(
    tmp_path: Path, launch: Callable[..., Awaitable[Any]], flag: str
) -> None:
    with socket.socket() as owner:
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        address = f"127.0.0.1:{owner.getsockname()[1]}"
        code, stderr = await ended(await launch(config(tmp_path), flag, address))

    assert code == 3
    sentence = stderr.splitlines()[-1]
    assert sentence.startswith(f"simex: address '{address}' cannot be bound")


async def test_a_book_in_use_is_one_sentence_and_exit_code_3(
    tmp_path: Path, launch: Callable[..., Awaitable[Any]], launch_listening: Callable[..., Awaitable[Any]]
) -> None:
    await launch_listening(config(tmp_path))

    code, stderr = await ended(await launch(config(tmp_path)))

    assert code == 3
    assert stderr.startswith("simex: ")
    assert "another simex runs on it" in stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param("", "simex.markets = []: add at least one market", id="no market"),
        pytest.param(MARKET + 'speed = "fast"', "simex.markets[0].speed = 'fast': give a decimal", id="speed"),
        pytest.param(MARKET + "seeed = 3", "simex.markets[0].seeed = 3: no such setting", id="misspelt"),
        pytest.param(MARKET + MARKET, "simex.markets = 'BTC/USDT': two markets have this symbol", id="twice"),
        pytest.param(
            '[[simex.markets]]\nsymbol = "BTCUSDT"', "simex.markets[0].symbol = 'BTCUSDT': give base", id="symbol"
        ),
        pytest.param(
            MARKET + 'source = "replay"\nfile = "no.csv"', "simex.markets[0].file = 'no.csv': give the path", id="tape"
        ),
        pytest.param(
            MARKET + 'start_price = "0.001"', "simex.markets[0].start_price = '0.001': give a multiple", id="price"
        ),
        pytest.param(MARKET + 'tick_size = "1E-9"', "simex.markets[0].tick_size = '1E-9': give at most 8", id="tick"),
        pytest.param(MARKET + 'maker_fee = "1"', "simex.markets[0].maker_fee = '1': give a fraction", id="fee"),
        pytest.param(
            MARKET + '[simex.balances]\nBTC = "-1"', "simex.balances.BTC = '-1': give a decimal", id="balance"
        ),
        pytest.param('address = "here"\n' + MARKET, "simex.address = 'here': give host:port", id="address"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_one_sentence_and_exit_code_2(
    tmp_path: Path, text: str, sentence: str
) -> None:
    code, stderr = await run_to_end("simex", config(tmp_path, text), tmp_path / "log")

    assert code == 2
    assert stderr.startswith(f"simex: {sentence}")
    assert stderr.count("\n") == 1


async def test_a_tape_with_a_bad_line_is_refused_at_startup(
    tmp_path: Path, launch: Callable[..., Awaitable[Any]]
) -> None:
    tape = tmp_path / "tape.csv"
    tape.write_text("ts_ms,price,qty,side\n1,100,1,buy\n2,100,x,buy\n")
    text = f'{MARKET}source = "replay"\nfile = "{tape}"\n'

    code, stderr = await ended(await launch(config(tmp_path, text)))

    assert code == 2
    assert "line 3 of the tape, '2,100,x,buy'" in stderr


async def test_a_market_of_the_book_is_not_left_out(
    tmp_path: Path, launch: Callable[..., Awaitable[Any]], launch_listening: Callable[..., Awaitable[Any]]
) -> None:
    await (await launch_listening(config(tmp_path))).kill()

    code, stderr = await ended(await launch(config(tmp_path, '[[simex.markets]]\nsymbol = "ETH/USDT"\n')))

    assert code == 2
    assert "the book on disk holds BTC/USDT too; list it" in stderr
    await launch_listening(config(tmp_path))  # and the refused start has left nothing in it


async def test_a_market_that_cannot_be_written_any_more_ends_the_process_and_is_whole_after_it(
    tmp_path: Path, launch_listening: Callable[..., Awaitable[Any]]
) -> None:
    path = config(tmp_path)
    shell = f"ulimit -f 400; exec {sys.executable} -m simex --config {path}"  # a file of 200 or 400 kB is a full disk
    process = await asyncio.create_subprocess_exec("sh", "-c", shell, stdout=PIPE, stderr=PIPE)
    code, stderr = await ended(process)

    assert code == 1
    assert stderr.splitlines()[-1].startswith("simex: a market cannot go on: ")
    running = await launch_listening(path)
    async with open_channel(running.control) as channel:
        status = await simex_pb2_grpc.SimexStub(channel).GetMarket(simex_pb2.GetMarketRequest(symbol="BTC/USDT"))
    assert status.events_done > 0


async def test_a_book_of_another_market_is_not_continued(
    tmp_path: Path, launch: Callable[..., Awaitable[Any]], launch_listening: Callable[..., Awaitable[Any]]
) -> None:
    await (await launch_listening(config(tmp_path))).kill()

    code, stderr = await ended(await launch(config(tmp_path, f"{MARKET}seed = 99\n")))

    assert code == 2
    assert "the book on disk holds BTC/USDT of simulation seed=1" in stderr
    assert "set another data_dir or delete the old one" in stderr
