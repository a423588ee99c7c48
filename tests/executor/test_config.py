"""Settings: what is asked for is read, what is wrong is named, and keys show in no text."""

import re
from pathlib import Path
from typing import Any

import pytest

from executor.config import Settings, read_settings
from gridservice.config_file import ConfigError, Table

KEYS = {"GRIDWRIGHT_API_KEY": "the-key", "GRIDWRIGHT_API_SECRET": "the-secret"}


def config(tmp_path: Path, **venue: Any) -> dict[str, Any]:
    return {
        "venue": {"exchange": "binance"} | venue,
        "executor": {"data_dir": str(tmp_path)},
        "grids": [{"symbol": "BTC/USDT"}, {"symbol": "ETH/USDT"}],
    }


def read(values: dict[str, Any], environment: dict[str, str] | None = None) -> Settings:
    return read_settings(Table(values), KEYS if environment is None else environment)


def test_a_real_venue_has_its_defaults(tmp_path: Path) -> None:
    settings = read(config(tmp_path))
    assert settings.symbols == ("BTC/USDT", "ETH/USDT")
    assert settings.venue.visibility_lag_ms == 10_000
    assert settings.venue.credentials.api_key == "the-key"
    assert settings.ledger_url == f"sqlite:///{tmp_path}/ledger.sqlite"


def test_a_venue_on_this_machine_needs_no_keys(tmp_path: Path) -> None:
    settings = read(config(tmp_path, base_url="http://127.0.0.1:8080/"), {})
    assert settings.venue.base_url == "http://127.0.0.1:8080"
    assert (settings.venue.credentials.api_key, settings.venue.credentials.secret) == ("simex", "simex")
    assert settings.venue.visibility_lag_ms == 2_000


def test_keys_may_lie_in_files(tmp_path: Path) -> None:
    key, secret = tmp_path / "key", tmp_path / "secret"
    key.write_text("from-a-file\n", encoding="utf-8")
    secret.write_text("also-from-a-file\n", encoding="utf-8")
    environment = {"GRIDWRIGHT_API_KEY_FILE": str(key), "GRIDWRIGHT_API_SECRET_FILE": str(secret)}
    credentials = read(config(tmp_path), environment).venue.credentials
    assert (credentials.api_key, credentials.secret) == ("from-a-file", "also-from-a-file")


def test_nothing_that_is_secret_is_in_a_repr(tmp_path: Path) -> None:
    values = config(tmp_path)
    values["executor"]["database_url"] = "postgresql+psycopg://user:a-password@127.0.0.1/ledger"
    shown = repr(read(values))
    assert not any(secret in shown for secret in ("the-key", "the-secret", "a-password"))


@pytest.mark.parametrize(
    ("change", "environment", "sentence"),
    [
        pytest.param({}, {}, "GRIDWRIGHT_API_KEY is missing", id="no-keys"),
        pytest.param({}, {"GRIDWRIGHT_API_KEY": "a"}, "GRIDWRIGHT_API_SECRET is missing", id="half-a-key"),
        pytest.param({}, {"GRIDWRIGHT_API_KEY_FILE": "/no/such"}, "GRIDWRIGHT_API_KEY_FILE", id="no-such-file"),
        pytest.param({"base_url": "127.0.0.1:80"}, KEYS, "venue.base_url = '127.0.0.1:80'", id="no-url"),
        pytest.param({"recv_window_ms": 0}, KEYS, "venue.recv_window_ms = 0", id="no-window"),
        pytest.param({"recv_windw_ms": 1}, KEYS, "venue.recv_windw_ms = 1: no such setting", id="misspelt"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, change: dict[str, Any], environment: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)) as refused:
        read(config(tmp_path, **change), environment)
    assert "the-secret" not in str(refused.value)


def test_symbols_are_given_once_each(tmp_path: Path) -> None:
    values = config(tmp_path)
    with pytest.raises(ConfigError, match=r"grids is missing"):
        read(values | {"grids": []})
    with pytest.raises(ConfigError, match=r"grids.symbol = 'A/B': give each symbol one grid"):
        read(values | {"grids": [{"symbol": "A/B"}, {"symbol": "A/B"}]})


def test_an_order_may_be_given_up_sooner_on_a_venue_of_this_machine(tmp_path: Path) -> None:
    wish = {"data_dir": str(tmp_path), "order_gone_after_ms": 10_000}
    local = read(config(tmp_path, base_url="http://127.0.0.1:8080") | {"executor": wish})
    assert local.limits.order_gone_after_ms == 10_000
    with pytest.raises(ConfigError, match="order_gone_after_ms"):
        read(config(tmp_path) | {"executor": wish})
