"""The grid is checked against every limit of the venue at startup; messages have the numbers and name units."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.grid.grid_checks import check_grid
from gridcore.model.config import GridMode, Spacing
from gridcore.model.errors import GridRefusedError
from gridtesting.grids import MARKET, grid

D = Decimal


@pytest.mark.parametrize(
    ("limits", "settings", "sentence"),
    [
        pytest.param(
            {"max_quantity": D("900000000")},
            {"base_per_slot": D(10**9), "quote_per_slot": None},
            "its opening order of 1000000000 BTC at .* is over the venue's maximum of 900000000 BTC: lower quote_per",
            id="LOT_SIZE maxQty",
        ),
        pytest.param(
            {"max_notional": D(99)}, {}, "is worth 99.* USDT, over the venue's maximum of 99 USDT", id="NOTIONAL"
        ),
        pytest.param(
            {"max_position": D("0.001")},
            {},
            "over the 0.001 BTC that the venue lets an account hold",
            id="MAX_POSITION",
        ),
        pytest.param(
            {"min_price": D(59500)}, {}, "at 5.* is below the venue's lowest price of 59500", id="PRICE_FILTER minPrice"
        ),
        pytest.param(
            {"max_price": D(60100)},
            {},
            "closing order .* at 60.* is above the venue's highest price of 60100",
            id="PRICE_FILTER maxPrice",
        ),
        pytest.param(
            {"max_orders": 7},
            {},
            "buy_window = 3 and sell_window = 3, each with window_slack = 1, can have 8 orders open at once, and the "
            "venue allows 7 in BTC/USDT: reduce the windows",
            id="MAX_NUM_ORDERS",
        ),
    ],
)
def test_a_limit_that_the_grid_breaks_refuses_it_with_the_numbers(
    limits: dict[str, object], settings: dict[str, object], sentence: str
) -> None:
    check_grid(grid(**settings), MARKET)

    with pytest.raises(GridRefusedError, match=sentence):
        check_grid(grid(**settings), replace(MARKET, **limits))  # type: ignore[arg-type]  # the test says what it means


def test_a_grid_inside_of_every_limit_is_taken() -> None:
    roomy = replace(
        MARKET, max_quantity=D(1), max_notional=D(1000), min_price=D("0.01"), max_price=D(10**6), max_position=D(1),
        max_orders=8,
    )  # fmt: skip

    check_grid(grid(), roomy)


@pytest.mark.parametrize("mode", GridMode)
@pytest.mark.parametrize("bounded", [False, True], ids=["endless", "with lower and upper"])
def test_a_geometric_interval_of_100_is_refused_with_its_unit(mode: GridMode, *, bounded: bool) -> None:
    ends = {"lower": D(50_000), "upper": D(70_000)} if bounded else {}
    wrong = grid(mode, spacing=Spacing.GEOMETRIC, interval=D(100), **ends)

    with pytest.raises(GridRefusedError, match=r"of the price, 10000 % of it: 0.01 is 1 %; for levels 100 USDT"):
        check_grid(wrong, MARKET)


@pytest.mark.parametrize("bounded", [False, True], ids=["endless", "with lower and upper"])
@pytest.mark.parametrize("interval", [D("0.005"), D("0.01")])
def test_a_fraction_with_arithmetic_spacing_is_refused_with_its_unit(interval: Decimal, *, bounded: bool) -> None:
    ends = {"lower": D(50_000), "upper": D(70_000)} if bounded else {}

    with pytest.raises(GridRefusedError, match=r"difference in (USDT|quote) with spacing = ARITHMETIC"):
        check_grid(grid(interval=interval, **ends), MARKET)
