"""The ladder: strictly rising prices on the tick, and which level lies next to a price."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.grid.ladder import Ladder
from gridcore.model.config import GridConfig, GridMode, Spacing
from gridcore.model.orders import Side
from gridtesting.grids import MARKET, grid

D = Decimal


@st.composite
def configs(draw: st.DrawFn) -> GridConfig:
    anchor = D(draw(st.integers(min_value=1_000, max_value=10_000_000))) / 100
    if draw(st.booleans()):
        interval = D(draw(st.integers(min_value=10, max_value=50_000))) / 1000
        return grid(anchor=anchor, interval=interval)
    # Wide enough for a tick even at the lowest level that these tests look at.
    return grid(
        anchor=anchor, interval=D(draw(st.integers(min_value=5, max_value=200))) / 1000, spacing=Spacing.GEOMETRIC
    )


@given(config=configs(), level=st.integers(min_value=-20, max_value=200))
def test_levels_rise_strictly_and_lie_on_the_tick(config: GridConfig, level: int) -> None:
    ladder = Ladder(config, MARKET)

    low, high = ladder.price(level), ladder.price(level + 1)

    if config.spacing is Spacing.ARITHMETIC or low * config.interval >= MARKET.tick_size:
        assert low < high
    assert low <= high
    assert low % MARKET.tick_size == 0


@given(config=configs(), share=st.integers(min_value=20, max_value=500))
def test_the_neighbours_of_a_price_are_its_neighbours(config: GridConfig, share: int) -> None:
    ladder, price = Ladder(config, MARKET), config.anchor * share / 100

    below, above = ladder.highest_below(price), ladder.lowest_above(price)

    assert ladder.price(below) < price <= ladder.price(below + 1)
    assert ladder.price(above - 1) <= price < ladder.price(above)


@given(config=configs(), level=st.integers(min_value=-20, max_value=200))
def test_a_level_is_its_own_neighbour_on_neither_side(config: GridConfig, level: int) -> None:
    ladder = Ladder(config, MARKET)
    price = ladder.price(level)
    if price <= 0:
        return

    assert ladder.price(ladder.highest_below(price)) < price < ladder.price(ladder.lowest_above(price))


@pytest.mark.parametrize(
    ("spacing", "interval", "prices"),
    [
        pytest.param(Spacing.ARITHMETIC, "300", ["59400", "59700", "60000", "60300"], id="arithmetic"),
        pytest.param(Spacing.ARITHMETIC, "0.015", ["59999.97", "59999.98", "60000", "60000.01"], id="off the tick"),
        pytest.param(Spacing.GEOMETRIC, "0.01", ["58817.76", "59405.94", "60000", "60600"], id="geometric"),
    ],
)
def test_levels_around_the_anchor_have_these_prices(spacing: Spacing, interval: str, prices: list[str]) -> None:
    ladder = Ladder(grid(spacing=spacing, interval=D(interval)), MARKET)

    assert [ladder.price(level) for level in range(-2, 2)] == [D(price) for price in prices]


@pytest.mark.parametrize(
    ("mode", "level", "side", "closing"),
    [
        pytest.param(GridMode.LONG, 1, Side.BUY, "60600", id="long above the anchor"),
        pytest.param(GridMode.LONG, -1, Side.BUY, "60000", id="long below it"),
        pytest.param(GridMode.SHORT, -1, Side.SELL, "59400", id="short below it"),
        pytest.param(GridMode.NEUTRAL, -1, Side.BUY, "60000", id="neutral buys below the anchor"),
        pytest.param(GridMode.NEUTRAL, 1, Side.SELL, "60000", id="neutral sells above it"),
    ],
)
def test_a_slot_opens_by_its_mode_and_closes_one_level_on(mode: GridMode, level: int, side: Side, closing: str) -> None:
    slot = Ladder(grid(mode), MARKET).slot(level)

    assert slot is not None
    assert (slot.opening_side, slot.closing_price) == (side, D(closing))


def test_a_neutral_grid_opens_nothing_at_its_anchor() -> None:
    assert Ladder(grid(GridMode.NEUTRAL), MARKET).slot(0) is None


@pytest.mark.parametrize(("level", "there"), [(-3, False), (-2, True), (1, True), (2, False)])
def test_a_range_includes_its_ends_and_nothing_beyond(level: int, *, there: bool) -> None:
    ladder = Ladder(grid(lower=D(59400), upper=D(60300)), MARKET)

    assert (ladder.slot(level) is not None) is there


@pytest.mark.parametrize("mode", GridMode)
def test_levels_that_the_tick_cannot_distinguish_make_one_slot(mode: GridMode) -> None:
    # Half a per cent of 1.00 is half a tick: below it, neighbouring levels share a price.
    ladder = Ladder(grid(mode, anchor=D(100), interval=D("0.005"), spacing=Spacing.GEOMETRIC), MARKET)
    levels = range(ladder.highest_below(D("0.5")), ladder.lowest_above(D("1.5")))

    slots = [slot for level in levels if (slot := ladder.slot(level)) is not None]

    assert len({slot.key for slot in slots}) == len(slots) > 10
    assert all((slot.closing_price - slot.price) * slot.opening_side.sign > 0 for slot in slots)


@pytest.mark.parametrize("level", [-200, -199, -201], ids=["at zero", "closing at zero", "below zero"])
def test_no_slot_opens_or_closes_at_a_price_that_is_none(level: int) -> None:
    assert Ladder(grid(GridMode.SHORT), replace(MARKET, min_notional=D(0))).slot(level) is None


@pytest.mark.parametrize(
    ("size", "quantity"),
    [
        pytest.param({"quote_per_slot": D(100)}, "0.00166", id="quote, rounded down to the lot"),
        pytest.param({"quote_per_slot": None, "base_per_slot": D("0.001666")}, "0.00166", id="base, rounded down too"),
    ],
)
def test_a_slot_opens_with_its_size_rounded_down(size: dict[str, object], quantity: str) -> None:
    assert Ladder(grid(**size), MARKET).opening_quantity(D(60000)) == D(quantity)


def test_neighbours_stay_strict_where_levels_share_a_price() -> None:
    ladder = Ladder(grid(anchor=D(100), interval=D("0.001"), spacing=Spacing.GEOMETRIC), MARKET)

    assert ladder.price(ladder.lowest_above(D("0.5"))) == D("0.51")
    assert ladder.price(ladder.highest_below(D("0.5"))) == D("0.49")
