"""The budget: what opening orders may bind, and what others' orders leave of it."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.bookkeeping.settle import settle
from gridcore.grid.budget import budget_left
from gridcore.grid.grid_checks import check_grid
from gridcore.model.actions import Outcome
from gridcore.model.config import GridConfig, GridMode
from gridcore.model.errors import GridRefusedError
from gridcore.model.events import ConditionsSeen
from gridcore.model.state import ForeignOrders
from gridcore.quiet_band import quiet_band
from gridtesting.fakes.grid_driver import GridDriver, told
from gridtesting.grids import MARKET, grid

D = Decimal
BUYS = ["OPENING BUY 60000", "OPENING BUY 59700", "OPENING BUY 59400"]


def left(run: GridDriver) -> Decimal:
    found = budget_left(run.state, run.config)
    assert found is not None
    return found


def budgeted(budget: int, mode: GridMode = GridMode.LONG) -> GridConfig:
    return replace(grid(mode), budget=D(budget))


@pytest.mark.parametrize(("budget", "opened"), [(99, 0), (150, 1), (250, 2), (300, 3), (1000, 3)])
def test_what_goes_beyond_the_budget_is_not_opened_and_the_nearest_come_first(budget: int, opened: int) -> None:
    run = GridDriver(budgeted(budget))
    assert told(run.price_to("60150")) == BUYS[:opened]


def test_without_a_budget_nothing_bounds_the_openings() -> None:
    run = GridDriver()
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(3, D(10**9), D(10**9))))
    assert budget_left(run.state, run.config) is None
    assert told(run.price_to("60150")) == BUYS


def test_orders_of_others_take_from_the_budget_and_give_it_back() -> None:
    run = GridDriver(budgeted(310))
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(1, D(120), D(0))))
    assert told(run.price_to("60150")) == BUYS[:1]
    assert told(run.tick(1)) == []
    run.step(ConditionsSeen(run.now_ms, ForeignOrders()))
    assert told(run.tick(1)) == BUYS[1:]


@pytest.mark.parametrize(("mode", "taken"), [(GridMode.LONG, 120), (GridMode.SHORT, 70), (GridMode.NEUTRAL, 190)])
def test_of_others_those_count_that_take_from_the_balance_the_grid_opens_from(mode: GridMode, taken: int) -> None:
    run = GridDriver(budgeted(1000, mode))
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(2, D(120), D(70))))
    assert left(run) == 1000 - taken


def test_what_rests_stays_when_others_come() -> None:
    run = GridDriver(budgeted(310))
    run.price_to("60150")
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(1, D(300), D(0))))
    plan = run.tick(1)
    assert plan.actions == ()
    assert left(run) < 0
    assert len(run.resting()) == 3


def test_positions_and_orders_in_doubt_are_bound_too() -> None:
    run = GridDriver(budgeted(310))
    run.price_to("60150", Outcome.ACCEPTED, Outcome.UNKNOWN, Outcome.ACCEPTED)
    bound = 310 - left(run)
    assert D(297) < bound <= 300
    run.trade_to("59990")  # the first is bought, and its counter order rests
    held = 310 - left(run)
    assert abs(held - bound) < 1
    assert "OPENING BUY 59100" not in told(run.price_to("59710"))


def test_foreign_orders_are_noted_once_and_act_at_the_next_price() -> None:
    run = GridDriver(budgeted(310))
    seen = ConditionsSeen(run.now_ms, ForeignOrders(1, D(120), D(0)))
    plan = run.plan(seen)
    assert (plan.changes, plan.actions) == (True, ())
    run.state = settle(run.state, plan, [], MARKET)
    assert run.state.foreign == seen.foreign
    assert run.plan(seen).empty
    assert run.plan(seen) == run.plan(seen)


def test_the_quiet_band_ends_where_freed_budget_lets_orders_open() -> None:
    run = GridDriver(budgeted(310))
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(1, D(120), D(0))))
    run.price_to("60150")
    assert quiet_band(run.state, MARKET, run.config) is not None
    run.step(ConditionsSeen(run.now_ms, ForeignOrders()))
    assert quiet_band(run.state, MARKET, run.config) is None


def test_a_budget_in_which_no_slot_fits_is_refused_with_the_numbers() -> None:
    check_grid(budgeted(100), MARKET)
    with pytest.raises(GridRefusedError, match=r"budget = 90 is less than the 99\.\d+ USDT of the smallest slot"):
        check_grid(budgeted(90), MARKET)
