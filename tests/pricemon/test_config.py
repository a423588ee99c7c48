"""What pricemon reads of a grid.toml, and what it says about one that it cannot use."""

from pathlib import Path

import pytest

from gridservice.config_file import ConfigError
from gridservice.shared_settings import Venue
from pricemon.ccxt_feed import build_exchange
from pricemon.config import FeedTimeouts, read_settings

GRID = '[[grids]]\nsymbol = "BTC/USDT"\n'
VENUE = '[venue]\nexchange = "binance"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "grid.toml"
    path.write_text(text)
    return path


def test_a_venue_and_a_grid_are_enough(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, VENUE + GRID))

    assert settings.venue == Venue("binance", base_url="", sandbox=False)
    assert settings.symbols == ("BTC/USDT",)
    assert (settings.address, settings.heartbeat_ms) == ("127.0.0.1:50051", 1_000)
    assert settings.patience == FeedTimeouts()


def test_each_symbol_is_monitored_once_and_other_services_sections_are_theirs(tmp_path: Path) -> None:
    text = f"""
        [orchestrator]
        anything = "goes"
        {VENUE}base_url = "http://127.0.0.1:8080"
        maker_fee = "0.001"
        [pricemon]
        address = "127.0.0.1:7"
        stale_after_ms = 200
        heartbeat_ms = 50
        {GRID}{GRID}
        [[grids]]
        symbol = "ETH/USDT"
        interval = "1"
    """

    settings = read_settings(written(tmp_path, text))

    assert settings.symbols == ("BTC/USDT", "ETH/USDT")
    assert (settings.address, settings.heartbeat_ms, settings.patience.stale_after_ms) == ("127.0.0.1:7", 50, 200)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        pytest.param(GRID, "venue.exchange is missing: ", id="no exchange"),
        pytest.param(VENUE, "grids = []: add at least one grid", id="no grid"),
        pytest.param(VENUE + "[[grids]]\n", "grids[0].symbol is missing: ", id="no symbol"),
        pytest.param(VENUE + 'sandbox = "no"\n' + GRID, "venue.sandbox = 'no': give true or false", id="not a flag"),
        pytest.param(
            VENUE + 'base_url = "localhost:80"\n' + GRID, "venue.base_url = 'localhost:80': give a URL", id="not a URL"
        ),
        pytest.param(
            VENUE + GRID + "[pricemon]\nstale_after = 5\n",
            "pricemon.stale_after = 5: no such setting; known here: address, heartbeat_ms",
            id="misspelt",
        ),
        pytest.param(
            VENUE + GRID + "[pricemon]\nstale_after_ms = 0\n",
            "pricemon.stale_after_ms = 0: give a whole number of at least 10",
            id="too small",
        ),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_settings(written(tmp_path, text))

    assert str(refused.value).startswith(sentence)


@pytest.mark.parametrize(
    ("venue", "sentence"),
    [
        pytest.param(
            Venue("binanse"),
            "venue.exchange = 'binanse': not an exchange that ccxt knows; did you mean binance",
            id="misspelt exchange",
        ),
        pytest.param(
            Venue("kraken", sandbox=True),
            "venue.sandbox = True: ccxt knows no test network of kraken; leave it out or set it to false",
            id="no test network",
        ),
    ],
)
def test_a_venue_that_ccxt_cannot_reach_is_refused_in_a_sentence(venue: Venue, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build_exchange(venue)

    assert str(refused.value).startswith(sentence)
