"""Manual orders beside the bots', refused in one sentence where they cannot be."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from rich.console import Console

from gridctl.__main__ import run
from gridctl.cli import parser
from gridsim.rules import SymbolRules
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex
from simex.config import MarketSettings

OTHER = MarketSettings(SymbolRules("ETH/USDT"), running=False, seed=7)

Command = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    async with running_simex(tmp_path, markets=(STILL_MARKET, OTHER)) as handle:
        yield handle


@pytest.fixture
def trade(simex: SimexHandle) -> Command:
    """Runs `gridwright trade …`: exit code and output. On a thread, since the exchange is in this process."""

    async def command(*words: str, url: str = "") -> tuple[int, str]:
        console = Console(file=io.StringIO(), width=200)
        arguments = parser().parse_args(["trade", "--url", url or simex.http_url, *words])
        code = await asyncio.to_thread(run, arguments, console)
        assert isinstance(console.file, io.StringIO)
        return code, console.file.getvalue()

    return command


async def test_a_hand_buys_looks_and_cancels(trade: Command, simex: SimexHandle) -> None:
    code, said = await trade("buy", "BTC/USDT", "0.01", "59000", "--id", "mine")
    assert (code, said) == (0, "1: buy 0.01000000 BTCUSDT at 59000.00000000, NEW, 0.00000000 filled, client id mine\n")
    assert await trade("orders") == (0, said)
    assert "USDT: 99410.00000000 free, 590.00000000 locked" in (await trade("balances"))[1]
    code, said = await trade("cancel", "1")
    assert code == 0
    assert "CANCELED" in said
    assert [order.status for order in (await simex.truth()).orders] == ["CANCELED"]


@pytest.mark.parametrize(
    ("words", "kind", "stop"),
    [
        pytest.param(["--type", "STOP_LOSS", "--stop", "59000"], "STOP_LOSS", "59000", id="stop"),
        pytest.param(["58900", "--type", "STOP_LOSS_LIMIT", "--stop", "59000"], "STOP_LOSS_LIMIT", "59000", id="limit"),
        pytest.param(["--type", "TAKE_PROFIT", "--stop", "61000"], "TAKE_PROFIT", "61000", id="take profit"),
        pytest.param(["--type", "STOP_LOSS", "--trailing", "100"], "STOP_LOSS", "0", id="trailing"),
    ],
)
async def test_a_hand_places_orders_that_wait_for_a_price(
    trade: Command, simex: SimexHandle, words: list[str], kind: str, stop: str
) -> None:
    code, said = await trade("sell", "BTC/USDT", "0.01", *words)
    assert (code, said.startswith(f"1: {kind} sell 0.01")) == (0, True), said
    (order,) = (await simex.truth()).orders
    assert (order.type, order.stop_price, order.status) == (kind, stop, "NEW")
    assert kind in (await trade("orders"))[1]


async def test_a_hand_places_pairs_of_orders(trade: Command, simex: SimexHandle) -> None:
    code, said = await trade("oco", "sell", "BTC/USDT", "0.01", "61000", "59000")
    assert (code, len(said.splitlines())) == (0, 2)
    code, said = await trade("oto", "buy", "BTC/USDT", "0.01", "59500", "61000")
    assert code == 0
    assert "PENDING_NEW" in said
    truth = await simex.truth()
    assert [(order.type, order.status) for order in truth.orders] == [
        ("LIMIT_MAKER", "NEW"), ("STOP_LOSS", "NEW"), ("LIMIT", "NEW"), ("LIMIT", "PENDING_NEW"),
    ]  # fmt: skip


async def test_an_order_without_an_id_gets_one_of_the_venue(trade: Command, simex: SimexHandle) -> None:
    await trade("sell", "BTC/USDT", "0.01", "61000")
    (order,) = (await simex.truth()).orders
    assert order.client_order_id
    assert order.client_order_id in (await trade("orders", "--symbol", "BTC/USDT"))[1]


async def test_a_number_that_two_markets_have_needs_its_symbol(
    trade: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    for symbol in ("BTC/USDT", "ETH/USDT"):
        await trade("buy", symbol, "0.01", "59000")
    assert (await trade("cancel", "1"))[0] == 1
    assert capsys.readouterr().err == "gridwright: 2 orders have the id 1: give --symbol too\n"
    assert (await trade("cancel", "1", "--symbol", "ETH/USDT"))[0] == 0


@pytest.mark.parametrize(
    ("words", "url", "code", "sentence"),
    [
        (["buy", "BTC/USDT", "9", "59000"], "", 1, "Account has insufficient balance for requested action. (-2010)"),
        (["buy", "XXX/USDT", "9", "59000"], "", 1, "Invalid symbol. (-1121)"),
        (["cancel", "7"], "", 1, "no open order has the id 7: `orders` lists them"),
        (["orders"], "http://127.0.0.1:1", 1, "http://127.0.0.1:1 cannot be reached ("),
        (["orders"], "ftp://x", 2, "--url = 'ftp://x': give the URL of a simex, such as"),
    ],
)
async def test_what_cannot_be_done_is_one_sentence(
    trade: Command, capsys: pytest.CaptureFixture[str], words: list[str], url: str, code: int, sentence: str
) -> None:
    assert (await trade(*words, url=url))[0] == code
    assert capsys.readouterr().err.startswith(f"gridwright: {sentence}")
