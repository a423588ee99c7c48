"""`gridwright conformance` against a real simex: what it finds, what it leaves behind, and what it refuses to do."""

import asyncio
import io
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from rich.console import Console

from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.profile import Repeat, Source, VenueProfile, packaged_profile, read_profile
from executor.venue.settings import read_venue
from gridcore.model.actions import PlaceOrder
from gridcore.model.orders import OrderType, Role, Side
from gridctl.commands.conformance import Options, run_conformance
from gridctl.view.screen import Screen
from gridservice.clock import now_ms
from gridservice.config_file import ConfigError, Table
from gridtesting.live.simex import SimexHandle, running_simex

LIVE = {"NEW", "PARTIALLY_FILLED"}
REGENERATE = (
    "run: gridwright conformance --exchange simex --out services/executor/venues/simex.toml && "
    "python -m executor.venue.profile_page > docs/venues.md"
)


class Terminal:
    """Where the command writes."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.screen = Screen(Console(file=self._file, width=200), plain=True)

    @property
    def text(self) -> str:
        return self._file.getvalue()


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    async with running_simex(tmp_path) as handle:
        yield handle


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """simex's own, independent of the developer's."""
    for name in ("GRIDWRIGHT_API_KEY", "GRIDWRIGHT_API_SECRET"):
        monkeypatch.setenv(name, "simex")


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


async def live_orders(simex: SimexHandle) -> list[str]:
    return [order.client_order_id for order in (await simex.truth()).orders if order.status in LIVE]


async def place_manually(simex: SimexHandle) -> None:
    venue = CcxtVenue(make_client(read_venue(Table({"exchange": "binance", "base_url": simex.http_url}), {})), 5_000)
    place = PlaceOrder("byhand", Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(50_000), Decimal("0.001"), 0, "")
    await venue.connect(("BTC/USDT",))
    await venue.place("BTC/USDT", place, now_ms())
    await venue.close()


def lasting(row: VenueProfile) -> VenueProfile:
    """A profile without what differs from one measurement to the next."""
    return replace(row, as_of="", ccxt="", delays=(), visibility_lag_ms=None)


async def test_simex_does_what_its_row_says_and_one_order_alone_trades(
    simex: SimexHandle, terminal: Terminal, tmp_path: Path
) -> None:
    await place_manually(simex)
    out = tmp_path / "rows" / "simex.toml"

    code = await run_conformance(Options("simex", simex.http_url, samples=3, out=out), terminal.screen)

    row, known = read_profile(out), packaged_profile("simex")
    assert code == 0, terminal.text
    assert known is not None
    assert lasting(row) == lasting(known), REGENERATE
    assert await live_orders(simex) == ["byhand"]
    orders = [order for order in (await simex.truth()).orders if order.client_order_id != "byhand"]
    traded = [order for order in orders if Decimal(order.executed) > 0]
    assert [Decimal(order.executed) * Decimal(order.price) < 7 for order in traded] == [True]
    assert {order.status for order in orders if order is not traded[0]} == {"CANCELED"}


async def test_what_was_found_is_shown_and_is_what_simex_does(
    simex: SimexHandle, terminal: Terminal, tmp_path: Path
) -> None:
    out = tmp_path / "simex.toml"
    await run_conformance(Options("simex", simex.http_url, samples=1, out=out), terminal.screen)

    row = read_profile(out)
    repeated = (row.repeated_id.open, row.repeated_id.filled, row.repeated_id.cancelled)
    assert repeated == (Repeat.REFUSED, Repeat.ACCEPTED, Repeat.ACCEPTED)
    assert row.client_id is not None
    assert (row.client_id.max_length, row.client_id.alphabet) == (36, "A-Z a-z 0-9 _ -")
    assert (row.source, row.requests_expire, row.fee_of_buy, row.history_hours) == (Source.MEASURED, True, "base", 24)
    assert {delay.look_up for delay in row.delays} == {
        "client id", "exchange id", "open orders", "history", "trades", "trades of the order",
    }  # fmt: skip
    read = {seen.provoked: (seen.ccxt_class, seen.read_as) for seen in row.refusals}
    assert read == {
        "insufficient balance": ("InsufficientFunds", "INSUFFICIENT_FUNDS"),
        "price off the tick": ("InvalidOrder", "INVALID_ORDER"),
        "LIMIT_MAKER that would trade": ("OrderImmediatelyFillable", "WOULD_MATCH"),
        "unknown symbol": ("BadSymbol", "SYMBOL_REFUSED"),
        "wrong signature": ("AuthenticationError", "KEY_REFUSED"),
        "signed a minute ago": ("InvalidNonce", "CLOCK_SKEW"),
        "signed 3 s ahead": ("InvalidNonce", "CLOCK_SKEW"),
        "below min notional": ("BadRequest", "INVALID_ORDER"),
        "cancel of an unknown order": ("OrderNotFound", "UNKNOWN_ORDER"),
        "cancel of a cancelled order": ("OrderNotFound", "UNKNOWN_ORDER"),
    }
    for shown in ("accepted, trades again", "1 to 36 of", "InsufficientFunds", "open orders"):
        assert shown in terminal.text


async def test_a_simex_that_hides_new_orders_is_measured_to_do_so(
    simex: SimexHandle, terminal: Terminal, tmp_path: Path
) -> None:
    await simex.fault("HIDDEN_ORDER", delay_ms=400)
    await simex.fault("LATE_TRADES", delay_ms=400)
    out = tmp_path / "row.toml"
    assert await run_conformance(Options("simex", simex.http_url, samples=1, out=out), terminal.screen) == 0

    row = read_profile(out)
    assert len(row.delays) == 6
    assert all(delay.median_ms >= 350 and delay.missed == 0 for delay in row.delays), row.delays
    assert (row.visibility_lag_ms or 0) >= 700
    assert await live_orders(simex) == []


async def test_ctrl_c_takes_everything_down(simex: SimexHandle, terminal: Terminal, tmp_path: Path) -> None:
    out = tmp_path / "row.toml"
    await place_manually(simex)
    options = Options("simex", simex.http_url, samples=1_000_000, out=out)
    running = asyncio.create_task(run_conformance(options, terminal.screen))
    async with asyncio.timeout(20):
        while len((await simex.truth()).orders) < 20:
            assert not running.done(), terminal.text
        os.kill(os.getpid(), signal.SIGINT)
        assert await running == 130

    assert await live_orders(simex) == ["byhand"]
    assert not out.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"mainnet": True}, "--yes", id="without a yes"),
        pytest.param({"yes": True}, "--mainnet", id="real money"),
    ],
)
async def test_a_venue_that_is_not_simex_is_traded_on_only_with_confirmation(
    changes: dict[str, bool], field: str, simex: SimexHandle, terminal: Terminal
) -> None:
    options = replace(Options("binance", simex.http_url), **changes)  # type: ignore[arg-type]  # each is a flag

    with pytest.raises(ConfigError) as refusal:
        await run_conformance(options, terminal.screen)

    assert refusal.value.field == field
    assert ("So at worst" in terminal.text) is (field == "--yes")
    assert not (await simex.truth()).orders


async def test_a_simex_elsewhere_is_treated_as_real(terminal: Terminal) -> None:
    with pytest.raises(ConfigError, match=r"--mainnet is missing: this would trade on https://api\.binance\.example"):
        await run_conformance(Options("simex", "https://api.binance.example"), terminal.screen)


async def test_an_address_that_is_none_is_named(terminal: Terminal) -> None:
    with pytest.raises(ConfigError, match="--url = 'localhost:8080'"):
        await run_conformance(Options("simex", "localhost:8080"), terminal.screen)


async def test_a_test_network_that_ccxt_does_not_know_is_refused(terminal: Terminal) -> None:
    with pytest.raises(ConfigError, match=r"venue.sandbox = True: ccxt knows no test network of kraken"):
        await run_conformance(Options("kraken", sandbox=True, yes=True), terminal.screen)


async def test_an_account_that_cannot_pay_is_reported_before_anything_is_sent(
    terminal: Terminal, tmp_path: Path
) -> None:
    async with running_simex(tmp_path, balances={"BTC": Decimal(1), "USDT": Decimal(10)}) as simex:
        with pytest.raises(ConfigError, match=r"account = '10 USDT': it must hold"):
            await run_conformance(Options("simex", simex.http_url), terminal.screen)
        assert not (await simex.truth()).orders


async def test_a_venue_that_does_not_answer_is_one_sentence(terminal: Terminal) -> None:
    assert await run_conformance(Options("simex", "http://127.0.0.1:1"), terminal.screen) == 1
    assert "not measured: " in terminal.text


async def test_a_symbol_that_is_not_traded_is_named(simex: SimexHandle, terminal: Terminal) -> None:
    with pytest.raises(ConfigError, match="--symbol = 'BTC/USDC'"):
        await run_conformance(Options("simex", simex.http_url, symbol="BTC/USDC"), terminal.screen)


async def test_it_starts_a_simex_of_its_own_and_shows_it_no_real_key(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("GRIDWRIGHT_API_KEY", "GRIDWRIGHT_API_SECRET"):
        monkeypatch.setenv(name, "real")
    out = tmp_path / "row.toml"
    assert await run_conformance(Options("simex", samples=1, out=out), terminal.screen) == 0, terminal.text
    assert read_profile(out).venue == "simex"
