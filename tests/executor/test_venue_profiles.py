"""Venue profiles: read and written, shown in the docs, and their effect on the executor at startup."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from executor.config import Settings, read_settings
from executor.venue.limits.request_weights import RequestWeights
from executor.venue.profile import (
    ClientIds,
    Delay,
    Repeat,
    RepeatedId,
    Source,
    VenueProfile,
    packaged_profile,
    packaged_profiles,
    profile_values,
    read_profile,
)
from executor.venue.profile_page import page
from executor.venue.profile_policy import policy
from gridcore.model.ids import ALPHABET, LENGTH, client_order_id, id_prefix
from gridcore.model.orders import Role
from gridservice.config_file import ConfigError, Table
from simex.access.limits import LimitSettings
from simex.access.weights import WEIGHTS
from simex.protocol.params import Params

DOCUMENT = Path(__file__).parents[2] / "docs" / "venues.md"
LIMITS = LimitSettings()
KEYS = {"GRIDWRIGHT_API_KEY": "the-key", "GRIDWRIGHT_API_SECRET": "the-secret"}
OKX = VenueProfile("okx", "okx", Source.MEASURED, "2026-11-21", client_id=ClientIds(1, 32, "A-Z a-z 0-9"))


def written(row: VenueProfile, folder: Path) -> Path:
    path = folder / f"{row.venue}.toml"
    path.write_text(tomli_w.dumps(profile_values(row)), encoding="utf-8")
    return path


def started(tmp_path: Path, row: VenueProfile | str = "", **venue: Any) -> Settings:
    chosen = row if isinstance(row, str) else str(written(row, tmp_path))
    executor = {"data_dir": str(tmp_path)} | ({"venue_profile": chosen} if chosen else {})
    values = {"venue": {"exchange": "okx"} | venue, "executor": executor, "grids": [{"symbol": "BTC/USDT"}]}
    return read_settings(Table(values), KEYS)


def test_the_page_is_what_the_rows_give() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == page(packaged_profiles()), (
        "run: python -m executor.venue.profile_page > docs/venues.md"
    )


@pytest.mark.parametrize("row", packaged_profiles(), ids=lambda row: row.venue)
def test_a_profile_is_read_as_it_was_written(row: VenueProfile, tmp_path: Path) -> None:
    assert read_profile(written(row, tmp_path)) == row


def test_what_nobody_has_measured_is_said_to_be_documented() -> None:
    sources = {row.venue: row.source for row in packaged_profiles()}
    assert sources == {"binance": Source.DOCUMENTED, "simex": Source.MEASURED}


def test_a_venue_without_a_profile_has_cautious_defaults_and_a_sentence(tmp_path: Path) -> None:
    venue = started(tmp_path).venue
    assert (venue.request_window_ms, venue.visibility_lag_ms) == (None, 10_000)
    assert "no profile for okx" in venue.known_from


def test_a_venue_with_a_profile_says_where_it_is_from(tmp_path: Path) -> None:
    venue = started(tmp_path, exchange="binance").venue
    assert (venue.request_window_ms, venue.visibility_lag_ms) == (5_000, 10_000)
    assert venue.known_from.startswith("profile binance, documented")


@pytest.mark.parametrize(
    ("venue", "sentence"),
    [
        pytest.param({"sandbox": True}, "no profile for binance", id="a test network is another venue"),
        pytest.param({"base_url": "http://127.0.0.1:8080"}, "profile simex", id="simex is on this machine"),
        pytest.param({"base_url": "http://elsewhere:8080"}, "no profile for binance", id="an unknown server"),
    ],
)
def test_what_stands_in_binances_place_does_not_have_binances_profile(
    venue: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    assert started(tmp_path, exchange="binance", **venue).venue.known_from.startswith(sentence)


@pytest.mark.parametrize("expire", [True, False])
def test_the_profile_decides_whether_requests_expire(expire: bool, tmp_path: Path) -> None:
    venue = started(tmp_path, replace(OKX, requests_expire=expire)).venue
    assert venue.request_window_ms == (5_000 if expire else None)


def test_a_profile_that_does_not_know_whether_requests_expire_changes_nothing(tmp_path: Path) -> None:
    assert started(tmp_path, OKX).venue.request_window_ms is None
    unsure = replace(OKX, venue="b", exchange="binance")
    assert started(tmp_path, unsure, exchange="binance").venue.request_window_ms == 5_000


@pytest.mark.parametrize(("measured_ms", "lag_ms"), [(60_000, 60_000), (3, 10_000)], ids=["later", "never sooner"])
def test_a_measured_lag_makes_an_order_stay_in_doubt_for_longer_but_never_for_less(
    measured_ms: int, lag_ms: int, tmp_path: Path
) -> None:
    row = replace(OKX, visibility_lag_ms=measured_ms)
    assert started(tmp_path, row).venue.visibility_lag_ms == lag_ms
    assert started(tmp_path, row, visibility_lag_ms=700).venue.visibility_lag_ms == 700, "the config decides"


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        pytest.param(ClientIds(1, 27, "A-Z a-z 0-9"), "its client ids have 1 to 27 characters and ours 28", id="short"),
        pytest.param(ClientIds(34, 34, "A-Z a-z 0-9"), "have 34 to 34 characters and ours 28", id="long"),
        pytest.param(ClientIds(1, 36, "0-9 a-z"), "its client ids cannot hold our 'CO'", id="no capitals"),
    ],
)
def test_a_venue_that_cannot_take_our_ids_is_refused_at_the_start(
    ids: ClientIds, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        started(tmp_path, replace(OKX, client_id=ids))


def test_our_ids_are_of_the_characters_that_venues_are_asked_for() -> None:
    names = [client_order_id(id_prefix("bot", "A/B"), role, -7, 36**5 - 1, 36**8 - 1, 36**3 - 1) for role in Role]
    assert all(set(name) <= ALPHABET and len(name) == LENGTH for name in names)


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        pytest.param("krakn", "executor.venue_profile = 'krakn': no such profile", id="a name that is not there"),
        pytest.param("binance", "that profile is of binance, and venue.exchange is okx", id="another exchange's"),
        pytest.param("/no/such.toml", "the file cannot be read", id="a file that is not there"),
    ],
)
def test_a_row_that_cannot_be_chosen_is_refused(chosen: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        started(tmp_path, chosen)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"requests_expires": True}, "requests_expires = True: no such setting", id="misspelt"),
        pytest.param({"source": "rumour"}, "source = 'rumour': give one of measured, documented", id="source"),
        pytest.param({"repeated_id": {"open": "maybe"}}, "repeated_id.open = 'maybe': give one of", id="repeat"),
        pytest.param({"client_id": {"max_length": 36, "alphabet": "A-Z a-"}}, "'a-' is no character", id="alphabet"),
    ],
)
def test_a_row_that_cannot_be_understood_is_refused(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "okx.toml"
    path.write_text(tomli_w.dumps(profile_values(OKX) | change), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_profile(path)


def test_the_page_says_what_is_not_known_and_what_was_not_shown() -> None:
    slow = replace(
        OKX,
        repeated_id=RepeatedId(filled=Repeat.ACCEPTED),
        delays=(Delay("client id", 40, 30_000, 5, missed=2),),
    )
    text = page([slow])
    assert "| … first order filled | accepted, trades again |" in text
    assert "| requests expire | – |" in text
    assert "| okx | client id | 40 | more than 30000 (2 not shown) | 5 |" in text


def test_a_policy_without_a_row_expires_requests_on_binance_alone() -> None:
    assert [policy(None, name).requests_expire for name in ("binance", "binanceus", "okx")] == [True, True, False]


@pytest.mark.parametrize(("row", "exchange"), [("binance", "binance"), ("simex", "binance"), (None, "binance")])
def test_binance_its_test_network_and_simex_charge_what_the_table_says(row: str | None, exchange: str) -> None:
    known = policy(None if row is None else packaged_profile(row), exchange)
    ours = RequestWeights(known.weights)
    compared = 0
    for name, weigh in WEIGHTS.items():
        method, path = name.split()
        for sent in ({}, {"symbol": "BTCUSDT"}, {"symbol": "BTCUSDT", "orderId": "1"}):
            if ours.knows(name):
                assert ours.of(method, path, sent) == weigh(Params(sent)), (name, sent)
                compared += 1
    assert compared >= 30
    assert [limit.json for limit in (LIMITS.weight_limit, *LIMITS.order_limits)] == [
        {**limit.json, "limit": ours.most}
        for limit, ours in zip((LIMITS.weight_limit, *LIMITS.order_limits), known.rate_limits, strict=True)
    ]


def test_another_exchange_has_no_weights_and_keeps_its_requests_per_second() -> None:
    assert policy(None, "kraken").weights == {}
    assert RequestWeights({}).of("GET", "openOrders", {}) == 1


@pytest.mark.parametrize("key", ["openOrders", "GET openOrders by symbol", "GET openOrders without"])
def test_a_weight_of_another_form_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="METHOD path"):
        RequestWeights({key: 1})
