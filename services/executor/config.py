"""Settings of the executor, read once at startup. Keys come from the environment and appear in no text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from executor.ledger.opening import sqlite_url
from executor.venue.limits.rate_limit import DEFAULT_SHARE, LARGEST_SHARE, LEAST_SHARE, RateLimit
from executor.venue.profile_policy import find_profile, policy, profile_name
from griddb.urls import DatabaseSettings, read_database
from gridservice.config_file import MISSING, ConfigError, Table
from gridservice.data_folder import usable_folder

DEFAULT_DATA_DIR = ".gridwright/executor"
_KEY, _SECRET = "GRIDWRIGHT_API_KEY", "GRIDWRIGHT_API_SECRET"  # names of variables
_LOCAL_LAG_MS, _REAL_LAG_MS = 2_000, 10_000
_LOCAL_GONE_AFTER_MS, _REAL_GONE_AFTER_MS = 10_000, 60_000  # the least allowed values
_REQUESTS_PER_SECOND = 10


@dataclass(frozen=True, slots=True)
class Credentials:
    """API keys of the account; neither is in its repr."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)

    def struck_from(self, text: str) -> str:
        """Returns the text without the keys: a venue may repeat a key that it refuses."""
        return text.replace(self.secret, "***").replace(self.api_key, "***")


@dataclass(frozen=True, slots=True)
class VenueSettings:
    """Exchange and connection settings. `base_url` replaces the exchange's own addresses."""

    exchange: str
    base_url: str
    sandbox: bool
    recv_window_ms: int
    requests_expire: bool  # once they are older than recv_window_ms
    visibility_lag_ms: int
    request_timeout_ms: int
    credentials: Credentials
    known_from: str = ""  # the sentence that says what is known of the venue, and its source
    weights: Mapping[str, int] = field(default_factory=dict)  # of its requests; empty: unknown, each weighs 1
    rate_limits: tuple[RateLimit, ...] = ()  # until the venue reports its own

    @property
    def request_window_ms(self) -> int | None:
        """How long (ms) after its timestamp a request can still be accepted; None if requests do not expire."""
        return self.recv_window_ms if self.requests_expire else None


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the process."""

    venue: VenueSettings
    address: str
    ledger_url: str = field(repr=False)  # of the database, or of the file in the data folder
    database: DatabaseSettings
    poll_interval_ms: int
    requests_per_second: int | None  # None: only the request weight limits the rate
    burst: int
    weight_share_percent: int
    keep_finished_ms: int
    symbols: tuple[str, ...]
    order_gone_after_ms: int = 3_600_000  # an open order must be missing for so long before an operator may end it
    metrics: str = ""  # host:port that serves the metrics; empty: none


def read_settings(config: Table, environment: Mapping[str, str]) -> Settings:
    """Reads the settings from the tables `venue`, `executor` and `grids` of a file. Raises ConfigError."""
    venue = config.table("venue")
    executor = config.table("executor")
    database = read_database(config, executor, environment)
    venue_settings = read_venue(venue, environment, executor.text("venue_row", ""))
    rate = _requests_per_second(executor, venue_settings)
    settings = Settings(
        venue=venue_settings,
        address=executor.text("listen", executor.text("address", "127.0.0.1:50052")),
        ledger_url=ledger_url(database, Path(executor.text("data_dir", DEFAULT_DATA_DIR))),
        database=database,
        poll_interval_ms=executor.integer("poll_interval_ms", 1_000, least=10),
        requests_per_second=rate,
        burst=executor.integer("burst", 2 * (rate or 1), least=1),
        weight_share_percent=_weight_share(executor),
        keep_finished_ms=executor.integer("keep_finished_hours", 72, least=1) * 3_600_000,
        symbols=_symbols(config),
        order_gone_after_ms=executor.integer("order_gone_after_ms", 3_600_000, least=_least_gone_after_ms(venue)),
        metrics=executor.optional_address("metrics"),
    )
    venue.refuse_unread()
    executor.refuse_unread()
    return settings


def _requests_per_second(executor: Table, venue: VenueSettings) -> int | None:
    """Returns no request rate for a venue whose requests have weights, unless the config sets one."""
    name = "requests_per_second"
    if venue.weights and name not in executor.names():
        return None
    return executor.integer(name, _REQUESTS_PER_SECOND, least=1)


def _least_gone_after_ms(venue: Table) -> int:
    """Returns the least `order_gone_after_ms`; lower for a simex on this machine, which drops orders on command."""
    local = is_loopback(urlsplit(venue.text("base_url", "")).hostname or "")
    return _LOCAL_GONE_AFTER_MS if local else _REAL_GONE_AFTER_MS


def _weight_share(executor: Table) -> int:
    percent = executor.integer("weight_share_percent", DEFAULT_SHARE, least=LEAST_SHARE)
    if percent > LARGEST_SHARE:
        remedy = f"at most {LARGEST_SHARE}: others use the address too, and going over the limit ends in a ban"
        raise ConfigError(executor.field("weight_share_percent"), percent, remedy)
    return percent


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


def read_venue(venue: Table, environment: Mapping[str, str], chosen_row: str = "") -> VenueSettings:
    """Reads the table `venue` together with the venue's profile. Raises ConfigError."""
    base_url = venue.text("base_url", "").rstrip("/")
    parts = urlsplit(base_url)
    if base_url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ConfigError(venue.field("base_url"), base_url, "give a URL such as http://127.0.0.1:8080")
    local = is_loopback(parts.hostname or "")
    exchange, sandbox = venue.text("exchange"), venue.flag("sandbox", default=False)
    row = find_profile(chosen_row, profile_name(exchange, sandbox=sandbox, moved=bool(base_url), local=local), exchange)
    known = policy(row, exchange)
    lag_ms = max(_LOCAL_LAG_MS if local else _REAL_LAG_MS, known.least_lag_ms)
    return VenueSettings(
        exchange=exchange,
        base_url=base_url,
        sandbox=sandbox,
        recv_window_ms=venue.integer("recv_window_ms", 5_000, least=100),
        requests_expire=known.requests_expire,
        visibility_lag_ms=venue.integer("visibility_lag_ms", lag_ms, least=0),
        request_timeout_ms=venue.integer("request_timeout_ms", 10_000, least=100),
        credentials=_credentials(environment, local=local),
        known_from=known.sentence,
        weights=known.weights,
        rate_limits=known.rate_limits,
    )


def is_loopback(host: str) -> bool:
    """Returns whether a host name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _credentials(environment: Mapping[str, str], *, local: bool) -> Credentials:
    """Reads the keys from the variable, or from the file that its _FILE twin names.

    A venue on this machine has a default.
    """
    key, secret = (_variable(environment, name) for name in (_KEY, _SECRET))
    if key and secret:
        return Credentials(key, secret)
    if local and not key and not secret:
        return Credentials("simex", "simex")
    missing = _SECRET if key else _KEY
    raise ConfigError(f"environment variable {missing}", MISSING, f"set it, or {missing}_FILE to the path of its file")


def _variable(environment: Mapping[str, str], name: str) -> str:
    path = environment.get(f"{name}_FILE", "")
    if not path:
        return environment.get(name, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"environment variable {name}_FILE", path, f"the file cannot be read ({error.strerror}); give one that can"
        ) from error
