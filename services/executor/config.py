"""Settings of the executor, read once at startup. Those of its venue are in `venue.settings`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from executor.ledger.opening import sqlite_url
from executor.limits import ExecutorLimits, read_limits
from executor.venue.settings import VenueSettings, read_venue
from gridcore.model.setting import Setting
from griddb.urls import DatabaseSettings, read_database
from gridservice.config_file import MISSING, ConfigError, Table
from gridservice.data_folder import usable_folder
from gridservice.settings import read_section, read_setting
from gridservice.shared_settings import EXECUTOR, read_addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the process."""

    venue: VenueSettings
    limits: ExecutorLimits
    address: str
    ledger_url: str = field(repr=False)  # of the database, or of the file in the data folder
    database: DatabaseSettings
    data_dir: Annotated[Path, Setting("the ledger: `ledger.sqlite` in it. One per exchange account")] = Path(
        ".gridwright/executor"
    )
    venue_profile: Annotated[
        str,
        Setting(
            "the venue profile: the path of a `.toml` file that `gridwright conformance` wrote, or the name of a "
            "profile in [venues.md](venues.md#what-the-executor-takes-from-a-profile), which says what follows from "
            "it. Settings of `[venue]` go before it",
            default="the venue's own, if there is one",
        ),
    ] = ""
    symbols: tuple[str, ...]
    metrics: str = ""  # host:port that serves the metrics; empty: none


def read_settings(config: Table, environment: Mapping[str, str]) -> Settings:
    """Reads the settings from the tables `venue`, `executor` and `grids` of a file. Raises ConfigError."""
    venue_table, own = config.table("venue"), config.table(EXECUTOR)
    addresses, database = read_addresses(EXECUTOR, own), read_database(config, own, environment)
    venue = read_venue(venue_table, environment, read_setting(Settings, "venue_profile", own))
    settings = read_section(
        Settings,
        own,
        venue=venue,
        limits=read_limits(
            own,
            weighted=bool(venue.weights),
            local=venue.local,
            visibility_lag_ms=venue.visibility_lag_ms,
            rate_limits=venue.rate_limits,
        ),
        address=addresses.bind,
        ledger_url=ledger_url(database, read_setting(Settings, "data_dir", own)),
        database=database,
        symbols=_symbols(config),
        metrics=addresses.metrics,
    )
    venue_table.refuse_unread()
    own.refuse_unread()
    return settings


def ledger_url(database: DatabaseSettings, data_dir: Path) -> str:
    """Returns the URL for `open_ledger`. Raises ConfigError for a data folder that cannot be written."""
    if database.url is not None:
        return database.url.render_as_string(hide_password=False)
    return sqlite_url(usable_folder(data_dir, "executor.data_dir"))


def _symbols(config: Table) -> tuple[str, ...]:
    symbols = tuple(grid.text("symbol") for grid in config.tables("grids"))
    if not symbols:
        raise ConfigError("grids", MISSING, 'add at least one [[grids]] with symbol = "BTC/USDT"')
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise ConfigError("grids.symbol", symbol, "give each symbol one grid")
    return symbols
