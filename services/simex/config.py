"""simex's settings: the `[simex]` section of a TOML file and the flags that override it, read once at startup."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated

from gridcore.model.setting import Setting
from gridservice.config_file import ConfigError, Table
from gridservice.settings import read_section
from gridservice.shared_settings import host_and_port
from gridsim.account import MAIN, Balance
from gridsim.market import Liquidity
from gridsim.rules import SymbolRules
from simex.access.keys import ApiKey
from simex.access.limits import LimitSettings
from simex.account_config import read_accounts, read_balances, read_keys
from simex.faults.config import read_faults
from simex.faults.kinds import Fault


class SourceKind(Enum):
    """The source of a market's trades."""

    SIMULATION = "simulation"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """One market."""

    rules: SymbolRules
    liquidity: Liquidity = field(default_factory=Liquidity)
    kind: Annotated[SourceKind, Setting("where the others' trades come from", key="source")] = SourceKind.SIMULATION
    speed: Annotated[Decimal, Setting("market seconds per second", above=0)] = Decimal(1)
    running: Annotated[
        bool, Setting("whether the market's clock runs from the beginning; `SetRunning` changes it, durably")
    ] = True
    seed: Annotated[int, Setting("simulation: the same seed gives the same trades", least=0)] = 1
    start_price: Annotated[
        Decimal, Setting("simulation: its first price", above=0, allowed="a multiple of `tick_size`")
    ] = Decimal(60_000)
    volatility: Annotated[
        Decimal, Setting("standard deviation of one event's move, as a fraction of the price", above=0)
    ] = Decimal("0.0001")
    reversion: Annotated[
        Decimal, Setting("the fraction of the way back to its anchor that an event moves on average", least=0)
    ] = Decimal("0.005")
    burst_chance: Annotated[
        Decimal, Setting("how many of the stretches of 20 events are five times as volatile", least=0)
    ] = Decimal("0.02")
    events_per_second: Annotated[Decimal, Setting("trades per market second", above=0)] = Decimal(20)
    trade_notional: Annotated[Decimal, Setting("mean size of a trade, in quote", above=0)] = Decimal(2000)
    file: Annotated[Path | None, Setting("replay: a tape, plain or `.gz`")] = None
    volume_in_quote: Annotated[bool, Setting("replay of candles: their volume is in quote, as FTX wrote it")] = False
    time_shift_ms: Annotated[int, Setting("replay: added to the tape's times, for a recorder whose clock was off")] = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of simex.

    `balances`, `api_key` and `api_secret` are the main account's; `accounts` and `keys` are additional ones.
    """

    markets: tuple[MarketSettings, ...]
    balances: tuple[Balance, ...]
    data_dir: Annotated[Path, Setting("the book: `simex.sqlite` in it")] = Path(".gridwright/simex")
    address: Annotated[str, Setting("`host:port` of the API; port 0: any free one", parse=host_and_port)] = (
        "127.0.0.1:0"
    )
    control_address: Annotated[
        str, Setting("`host:port` of the control RPC; port 0: any free one", parse=host_and_port)
    ] = "127.0.0.1:0"
    api_key: Annotated[str, Setting("of the main account's key pair, which guards nothing real", secret=True)] = field(
        default="simex", repr=False
    )
    api_secret: Annotated[str, Setting("of the main account's key pair", secret=True)] = field(
        default="simex", repr=False
    )
    accounts: Mapping[str, tuple[Balance, ...]] = field(default_factory=dict[str, tuple[Balance, ...]])
    keys: tuple[ApiKey, ...] = ()
    ports_file: Annotated[
        Path | None, Setting('JSON `{"http": "host:port", "control": "host:port"}`, written once it serves')
    ] = None
    clock_offset_ms: Annotated[
        int,
        Setting("how far its clock is ahead of this machine's, below 0 behind it: a host whose clock is off"),
    ] = 0
    limits: LimitSettings = field(default_factory=LimitSettings)
    faults: tuple[Fault, ...] = ()
    fault_seed: Annotated[int, Setting("of the chances of `[[simex.faults]]`: see [faults.md](faults.md)", least=0)] = 0

    @property
    def every_account(self) -> Mapping[str, tuple[Balance, ...]]:
        """Each account's initial balances."""
        return {MAIN: self.balances, **self.accounts}

    @property
    def every_key(self) -> tuple[ApiKey, ...]:
        """The keys of all accounts."""
        return (ApiKey(MAIN, self.api_key, self.api_secret), *self.keys)


def read_settings(table: Table) -> Settings:
    """Reads a `[simex]` table. Raises ConfigError for the first unusable setting."""
    markets = tuple(_market(row) for row in table.tables("markets"))
    _check_markets(table.field("markets"), markets)
    accounts, limits = read_accounts(table.tables("accounts")), table.table("limits")
    settings = read_section(
        Settings,
        table,
        markets=markets,
        balances=read_balances(table.table("balances")),
        accounts=accounts,
        limits=read_section(LimitSettings, limits),
        faults=read_faults(table.tables("faults")),
    )
    settings = replace(settings, keys=read_keys(table.tables("keys"), [MAIN, *accounts], settings.api_key))
    limits.refuse_unread()
    table.refuse_unread()
    return settings


def _market(table: Table) -> MarketSettings:
    rules, liquidity = read_section(SymbolRules, table), read_section(Liquidity, table)
    market = read_section(MarketSettings, table, rules=rules, liquidity=liquidity)
    if market.start_price % rules.tick_size:
        remedy = f"give a multiple of tick_size {rules.tick_size}"
        raise ConfigError(table.field("start_price"), str(market.start_price), remedy)
    table.refuse_unread()
    return replace(market, file=_tape(table, market))


def _tape(table: Table, market: MarketSettings) -> Path | None:
    if market.kind is SourceKind.SIMULATION:
        return None
    if market.file is None or not market.file.is_file():
        remedy = "give the path of a tape (.csv or .csv.gz); docs/simex.md describes its lines"
        raise ConfigError(table.field("file"), str(market.file or ""), remedy)
    return market.file


def _check_markets(name: str, markets: tuple[MarketSettings, ...]) -> None:
    if not markets:
        raise ConfigError(name, [], 'add at least one market: [[simex.markets]] with symbol = "BTC/USDT"')
    ids = [market.rules.symbol.replace("/", "") for market in markets]
    for market, market_id in zip(markets, ids, strict=True):
        if ids.count(market_id) > 1:
            raise ConfigError(name, market.rules.symbol, "two markets have this symbol; remove one")
