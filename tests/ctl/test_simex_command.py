"""`gridwright simex`: one command line, no file, and any Binance client trades on it."""

import asyncio
import gzip
import re
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest

from griddeploy.demo.tape_scan import guess_steps
from gridrpc.channel import open_channel
from gridwright.v1 import simex_pb2, simex_pb2_grpc

SECONDS = 30.0
TRADES = ["ts_ms,price,qty,side", "1000,1.25,3,buy", "2000,1.2505,2.50,sell", "3000,1.3E0,4E-1,buy"]

Start = Callable[..., Awaitable["Running"]]


class Running:
    """The command in a process of its own."""

    def __init__(self, process: Process) -> None:
        self.process = process

    async def said(self, until: str) -> str:
        """What it prints, up to the first line with that in it."""
        assert self.process.stdout is not None
        lines: list[str] = []
        while not lines or until not in lines[-1]:
            line = await asyncio.wait_for(self.process.stdout.readline(), SECONDS)
            assert line, "".join(lines) + (await self.process.communicate())[1].decode()
            lines.append(line.decode())
        return "".join(lines)

    async def stop(self) -> int | None:
        if self.process.returncode is None:
            self.process.terminate()
        await asyncio.wait_for(self.process.communicate(), SECONDS)
        return self.process.returncode


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts `gridwright simex` with its arguments, in the test's folder; what runs at the end is stopped."""
    started: list[Running] = []

    async def start(*words: str) -> Running:
        command = (sys.executable, "-m", "gridctl", "simex", "--port", "0", *words)
        started.append(Running(await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=tmp_path)))
        return started[-1]

    yield start
    for running in started:
        await running.stop()


async def run_snippet(text: str) -> str:
    """What the printed lines of Python print."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", text, stdout=PIPE, stderr=PIPE)
    output, errors = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def test_the_snippet_that_it_prints_trades_on_it(simex: Start) -> None:
    running = await simex("--market", "sim:ETH/USDT", "--start-price", "3000", "--balance", "USDT=500", "--seed", "9")
    said = await running.said("fetch_balance")
    assert "ETH/USDT: simulation, seed 9" in said
    assert "begins with 500 USDT; the book is kept in .gridwright/simex/sim-ETHUSDT-9" in said

    snippet = said[said.index("import ccxt") :]
    printed = await run_snippet(
        snippet + 'print(exchange.create_order("ETH/USDT", "limit", "buy", 0.1, 2900)["status"])'
    )

    assert re.match(r"(29|30)\d\d\.", printed)
    assert "'USDT': 500.0" in printed
    assert printed.endswith("open\n")
    assert await running.stop() == 0


async def test_a_tape_of_a_market_that_nobody_knows_has_its_steps_guessed(simex: Start, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "mine.csv.gz", "wt") as tape:
        tape.write("\n".join([*TRADES, ""]))
    running = await simex("--market", "replay:mine.csv.gz", "--symbol", "DOGE/USDT", "--speed", "60")
    said = await running.said("fetch_balance")
    assert "guessed from the tape's decimals: tick_size 0.0001, lot_size 0.1\n" in said
    assert "DOGE/USDT: replay of mine.csv.gz, speed 60, tick_size 0.0001, lot_size 0.1" in said


async def test_a_recorded_tape_is_read_as_our_example_of_it_reads_it(simex: Start, tmp_path: Path) -> None:
    candle = "1642636800000,41000,41100,40900,41050,4100000"
    (tmp_path / "candles1m_ftx_BTCPERP_mine.csv").write_text(f"ts_ms,open,high,low,close,volume\n{candle}\n")
    running = await simex("--market", "replay:candles1m_ftx_BTCPERP_mine.csv")
    line = await running.said("listening")
    async with open_channel(line.rpartition("control=")[2].strip()) as channel:
        request = simex_pb2.AdvanceRequest(symbol="BTC/USD", events=1)
        await simex_pb2_grpc.SimexStub(channel).Advance(request)
    async with aiohttp.ClientSession() as http:
        url = line.partition("http=")[2].split()[0]
        trades = await (await http.get(f"http://{url}/api/v3/trades?symbol=BTCUSD")).json()
    assert trades[0]["qty"] == "25.00000000", "a quarter of 4,100,000 USD at 41,000"


async def test_steps_that_are_given_are_not_guessed(simex: Start, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("\n".join([*TRADES, ""]))
    words = ("--market", "replay:mine.csv", "--symbol", "DOGE/USDT", "--tick-size", "0.00001", "--lot-size", "0.01")
    said = await (await simex(*words)).said("fetch_balance")
    assert "tick_size 0.00001, lot_size 0.01\n" in said
    assert "guessed" not in said


async def test_a_config_is_passed_through(simex: Start, tmp_path: Path) -> None:
    config = '[simex]\napi_secret = "own"\n[[simex.markets]]\nsymbol = "BTC/USDT"\n[simex.balances]\nBTC = "2"\n'
    (tmp_path / "own.toml").write_text(config)
    said = await (await simex("--config", "own.toml", "--data-dir", "book", "--no-limits")).said("fetch_balance")
    assert "begins with 2 BTC; the book is kept in book\n" in said
    assert "limits off" in said
    assert "\"secret\": '***'" in said, "a secret of the user's own is not shown"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--market", "live:BTC/USDT"], "--market = 'live:BTC/USDT': give replay:FILE or sim:SYMBOL"),
        (["--market", "replay:nowhere.csv"], "--market = 'replay:nowhere.csv': there is no such file"),
        (["--market", "replay:mine.csv"], "--symbol = 'mine.csv': its name contains no symbol"),
        (["--market", "sim:btc"], "simex.markets[0].symbol = 'btc': give base and quote in capitals"),
        (["--market", "sim:BTC/USDT", "--balance", "USDT=lots"], "simex.balances.USDT = 'lots': give a decimal"),
        (
            ["--config", "mine.csv", "--speed", "2"],
            "--speed = '2': it only applies with --market; set it in the config",
        ),
    ],
)
async def test_invalid_arguments_are_one_sentence(
    simex: Start, tmp_path: Path, words: list[str], sentence: str
) -> None:
    (tmp_path / "mine.csv").write_text("\n".join([*TRADES, ""]))
    running = await simex(*words)
    _, errors = await asyncio.wait_for(running.process.communicate(), SECONDS)
    assert running.process.returncode == 2
    assert errors.decode().startswith(f"gridwright: {sentence}")
    assert errors.count(b"\n") == 1


@pytest.mark.parametrize(
    ("lines", "steps"),
    [
        (TRADES, {"tick_size": "0.0001", "lot_size": "0.1"}),
        (["ts_ms,bid,bid_qty,ask,ask_qty", "1,100,2,101,3"], {"tick_size": "1", "lot_size": "1"}),
        (["ts_ms,open,high,low,close,volume", "1,10.5,10.5,10.25,10.5,3.000001"], {"tick_size": "0.01"}),
        (["ts_ms,price,qty,side", "1,0.1234567891234,x,buy"], {"tick_size": "0.00000001", "lot_size": "1"}),
        ([], {}),
    ],
)
def test_steps_are_the_finest_decimals_of_a_tape(lines: list[str], steps: dict[str, str]) -> None:
    assert guess_steps(lines) == steps
