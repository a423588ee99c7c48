"""pricemon's settings, read once from the shared `grid.toml`. Other services validate their own sections."""

from dataclasses import asdict, dataclass
from pathlib import Path

from gridservice.config_file import ConfigError, Table, read_toml


@dataclass(frozen=True, slots=True)
class Venue:
    """The exchange and its address."""

    exchange: str  # a ccxt id
    base_url: str = ""  # a server used instead of the exchange (simex); empty: the exchange itself
    sandbox: bool = False  # the exchange's own test network


@dataclass(frozen=True, slots=True)
class FeedTimeouts:
    """Timeouts and intervals, all in milliseconds."""

    stale_after_ms: int = 3_000  # silence of the websocket after which REST is polled
    poll_ms: int = 1_000  # between two REST polls, while there is no websocket
    reconnect_first_ms: int = 500  # the longest first pause before a reconnection; it doubles up to the next
    reconnect_most_ms: int = 30_000  # the longest pause; after a connection that lasted as long, it starts at the first
    subscribe_ms: int = 15_000  # time for a new connection to report on each symbol
    list_ms: int = 10_000  # between two reads of the list of markets, while a symbol is not in it


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the service."""

    venue: Venue
    symbols: tuple[str, ...]
    address: str  # host:port to serve at; port 0: any free one
    heartbeat_ms: int  # the longest silence between two messages of a symbol, where the reader names none
    patience: FeedTimeouts
    metrics: str = ""  # host:port to serve metrics at; empty: no metrics


def read_settings(path: Path) -> Settings:
    """Reads the settings of a `grid.toml`. Raises ConfigError with field, value and remedy."""
    top = read_toml(path)
    own = top.table("pricemon")
    settings = Settings(
        venue=_venue(top.table("venue")),
        symbols=_symbols(top),
        address=own.address("listen", own.address("address", "127.0.0.1:50051")),
        heartbeat_ms=own.integer("heartbeat_ms", 1_000, least=10),
        metrics=own.optional_address("metrics"),
        patience=FeedTimeouts(
            **{name: own.integer(name, value, least=10) for name, value in asdict(FeedTimeouts()).items()},
        ),
    )
    own.refuse_unread()
    return settings


def _venue(table: Table) -> Venue:
    venue = Venue(
        exchange=table.text("exchange"),
        base_url=table.text("base_url", ""),
        sandbox=table.flag("sandbox", default=False),
    )
    if venue.base_url and not venue.base_url.startswith(("http://", "https://")):
        raise ConfigError(table.field("base_url"), venue.base_url, 'give a URL such as "http://127.0.0.1:8080"')
    return venue


def _symbols(top: Table) -> tuple[str, ...]:
    symbols = tuple(dict.fromkeys(grid.text("symbol") for grid in top.tables("grids")))
    if not symbols:
        raise ConfigError("grids", [], 'add at least one grid: [[grids]] with symbol = "BTC/USDT"')
    return symbols
