"""Database URLs: read from the environment or the config, shown without their password."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from gridcore.model.setting import Setting
from gridservice.config_file import ConfigError, Table, variable_or_file
from gridservice.settings import read_setting

VARIABLE = "DATABASE_URL"
_DRIVER = "postgresql+psycopg"
_ACCEPTED = frozenset({"postgres", "postgresql", _DRIVER})
_REMEDY = "give postgresql://user:password@host:port/name, or leave it out for SQLite in the data folder"


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """The database of a service. `url` None: SQLite in the service's data folder."""

    url: Annotated[
        sa.URL | None,
        Setting(
            "`postgresql://user:password@host:port/name`. It may hold a password: better in the environment, below"
        ),
    ] = field(default=None, repr=False)
    wait_seconds: Annotated[
        int, Setting("how long startup waits for a server that does not answer. Then exit code 6", least=0)
    ] = 30


@dataclass(frozen=True, slots=True)
class OwnDatabase:
    """The setting in a service's own section."""

    database_url: Annotated[str, Setting("as `database.url`, for the tables of this service alone")] = field(
        default="", repr=False
    )


def read_database(config: Table, own: Table, environment: Mapping[str, str]) -> DatabaseSettings:
    """Reads DATABASE_URL (or the file that DATABASE_URL_FILE names), the service's `database_url`, or `database.url`.

    The first one that is set counts. Raises ConfigError, whose message does not contain the URL's password.
    """
    shared = config.table("database")
    wait_seconds = read_setting(DatabaseSettings, "wait_seconds", shared)
    found = {
        f"environment variable {VARIABLE}": variable_or_file(environment, VARIABLE),
        own.field("database_url"): read_setting(OwnDatabase, "database_url", own),
        shared.field("url"): read_setting(DatabaseSettings, "url", shared),
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
