"""Fees: the settings override the venue's rates, and the fees of fills are compared with the assumed ones."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.bookkeeping.fees import assumed, carried_fee, is_other, says_of
from gridcore.model.actions import Fill
from gridtesting.grids import MARKET, grid

D = Decimal


def fill(fee: str, asset: str, quantity: str = "0.01", *, maker: bool = True) -> Fill:
    return Fill("1", D(60_000), D(quantity), D(fee), asset, maker)


def test_the_settings_stand_above_the_venue() -> None:
    config = grid(maker_fee=D(0))

    assert assumed(MARKET, config) == replace(MARKET, maker_fee=D(0))
    assert assumed(MARKET, grid()) is MARKET


@pytest.mark.parametrize(
    ("traded", "fee", "other"),
    [
        pytest.param(fill("0.00001", "BTC"), "0.001", False, id="as assumed, in base"),
        pytest.param(fill("0.6", "USDT"), "0.001", False, id="as assumed, in quote"),
        pytest.param(fill("0.00002", "BTC"), "0.002", True, id="twice as much"),
        pytest.param(fill("0", "BTC"), "0", True, id="none at all"),
        pytest.param(fill("0.0000105", "BTC"), "0.00105", False, id="within a tenth"),
        pytest.param(fill("0.00000002", "BTC", "0.00001"), "0.002", False, id="cut to the last digit of a small fee"),
    ],
)
def test_a_fill_carries_the_fee_or_another(traded: Fill, fee: str, *, other: bool) -> None:
    assert carried_fee(traded, MARKET) == D(fee)
    assert is_other(traded, MARKET) is other


def test_a_fee_in_a_third_asset_says_nothing() -> None:
    assert carried_fee(fill("0.001", "BNB"), MARKET) is None
    assert is_other(fill("0.001", "BNB"), MARKET) is None


def test_the_sentence_says_whether_rounds_lose() -> None:
    price = D("60100")
    lost = says_of(D("0.003"), maker=True, market=MARKET, config=grid(), price=price)
    earned = says_of(D("0.0012"), maker=True, market=MARKET, config=grid(), price=price)

    assert "a maker fee of 0.3 %, and 0.1 % was assumed; each round LOSES money" in lost
    assert "rounds earn still" in earned
