"""Client order ids: no two orders share one, and only ours are read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.model.errors import CoreError
from gridcore.model.ids import LENGTH, PREFIX_LENGTH, OrderName, client_order_id, id_prefix, parse_client_order_id
from gridcore.model.orders import Role

PREFIX = id_prefix("bot", "BTC/USDT")

names = st.builds(
    OrderName,
    prefix=st.just(PREFIX),
    role=st.sampled_from(Role),
    level=st.integers(min_value=-(36**5) // 2, max_value=36**5 // 2 - 1),
    epoch=st.integers(min_value=0, max_value=36**5 - 1),
    seq=st.integers(min_value=0, max_value=36**8 - 1),
    index=st.integers(min_value=0, max_value=36**3 - 1),
)


def written(name: OrderName) -> str:
    return client_order_id(name.prefix, name.role, name.level, name.epoch, name.seq, name.index)


@given(name=names)
def test_an_id_contains_what_it_was_made_of(name: OrderName) -> None:
    text = written(name)

    assert parse_client_order_id(text) == name
    assert len(text) == LENGTH
    assert re.fullmatch(r"[A-Za-z0-9]+", text)


@given(one=names, other=names)
def test_two_names_never_share_an_id(one: OrderName, other: OrderName) -> None:
    assert (written(one) == written(other)) is (one == other)


OURS = client_order_id(PREFIX, Role.OPENING, -3, 7, 42, 1)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("x-R4BD3S82abcdef", id="a broker's"),
        pytest.param(OURS + "0", id="too long"),
        pytest.param(OURS[:-1], id="too short"),
        pytest.param(OURS[:6] + "X" + OURS[7:], id="no such role"),
        pytest.param(OURS[:-3] + "0_1", id="an underscore, which int() skips"),
        pytest.param(OURS[:-3] + " 01", id="a blank, which int() strips"),
        pytest.param(OURS[:-3] + "+01", id="a plus, which int() takes"),
        pytest.param(OURS[:12] + "-0007" + OURS[17:], id="a minus, which int() takes"),
        pytest.param(OURS[:-3] + "00A", id="an upper case digit, which we never write"),
        pytest.param(OURS[:-3] + "00١", id="a digit of another script"),
        pytest.param("é" + OURS[1:], id="a prefix in no alphabet of ours"),
        pytest.param(OURS[:17] + "é" + OURS[18:], id="a letter of another alphabet"),
    ],
)
def test_an_id_of_somebody_else_is_not_read(text: str) -> None:
    assert parse_client_order_id(text) is None


@pytest.mark.parametrize(
    ("level", "epoch", "seq", "index"),
    [(36**5, 1, 1, 1), (-(36**5), 1, 1, 1), (0, -1, 1, 1), (0, 36**5, 1, 1), (0, 1, 36**8, 1), (0, 1, 1, 36**3)],
    ids=["level above", "level below", "epoch below", "epoch above", "seq above", "index above"],
)
def test_a_number_that_does_not_fit_is_refused_and_not_cut(level: int, epoch: int, seq: int, index: int) -> None:
    with pytest.raises(CoreError, match="does not fit"):
        client_order_id(PREFIX, Role.OPENING, level, epoch, seq, index)


def test_bots_and_symbols_have_prefixes_of_their_own() -> None:
    prefixes = [id_prefix("bot", "BTC/USDT"), id_prefix("bot", "ETH/USDT"), id_prefix("tob", "BTC/USDT")]

    assert len(set(prefixes)) == len(prefixes)
    assert all(re.fullmatch(rf"g[0-9a-z]{{{PREFIX_LENGTH - 1}}}", prefix) for prefix in prefixes)
    assert id_prefix("bot", "BTC/USDT") == PREFIX, "it is the same after a restart"
