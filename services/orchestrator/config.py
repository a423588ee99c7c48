"""The orchestrator's settings, read from the grid.toml that all services share."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

from gridcore.model.config import GridConfig, RiskConfig, Spacing
from gridcore.model.money import canonical
from gridcore.model.setting import Setting
from griddb.urls import DatabaseSettings, read_database
from gridservice.config_file import MISSING, ConfigError, Table, read_toml
from gridservice.settings import read_section
from gridservice.shared_settings import (
    EXECUTOR,
    ORCHESTRATOR,
    PRICEMON,
    TopLevel,
    address_of_service,
    read_addresses,
)

ENGINE = "GRIDWRIGHT_ENGINE"  # environment variable; overrides orchestrator.engine


class EngineKind(Enum):
    """The available workflow engines; the setting `orchestrator.engine` selects one."""

    DBOS = "dbos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the process."""

    bot: str
    address: str
    executor_address: str
    pricemon_address: str
    database: DatabaseSettings  # for state, journal and workflows; without a URL they are SQLite files in data_dir
    data_dir: Annotated[
        Path,
        Setting(
            "the state of each symbol, `state-BTC-USDT.sqlite`, and the workflows, `dbos.sqlite`. With a database only "
            "`backups`"
        ),
    ] = Path(".gridwright/orchestrator")
    engine: Annotated[EngineKind, Setting("the workflow engine; there is no other yet")] = EngineKind.DBOS
    tick_interval_ms: Annotated[
        int,
        Setting(
            "between two ticks: the trigger of time, by which a stale price is noticed. 0: no ticks, and then a stale "
            "price stops nothing that rests; it only places nothing new",
            least=0,
        ),
    ] = 1_000
    retention_hours: Annotated[
        int,
        Setting(
            "how long the journal and finished workflows are kept. The audit of a demo needs the whole journal",
            least=1,
        ),
    ] = 168
    max_update_batch: Annotated[int, Setting("how many order updates one step may take", least=1)] = 100
    conditions_interval_ms: Annotated[
        int,
        Setting(
            "how often the conditions are read that the venue may change: the market's rules, the account's funds, and "
            "open orders that are not ours",
            least=100,
        ),
    ] = 2_000
    reconcile_timeout_ms: Annotated[
        int,
        Setting(
            "at startup: how long the venue's list of open orders may contradict the update log before the "
            "contradiction counts, after two reads at least",
            least=0,
        ),
    ] = 10_000
    grids: tuple[GridConfig, ...]
    metrics: str = ""  # host:port that serves Prometheus metrics; empty: disabled


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Reads the file; DATABASE_URL and GRIDWRIGHT_ENGINE in the environment override it.

    Raises ConfigError with field, value and remedy, also for unknown keys.
    """
    root = read_toml(path)
    own = root.table(ORCHESTRATOR)
    if chosen := environment.get(ENGINE):
        own = own.overridden({"engine": chosen})
    addresses = read_addresses(ORCHESTRATOR, own)
    settings = read_section(
        Settings,
        own,
        bot=read_section(TopLevel, root).bot,
        address=addresses.bind,
        executor_address=address_of_service(EXECUTOR, root),
        pricemon_address=address_of_service(PRICEMON, root),
        database=read_database(root, own, environment),
        grids=tuple(_grid(table) for table in root.tables("grids")),
        metrics=addresses.metrics,
    )
    own.refuse_unread()
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
    risk = table.table("risk")
    grid = read_section(GridConfig, table, risk=read_section(RiskConfig, risk))
    risk.refuse_unread()
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
