"""Which database it is: the environment above the config, every way to write its address, and no password anywhere."""

from pathlib import Path
from typing import Any

import pytest

from griddb.urls import DatabaseSettings, parse_url, read_database, shown
from gridservice.config_file import ConfigError, Table

OWN, SHARED, VARIABLE = "postgresql://h/own", "postgresql://h/shared", "postgresql://h/variable"


def read(config: dict[str, Any], environment: dict[str, str]) -> DatabaseSettings:
    table = Table(config)
    return read_database(table, table.table("executor"), environment)


@pytest.mark.parametrize(
    ("config", "environment", "name"),
    [
        ({}, {}, None),
        ({"database": {"url": SHARED}}, {}, "shared"),
        ({"database": {"url": SHARED}, "executor": {"database_url": OWN}}, {}, "own"),
        ({"database": {"url": SHARED}, "executor": {"database_url": OWN}}, {"DATABASE_URL": VARIABLE}, "variable"),
    ],
    ids=["none", "shared", "the service's own", "the environment's"],
)
def test_the_environment_stands_above_the_config(
    config: dict[str, Any], environment: dict[str, str], name: str | None
) -> None:
    url = read(config, environment).url
    assert (None if url is None else url.database) == name


def test_the_address_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text(f"{VARIABLE}\n", encoding="utf-8")
    url = read({}, {"DATABASE_URL_FILE": str(secret)}).url
    assert url is not None
    assert url.database == "variable"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_scheme_is_understood(scheme: str) -> None:
    url = parse_url(f"{scheme}://user:p%40ss@host:5433/name?sslmode=require", "url")
    assert (url.drivername, url.password, url.port) == ("postgresql+psycopg", "p@ss", 5433)
    assert shown(url) == "postgresql://host:5433/name"


@pytest.mark.parametrize(
    "text",
    ["mysql://u:secret@host/name", "postgresql://u:secret@host", "u:secret@host/name", "postgres://u:se@cret@h:x/n"],
)
def test_what_is_no_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_url(text, "database.url")
    assert "database.url = " in str(refused.value)
    assert "postgresql://user:password@host" in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "se@cret" not in str(refused.value)


def test_settings_do_not_show_the_password() -> None:
    assert "secret" not in repr(read({"database": {"url": "postgresql://u:secret@h/n"}}, {}))


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"database\.ulr"):
        read({"database": {"ulr": SHARED}}, {})
