"""Database URLs: read from the environment or the config, shown without their password."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from gridservice.config_file import ConfigError, Table

VARIABLE = "DATABASE_URL"
_DRIVER = "postgresql+psycopg"
_ACCEPTED = frozenset({"postgres", "postgresql", _DRIVER})
_REMEDY = "give postgresql://user:password@host:port/name, or leave it out for SQLite in the data folder"


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """`url` None: SQLite in the service's data folder. `wait_seconds`: how long startup waits for a server."""

    url: sa.URL | None = field(default=None, repr=False)
    wait_seconds: int = 30


def read_database(config: Table, own: Table, environment: Mapping[str, str]) -> DatabaseSettings:
    """Reads DATABASE_URL (or the file that DATABASE_URL_FILE names), the service's `database_url`, or `database.url`.

    The first one that is set counts. Raises ConfigError, whose message does not contain the URL's password.
    """
    shared = config.table("database")
    wait_seconds = shared.integer("wait_seconds", 30, least=0)
    found = {
        f"environment variable {VARIABLE}": _variable(environment),
        own.field("database_url"): own.text("database_url", ""),
        shared.field("url"): shared.text("url", ""),
    }
    shared.refuse_unread()
    for name, text in found.items():
        if text:
            return DatabaseSettings(parse_url(text, name), wait_seconds)
    return DatabaseSettings(None, wait_seconds)


def parse_url(text: str, name: str) -> sa.URL:
    """Parses a URL for SQLAlchemy. Raises ConfigError, naming the setting, unless it is a full Postgres URL."""
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(name, _without_credentials(text), _REMEDY) from None
    if url.drivername not in _ACCEPTED or not url.database:
        raise ConfigError(name, _without_credentials(text), _REMEDY)
    return url.set(drivername=_DRIVER)


def shown(url: sa.URL) -> str:
    """Returns the URL without user and password: `postgresql://host:port/name`."""
    host = url.host or str(url.query.get("host", "localhost"))
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{host}{port}/{url.database}"


def _without_credentials(text: str) -> str:
    return text.rpartition("@")[2].partition("?")[0]


def _variable(environment: Mapping[str, str]) -> str:
    path = environment.get(f"{VARIABLE}_FILE", "")
    if not path:
        return environment.get(VARIABLE, "").strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"environment variable {VARIABLE}_FILE",
            path,
            f"the file cannot be read ({error.strerror}); give one that can",
        ) from error
