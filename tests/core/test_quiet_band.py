"""The quiet band: every price in it asks for nothing, and it is as wide as it can cheaply be."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcore.grid.ladder import ladder
from gridcore.model.actions import Outcome
from gridcore.model.config import GridMode, RiskConfig, Spacing
from gridcore.model.events import PriceChanged
from gridcore.model.state import Mode
from gridcore.quiet_band import quiet_band
from gridtesting.fakes.grid_driver import GridDriver
from gridtesting.grids import MARKET, grid

D = Decimal


def band_of(run: GridDriver) -> tuple[Decimal, Decimal] | None:
    return quiet_band(run.state, MARKET, run.config)


def test_before_the_first_price_nothing_is_quiet() -> None:
    assert band_of(GridDriver()) is None


def test_a_long_grid_is_quiet_between_its_next_buy_and_its_next_trail() -> None:
    run = GridDriver()
    run.price_to("60100")

    # Below 60000 the window would reach 59100; at 60300 it still reaches 59400, above it 60300 is to be bought.
    assert band_of(run) == (D(60000), D(60300))


def test_a_halted_grid_is_quiet_until_something_can_be_closed() -> None:
    run = GridDriver()
    run.price_to("60100")
    run.mode(Mode.SAFE)
    run.tick()
    run.hear()

    band = band_of(run)

    assert band is not None
    assert band[0] < D(57000) < D(63000) < band[1]


def test_the_memory_of_prices_cuts_the_band() -> None:
    run = GridDriver(grid(risk=RiskConfig(max_jump=D("0.01"))))
    run.price_to("60100")

    band = band_of(run)

    assert band == (D("60100") * (1 - D("0.00125")), D("60100") * (1 + D("0.00125")))


def test_a_position_beyond_its_limit_leaves_no_band() -> None:
    run = GridDriver(grid(risk=RiskConfig(max_position=D("0.002"))))
    run.price_to("60100")
    run.trade_to("59990")
    run.config = grid(risk=RiskConfig(max_position=D("0.001")))

    assert band_of(run) is None


def test_a_slot_that_waits_for_its_time_leaves_no_band() -> None:
    run = GridDriver()
    run.price_to("60100", Outcome.REJECTED)

    assert band_of(run) is None


@pytest.mark.parametrize("spacing", Spacing)
@pytest.mark.parametrize("mode", GridMode)
@settings(max_examples=40, deadline=None)
@given(
    walk=st.lists(st.integers(min_value=5_850_000, max_value=6_150_000), min_size=1, max_size=8),
    part=st.sampled_from([D("0.00002"), D("0.0005"), D(1)]),
    share=st.integers(min_value=1, max_value=999),
    limited=st.booleans(),
    tick=st.sampled_from([D("0.01"), D(7)]),
)
def test_every_price_in_the_band_asks_for_nothing(
    mode: GridMode, spacing: Spacing, walk: list[int], part: Decimal, share: int, *, limited: bool, tick: Decimal
) -> None:
    risk = RiskConfig(max_position=D("0.004") if limited else None, max_jump=D("0.5") if limited else None)
    interval = D(300) if spacing is Spacing.ARITHMETIC else D("0.005")
    run = GridDriver(grid(mode, spacing=spacing, interval=interval, risk=risk))
    for cents in walk:
        run.price_to(D(cents) / 100)
        for order in run.venue.live()[:1]:
            run.venue.fill(order.place.client_order_id, part)
        run.hear()
    # A venue may change its tick under a running grid: slots and orders then lie between the levels.
    run.market = replace(MARKET, tick_size=tick)

    band = quiet_band(run.state, run.market, run.config)

    if band is not None:
        levels = ladder(run.config, run.market)
        nearest = levels.lowest_above(band[0])
        prices = [band[0] + (band[1] - band[0]) * share / 1000, *map(levels.price, range(nearest, nearest + 5))]
        for price in prices:
            plan = run.plan(PriceChanged(run.now_ms, price))
            assert price >= band[1] or (plan.empty and plan.procedure is None), price
