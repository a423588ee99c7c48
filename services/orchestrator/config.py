"""The orchestrator's settings, read from the grid.toml that all services share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from gridcore.model.config import GridConfig, GridMode, RiskConfig, Spacing
from gridcore.model.money import ZERO, canonical
from griddb.urls import DatabaseSettings, read_database
from gridservice.config_file import MISSING, ConfigError, Table, read_toml

DEFAULT_DATA_DIR = ".gridwright/orchestrator"
DEFAULT_ADDRESS = "127.0.0.1:50053"
DEFAULT_EXECUTOR = "127.0.0.1:50052"
DEFAULT_PRICEMON = "127.0.0.1:50051"
ENGINE = "GRIDWRIGHT_ENGINE"  # environment variable; overrides orchestrator.engine

_DEFAULTS: dict[str, Any] = {option.name: option.default for option in fields(GridConfig)}


class EngineKind(Enum):
    """The available workflow engines; the setting `orchestrator.engine` selects one."""

    DBOS = "dbos"


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the process. `tick_interval_ms` 0 disables ticks."""

    bot: str
    address: str
    executor_address: str
    pricemon_address: str
    data_dir: Path
    database: DatabaseSettings  # for state, journal and workflows; without a URL they are SQLite files in data_dir
    tick_interval_ms: int
    retention_hours: int
    max_update_batch: int
    conditions_interval_ms: int  # between two polls of market rules, funds and foreign orders
    reconcile_timeout_ms: int  # how long startup waits for the venue's open orders to agree with the state
    grids: tuple[GridConfig, ...]
    engine: EngineKind = EngineKind.DBOS
    metrics: str = ""  # host:port that serves Prometheus metrics; empty: disabled


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads the file; DATABASE_URL and GRIDWRIGHT_ENGINE in the environment override it.

    Raises ConfigError with field, value and remedy, also for unknown keys.
    """
    root = read_toml(path)
    own = root.table("orchestrator")
    if chosen := environment.get(ENGINE):
        own = own.overridden({"engine": chosen})
    settings = Settings(
        bot=root.text("bot", "gridwright"),
        address=own.text("listen", own.text("address", DEFAULT_ADDRESS)),
        executor_address=root.table("executor").text("address", DEFAULT_EXECUTOR),
        pricemon_address=root.table("pricemon").text("address", DEFAULT_PRICEMON),
        data_dir=Path(own.text("data_dir", DEFAULT_DATA_DIR)),
        database=read_database(root, own, environment),
        tick_interval_ms=own.integer("tick_interval_ms", 1_000, least=0),
        retention_hours=own.integer("retention_hours", 168, least=1),
        max_update_batch=own.integer("max_update_batch", 100, least=1),
        conditions_interval_ms=own.integer("conditions_interval_ms", 2_000, least=100),
        reconcile_timeout_ms=own.integer("reconcile_timeout_ms", 10_000, least=0),
        grids=tuple(_grid(table) for table in root.tables("grids")),
        engine=own.choice("engine", EngineKind, EngineKind.DBOS),
        metrics=own.optional_address("metrics"),
    )
    own.refuse_unread()
    if not settings.bot or "/" in settings.bot:
        raise ConfigError("bot", settings.bot, "give a name without a slash; it is part of every request id")
    _refuse_duplicates(settings.grids)
    return settings


def _refuse_duplicates(grids: tuple[GridConfig, ...]) -> None:
    if not grids:
        raise ConfigError("grids", MISSING, "add at least one [[grids]] with its symbol")
    seen: set[str] = set()
    for grid in grids:
        if grid.symbol in seen:
            raise ConfigError("grids.symbol", grid.symbol, "one grid per symbol: remove the second")
        seen.add(grid.symbol)


def _grid(table: Table) -> GridConfig:
    grid = GridConfig(
        symbol=table.text("symbol"),
        mode=table.choice("mode", GridMode),
        anchor=table.decimal("anchor", above=ZERO),
        interval=table.decimal("interval", above=ZERO),
        spacing=table.choice("spacing", Spacing, Spacing.ARITHMETIC),
        quote_per_slot=table.optional_decimal("quote_per_slot", above=ZERO),
        base_per_slot=table.optional_decimal("base_per_slot", above=ZERO),
        buy_window=table.integer("buy_window", _DEFAULTS["buy_window"], least=0),
        sell_window=table.integer("sell_window", _DEFAULTS["sell_window"], least=0),
        window_slack=table.integer("window_slack", _DEFAULTS["window_slack"], least=0),
        lower=table.optional_decimal("lower", above=ZERO),
        upper=table.optional_decimal("upper", above=ZERO),
        budget=table.optional_decimal("budget", above=ZERO),
        post_only=table.flag("post_only", _DEFAULTS["post_only"]),
        order_ttl_ms=table.integer("order_ttl_ms", _DEFAULTS["order_ttl_ms"], least=1),
        retry_after_ms=table.integer("retry_after_ms", _DEFAULTS["retry_after_ms"], least=0),
        maker_fee=_fee(table, "maker_fee"),
        taker_fee=_fee(table, "taker_fee"),
        risk=_risk(table.table("risk")),
    )
    table.refuse_unread()
    if (grid.quote_per_slot is None) == (grid.base_per_slot is None):
        both = None if grid.quote_per_slot is None else "given together with base_per_slot"
        raise ConfigError(
            table.field("quote_per_slot"), both or MISSING, "give exactly one of quote_per_slot and base_per_slot"
        )
    if grid.spacing is Spacing.GEOMETRIC and grid.interval >= 1:
        remedy = "with spacing = GEOMETRIC give a fraction of the price, 0.01 for 1 %, or else spacing = ARITHMETIC"
        raise ConfigError(table.field("interval"), canonical(grid.interval), remedy)
    if grid.lower is not None and grid.upper is not None and grid.lower >= grid.upper:
        raise ConfigError(table.field("lower"), str(grid.lower), f"give a price below upper, {grid.upper}")
    return grid


def _fee(table: Table, key: str) -> Decimal | None:
    fee = table.optional_decimal(key, above=Decimal(-1))  # negative: a rebate
    if fee is not None and fee >= 1:
        raise ConfigError(table.field(key), canonical(fee), "give a fraction of what is traded: 0.001 is 0.1 %")
    return fee


def _risk(table: Table) -> RiskConfig:
    defaults = RiskConfig()
    risk = RiskConfig(
        stale_price_ms=table.integer("stale_price_ms", defaults.stale_price_ms, least=1),
        calm_ms=table.integer("calm_ms", defaults.calm_ms, least=0),
        unknown_too_old_ms=table.integer("unknown_too_old_ms", defaults.unknown_too_old_ms, least=0),
        max_jump=table.optional_decimal("max_jump", above=ZERO),
        jump_window_ms=table.integer("jump_window_ms", defaults.jump_window_ms, least=1),
        max_position=table.optional_decimal("max_position", above=ZERO),
        max_rejects=table.integer("max_rejects", defaults.max_rejects, least=0),
    )
    table.refuse_unread()
    return risk
