"""Where a service's database is: read from the environment or the config, and shown without its password."""

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
    """`url` None is SQLite in the service's data folder. `wait_seconds`: how long a start waits for a server."""

    url: sa.URL | None = field(default=None, repr=False)
    wait_seconds: int = 30


def read_database(config: Table, own: Table, environment: Mapping[str, str]) -> DatabaseSettings:
    """From DATABASE_URL (or the file that DATABASE_URL_FILE names), the service's `database_url`, or `database.url`.

    The first of them that is given counts.     Raises ConfigError; what it shows of a URL has no password in it.
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
    """The URL for SQLAlchemy. Raises ConfigError, naming the setting, where it is no Postgres URL with a database."""
    try:
        url = sa.make_url(text)
    except (ArgumentError, ValueError):
        raise ConfigError(name, _without_credentials(text), _REMEDY) from None
    if url.drivername not in _ACCEPTED or not url.database:
        raise ConfigError(name, _without_credentials(text), _REMEDY)
    return url.set(drivername=_DRIVER)


def shown(url: sa.URL) -> str:
    """What an operator may see of it: `postgresql://host:port/name`."""
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
