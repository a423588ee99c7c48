"""Rounding has a direction, and the venue's minimums have edges."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.model.money import canonical
from gridtesting.grids import MARKET

D = Decimal

steps = st.sampled_from([D(1), D("0.01"), D("0.05"), D("0.0005"), D("0.00000001"), D("2.5"), D("0.0007")])
values = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=18)


@pytest.mark.parametrize(
    ("value", "down", "up"),
    [
        pytest.param("59999.999", "59999.99", "60000", id="between two ticks"),
        pytest.param("59999.99", "59999.99", "59999.99", id="on a tick"),
        pytest.param("0.001", "0", "0.01", id="under the first tick"),
        pytest.param("-0.001", "-0.01", "0", id="below zero, where a ladder may end"),
    ],
)
def test_a_price_rounds_to_the_tick_in_the_direction_that_is_asked_for(value: str, down: str, up: str) -> None:
    assert canonical(MARKET.price_down(D(value))) == down
    assert canonical(MARKET.price_up(D(value))) == up


@given(value=values, step=steps)
def test_rounding_stays_within_a_step_and_on_its_side(value: Decimal, step: Decimal) -> None:
    market = replace(MARKET, tick_size=step, lot_size=step)

    down, up = market.price_down(value), market.price_up(value)

    assert down <= value <= up
    assert up - down in {0, step}
    assert down % step == 0
    assert up % step == 0
    assert market.quantity_down(value) == down


def test_a_quantity_of_many_digits_is_never_rounded_up() -> None:
    # Its quotient has more digits than a Decimal keeps: the rounding of the division must not become a whole lot.
    market = replace(MARKET, lot_size=D("0.0005"))

    assert market.quantity_down(D("0.9999999999999999999999999999")) == D("0.9995")


@pytest.mark.parametrize(
    ("quantity", "price", "tradable"),
    [
        pytest.param("0.00010", "50000", True, id="exactly the minimum notional"),
        pytest.param("0.00010", "49999.99", False, id="a cent under it"),
        pytest.param("0.00001", "500000", True, id="exactly the minimum quantity"),
        pytest.param("0.000009", "5000000", False, id="under the minimum quantity"),
        pytest.param("0", "50000", False, id="nothing"),
        pytest.param("-0.01", "50000", False, id="less than nothing"),
    ],
)
def test_an_order_is_tradable_from_the_minimums_on(quantity: str, price: str, *, tradable: bool) -> None:
    assert MARKET.tradable(D(quantity), D(price)) is tradable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.500", "1.5"),
        ("100", "100"),
        ("1E+3", "1000"),
        ("1E-8", "0.00000001"),
        ("-0.00", "0"),
        ("0.0", "0"),
        ("-1.10", "-1.1"),
    ],
)
def test_a_decimal_has_one_way_to_be_written(value: str, text: str) -> None:
    assert canonical(D(value)) == text
