"""`gridwright conformance`: measures how a venue behaves where venues differ, shows it and writes the venue profile.

It trades on the venue through the executor's own adapter, so it may import the executor. No other part of the command
line may, except `db`.
"""

import asyncio
import contextlib
import os
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import tomli_w
from rich.table import Table as Grid

from executor.venue.conformance.measure import Session, check_balance, measure, open_session
from executor.venue.conformance.probe_trader import BrokenOffError, NoMeasurementError
from executor.venue.port import UnknownSymbolError, VenueError
from executor.venue.profile import VenueProfile, profile_values
from executor.venue.profile_page import FACTS, worst
from executor.venue.profile_policy import SIMEX, profile_name
from executor.venue.settings import VenueSettings, read_venue
from gridctl.view.screen import Screen
from griddeploy.free_ports import free_ports
from griddeploy.process.child import Child, Service, last_line
from griddeploy.process.health import until_serving
from gridservice.config_file import MISSING, ConfigError, Table
from gridservice.shared_settings import is_loopback
from gridservice.signals import until_signal

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_GAP_MS = 300  # Binance counts 50 orders in ten seconds
_BROKEN_OFF = 130


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the command line. `exchange` is a ccxt id or simex, `url` a server to use instead of the exchange."""

    exchange: str
    url: str = ""
    sandbox: bool = False
    symbol: str = "BTC/USDT"
    samples: int = 10
    yes: bool = False
    mainnet: bool = False
    out: Path | None = None

    @property
    def harmless(self) -> bool:
        """Whether no real account is involved: simex on this machine."""
        return self.exchange == SIMEX and (not self.url or is_loopback(urlsplit(self.url).hostname or ""))


async def run_conformance(options: Options, screen: Screen) -> int:
    """Returns 0 with the profile written, 1 if the venue could not be measured, 130 if interrupted.

    Raises ConfigError for unusable options.
    """
    _check(options)
    async with contextlib.AsyncExitStack() as stack:
        stop = await stack.enter_async_context(until_signal(second_cancels=True))
        if options.exchange == SIMEX and not options.url:
            options = replace(options, url=await stack.enter_async_context(_own_simex(options.symbol)))
        settings, gap_ms = _settings(options), 0 if options.harmless else _GAP_MS
        try:
            ready = await stack.enter_async_context(open_session(settings, options.symbol, stop.is_set, gap_ms))
            return await _run(ready, options, screen)
        except UnknownSymbolError as error:
            raise ConfigError("--symbol", options.symbol, str(error)) from None
        except (VenueError, NoMeasurementError) as error:
            screen.say(f"not measured: {settings.credentials.struck_from(str(error))}")
            return 1


def _check(options: Options) -> None:
    if options.url and urlsplit(options.url).scheme not in {"http", "https"}:
        raise ConfigError("--url", options.url, "give a URL such as http://127.0.0.1:8080")
    if options.harmless or options.sandbox or options.mainnet:
        return
    where = options.url or options.exchange
    remedy = f"this would trade on {where}, with real money perhaps; give --sandbox for a test network, or --mainnet"
    raise ConfigError("--mainnet", MISSING, remedy)


def _settings(options: Options) -> VenueSettings:
    exchange = "binance" if options.exchange == SIMEX else options.exchange
    venue = Table({"exchange": exchange, "base_url": options.url, "sandbox": options.sandbox}, "venue")
    # Real keys must not be sent to a server that needs no confirmation: any program may listen on a local port.
    return read_venue(venue, {} if options.harmless else os.environ)


async def _run(ready: Session, options: Options, screen: Screen) -> int:
    if not options.harmless:
        screen.say(ready.cost.worst_cost)
        if not options.yes:
            raise ConfigError("--yes", MISSING, "nothing was sent; add --yes to go on")
    check_balance(ready.cost)
    try:
        row = await measure(ready, _name(options), options.samples, screen.say)
    except BrokenOffError:
        screen.say("interrupted: cancelling what was placed")
        return _BROKEN_OFF
    finally:
        await _clean_up(ready, screen)
    show(row, screen)
    out = options.out or Path(".gridwright/venues") / f"{row.venue}.toml"
    write(row, out)
    screen.say(f'row written to {out}; an executor reads it with venue_profile = "{out}" in [executor]')
    return 0


def _name(options: Options) -> str:
    if options.exchange == SIMEX:
        return SIMEX
    url = bool(options.url)
    return profile_name(options.exchange, sandbox=options.sandbox, moved=url, local=url) or f"{options.exchange}-moved"


async def _clean_up(ready: Session, screen: Screen) -> None:
    left = await ready.trader.clean_up()
    if left:
        screen.say(f"find these client ids on the venue and cancel them manually: {', '.join(left)}")


def show(row: VenueProfile, screen: Screen) -> None:
    """Prints the profile as tables."""
    facts = _grid(f"what {row.venue} does", "", "found")
    for fact in FACTS:
        facts.add_row(fact.name, fact.tell(row))
    delays = _grid("how soon an order is shown", "look-up", "median ms", "worst ms", "samples")
    for delay in row.delays:
        delays.add_row(delay.look_up, str(delay.median_ms), worst(delay), str(delay.samples))
    refusals = _grid("what refusals look like", "provoked", "ccxt's class", "read as", "text")
    for seen in row.refusals:
        refusals.add_row(seen.provoked, seen.ccxt_class or "–", seen.read_as, seen.text)
    for table in (facts, delays, refusals):
        screen.show(table)


def write(row: VenueProfile, out: Path) -> None:
    """Writes the profile as the file that an executor reads. Raises OSError if it cannot be written."""
    out.parent.mkdir(parents=True, exist_ok=True)
    head = f"# What {row.venue} did on {row.as_of}, as `gridwright conformance` saw it; docs/venues.md explains.\n"
    out.write_text(head + tomli_w.dumps(profile_values(row)), encoding="utf-8")


def _grid(title: str, *columns: str) -> Grid:
    table = Grid(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


@contextlib.asynccontextmanager
async def _own_simex(symbol: str) -> AsyncIterator[str]:
    """Starts a simex with a paused market and yields its URL. It is stopped and its book deleted after the block."""
    with tempfile.TemporaryDirectory(prefix="gridwright-conformance-") as name:
        folder = Path(name)
        http, control = (f"127.0.0.1:{port}" for port in free_ports(2))
        config = folder / "simex.toml"
        config.write_text(tomli_w.dumps({"simex": _simex(symbol, http, control, folder)}), encoding="utf-8")
        child = await Child.start(Service(SIMEX, SIMEX, config, control), folder / "simex.log")
        try:
            await _serving(child, control)
            yield f"http://{http}"
        finally:
            await child.stop(_STOP_SECONDS)


def _simex(symbol: str, http: str, control: str, folder: Path) -> dict[str, object]:
    base, _, quote = symbol.partition("/")
    return {
        "address": http,
        "control_address": control,
        "data_dir": str(folder / "book"),
        "balances": {base: "1", quote: "100000"},
        "markets": [{"symbol": symbol, "running": False}],
        "limits": {"enabled": False},  # the probe sends requests without pauses
    }


async def _serving(child: Child, address: str) -> None:
    waiting = {asyncio.create_task(until_serving(address)), asyncio.create_task(child.wait())}
    done, late = await asyncio.wait(waiting, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    for task in late:
        task.cancel()
    if not done or child.returncode is not None:
        raise ConfigError("--exchange", SIMEX, f"it does not serve: {last_line(child.log) or 'no word of it'}")
