"""pricemon's settings, read once from the shared `grid.toml`. Other services validate their own sections."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from gridcore.model.setting import Setting
from gridservice.config_file import ConfigError, Table, read_toml
from gridservice.settings import read_section
from gridservice.shared_settings import PRICEMON, Venue, read_addresses


@dataclass(frozen=True, slots=True)
class FeedTimeouts:
    """Timeouts and intervals, all in milliseconds."""

    stale_after_ms: Annotated[int, Setting("silence of the websocket after which REST is polled", least=10)] = 3_000
    poll_ms: Annotated[int, Setting("between two REST polls while there is no websocket to listen to", least=10)] = (
        1_000
    )
    reconnect_first_ms: Annotated[
        int, Setting("longest first pause before a reconnection; it doubles, with jitter", least=10)
    ] = 500
    reconnect_most_ms: Annotated[
        int, Setting("longest pause; a connection that lived as long starts again with the first", least=10)
    ] = 30_000
    subscribe_ms: Annotated[
        int, Setting("how long a new connection may take until it has sent something for each symbol", least=10)
    ] = 15_000
    list_ms: Annotated[
        int, Setting("between two reads of the venue's list of markets, while a symbol is not in it", least=10)
    ] = 10_000


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the service."""

    venue: Venue
    symbols: tuple[str, ...]
    address: str  # host:port to serve at; port 0: any free one
    heartbeat_ms: Annotated[
        int, Setting("longest silence between two messages of a symbol, where the reader names none", least=10)
    ] = 1_000
    patience: FeedTimeouts = FeedTimeouts()
    metrics: str = ""  # host:port to serve metrics at; empty: no metrics


def read_settings(path: Path) -> Settings:
    """Reads the settings of a `grid.toml`. Raises ConfigError with field, value and remedy."""
    top = read_toml(path)
    own = top.table(PRICEMON)
    addresses = read_addresses(PRICEMON, own)
    settings = read_section(
        Settings,
        own,
        venue=read_section(Venue, top.table("venue")),
        symbols=_symbols(top),
        address=addresses.bind,
        patience=read_section(FeedTimeouts, own),
        metrics=addresses.metrics,
    )
    own.refuse_unread()
    return settings


def _symbols(top: Table) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(grid.text("symbol") for grid in top.tables("grids")))
    if not symbols:
        raise ConfigError("grids", [], 'add at least one grid: [[grids]] with symbol = "BTC/USDT"')
    return symbols
