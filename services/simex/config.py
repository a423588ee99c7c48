"""simex's settings: the `[simex]` section of a TOML file and the flags that override it, read once at startup."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from pathlib import Path

from gridservice.config_file import ConfigError, Table
from gridsim.account import MAIN, Balance
from gridsim.market import Liquidity, Queue
from gridsim.rules import SymbolRules
from simex.access.keys import ApiKey
from simex.access.limits import LimitSettings
from simex.account_config import read_accounts, read_balances, read_keys
from simex.faults.config import read_faults
from simex.faults.kinds import Fault

_SYMBOL = re.compile(r"[^\W_a-z]{1,20}/[^\W_a-z]{1,20}")  # letters of any script: 币安人生/USDT
_ZERO = Decimal(0)


class SourceKind(Enum):
    """The source of a market's trades."""

    SIMULATION = "simulation"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class MarketSettings:
    """One market. `speed` is market seconds per wall-clock second; `file` is a replay's tape."""

    rules: SymbolRules
    liquidity: Liquidity = field(default_factory=Liquidity)
    kind: SourceKind = SourceKind.SIMULATION
    speed: Decimal = Decimal(1)
    running: bool = True
    seed: int = 1
    start_price: Decimal = Decimal(60_000)
    volatility: Decimal = Decimal("0.0001")
    reversion: Decimal = Decimal("0.005")
    burst_chance: Decimal = Decimal("0.02")
    events_per_second: Decimal = Decimal(20)
    trade_notional: Decimal = Decimal(2000)
    file: Path | None = None
    volume_in_quote: bool = False
    time_shift_ms: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of simex. Addresses are `host:port`, port 0 takes any free port.

    `balances`, `api_key` and `api_secret` are the main account's; `accounts` and `keys` are additional ones.
    """

    markets: tuple[MarketSettings, ...]
    balances: tuple[Balance, ...]
    data_dir: Path
    address: str = "127.0.0.1:0"
    control_address: str = "127.0.0.1:0"
    api_key: str = field(default="simex", repr=False)
    api_secret: str = field(default="simex", repr=False)
    accounts: Mapping[str, tuple[Balance, ...]] = field(default_factory=dict[str, tuple[Balance, ...]])
    keys: tuple[ApiKey, ...] = ()
    ports_file: Path | None = None
    clock_offset_ms: int = 0  # how far the venue's clock is ahead of this machine's
    limits: LimitSettings = field(default_factory=LimitSettings)
    faults: tuple[Fault, ...] = ()
    fault_seed: int = 0

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
    ports_file, api_key = table.text("ports_file", ""), table.text("api_key", "simex")
    accounts = read_accounts(table.tables("accounts"))
    settings = Settings(
        markets=markets,
        balances=read_balances(table.table("balances")),
        data_dir=Path(table.text("data_dir", ".gridwright/simex")),
        address=_address(table, "address"),
        control_address=_address(table, "control_address"),
        api_key=api_key,
        api_secret=table.text("api_secret", "simex"),
        accounts=accounts,
        keys=read_keys(table.tables("keys"), [MAIN, *accounts], api_key),
        ports_file=Path(ports_file) if ports_file else None,
        clock_offset_ms=table.integer("clock_offset_ms", 0),
        limits=_limits(table.table("limits")),
        faults=read_faults(table.tables("faults")),
        fault_seed=table.integer("fault_seed", 0, least=0),
    )
    table.refuse_unread()
    return settings


def _market(table: Table) -> MarketSettings:
    kind = table.choice("source", SourceKind, SourceKind.SIMULATION)
    settings = MarketSettings(
        rules=_rules(table),
        liquidity=Liquidity(
            spread_ticks=table.integer("spread_ticks", 1, least=1),
            levels=table.integer("depth_levels", 20, least=1),
            depth_notional=table.decimal("depth_notional", Decimal(100_000), above=_ZERO),
            queue=table.choice("queue", Queue, Queue.BACK),
        ),
        kind=kind,
        speed=table.decimal("speed", Decimal(1), above=_ZERO),
        running=table.flag("running", default=True),
        seed=table.integer("seed", 1, least=0),
        start_price=table.decimal("start_price", Decimal(60_000), above=_ZERO),
        volatility=table.decimal("volatility", Decimal("0.0001"), above=_ZERO),
        reversion=table.decimal("reversion", Decimal("0.005"), least=_ZERO),
        burst_chance=table.decimal("burst_chance", Decimal("0.02"), least=_ZERO),
        events_per_second=table.decimal("events_per_second", Decimal(20), above=_ZERO),
        trade_notional=table.decimal("trade_notional", Decimal(2000), above=_ZERO),
        file=_tape(table, kind),
        volume_in_quote=table.flag("volume_in_quote", default=False),
        time_shift_ms=table.integer("time_shift_ms", 0),
    )
    if settings.start_price % settings.rules.tick_size:
        remedy = f"give a multiple of tick_size {settings.rules.tick_size}"
        raise ConfigError(table.field("start_price"), str(settings.start_price), remedy)
    table.refuse_unread()
    return settings


def _rules(table: Table) -> SymbolRules:
    symbol = table.text("symbol")
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(table.field("symbol"), symbol, 'give base and quote in capitals, such as "BTC/USDT"')
    return SymbolRules(
        symbol=symbol,
        tick_size=_step(table, "tick_size", "0.01"),
        lot_size=_step(table, "lot_size", "0.00001"),
        min_notional=table.decimal("min_notional", Decimal(5), above=_ZERO),
        maker_fee=_fee(table, "maker_fee"),
        taker_fee=_fee(table, "taker_fee"),
        max_orders=table.integer("max_orders", 200, least=1),
    )


def _step(table: Table, key: str, default: str) -> Decimal:
    step = table.decimal(key, Decimal(default), above=_ZERO)
    if step % Decimal("1E-8"):
        raise ConfigError(table.field(key), str(step), "give at most 8 decimals: Binance's API carries no more")
    return step.normalize()


def _fee(table: Table, key: str) -> Decimal:
    fee = table.decimal(key, Decimal("0.001"), least=_ZERO)
    if fee >= 1:
        raise ConfigError(table.field(key), str(fee), 'give a fraction below 1, such as "0.001" for 0.1 %')
    return fee


def _tape(table: Table, kind: SourceKind) -> Path | None:
    name = table.text("file", "")
    if kind is SourceKind.SIMULATION:
        return None
    path = Path(name)
    if not name or not path.is_file():
        remedy = "give the path of a tape (.csv or .csv.gz); docs/simex.md describes its lines"
        raise ConfigError(table.field("file"), name, remedy)
    return path


def _limits(table: Table) -> LimitSettings:
    default = LimitSettings()
    settings = LimitSettings(
        enabled=table.flag("enabled", default.enabled),
        request_weight=table.integer("request_weight", default.request_weight, least=1),
        raw_requests=table.integer("raw_requests", default.raw_requests, least=1),
        orders_10s=table.integer("orders_10s", default.orders_10s, least=1),
        orders_day=table.integer("orders_day", default.orders_day, least=1),
        connections=table.integer("connections", default.connections, least=1),
        stream_messages=table.integer("stream_messages", default.stream_messages, least=1),
        ban_after=table.integer("ban_after", default.ban_after, least=0),
        order_retry_after=table.flag("order_retry_after", default=False),
    )
    table.refuse_unread()
    return settings


def _check_markets(name: str, markets: tuple[MarketSettings, ...]) -> None:
    if not markets:
        raise ConfigError(name, [], 'add at least one market: [[simex.markets]] with symbol = "BTC/USDT"')
    ids = [market.rules.symbol.replace("/", "") for market in markets]
    for market, market_id in zip(markets, ids, strict=True):
        if ids.count(market_id) > 1:
            raise ConfigError(name, market.rules.symbol, "two markets have this symbol; remove one")


def _address(table: Table, key: str) -> str:
    address = table.text(key, "127.0.0.1:0")
    host, colon, port = address.rpartition(":")
    if not host or not colon or not port.isdigit() or int(port) > 65_535:
        remedy = 'give host:port, such as "127.0.0.1:8080"; port 0 takes any free one'
        raise ConfigError(table.field(key), address, remedy)
    return address
