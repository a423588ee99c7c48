"""Conditions that change while a grid trades: funds as they are kept, rules that move, rules that do not fit."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.bookkeeping.conditions import news
from gridcore.grid.funds import needed, present, steady, to_record
from gridcore.model.events import ConditionsSeen, EnterSafeMode, ExitSafeMode
from gridcore.model.orders import Role
from gridcore.model.state import ForeignOrders, Funds, Mode, Rule
from gridtesting.fakes.grid_driver import GridDriver, cancels, told
from gridtesting.grids import MARKET, grid

D = Decimal
AMPLE = Funds(D(0), D(1_000_000))


def see_rules(run: GridDriver, **changes: object) -> None:
    """The venue's rules are others from now on."""
    run.market = replace(run.market, **changes)  # type: ignore[arg-type]  # the test says what it means
    run.step(ConditionsSeen(run.now_ms, run.state.foreign, run.state.funds, run.market))


# -- funds


def test_ample_funds_are_no_news() -> None:
    run = GridDriver()
    run.price_to("60100")

    assert to_record(run.state, MARKET, run.config, AMPLE) is None
    assert news(run.state, MARKET, at_ms=1, rules=MARKET, foreign=ForeignOrders(), funds=None) is None


def test_scarce_funds_are_kept_so_that_our_own_fills_do_not_change_them() -> None:
    run = GridDriver()
    run.price_to("60100")
    shown = Funds(D("0.5"), D(250))
    kept = to_record(run.state, MARKET, run.config, shown)
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), kept))

    run.trade_to("59990")

    quantity = D("0.00166")
    after = Funds(D("0.5") + quantity * D("0.999"), D(250) - quantity * 60000)
    assert present(run.state) == after
    assert to_record(run.state, MARKET, run.config, after) == kept, "a look that sees our fill finds nothing new"


def test_what_is_needed_is_every_opening_of_the_windows_and_every_closing() -> None:
    run = GridDriver(grid(buy_window=3, window_slack=1))
    run.price_to("60100")
    assert needed(run.state, MARKET, run.config) == Funds(D(0), D(400))

    run.trade_to("59990")

    assert needed(run.state, MARKET, run.config).base == run.slot("60000").position


def test_others_moves_in_the_asset_that_is_not_scarce_are_no_news() -> None:
    run = GridDriver()
    run.price_to("60100")
    kept = to_record(run.state, MARKET, run.config, Funds(D(5), D(250)))
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), kept))

    assert to_record(run.state, MARKET, run.config, Funds(D(7), D(250))) == kept
    assert to_record(run.state, MARKET, run.config, Funds(D(7), D(240))) != kept


@pytest.mark.parametrize(
    ("earlier", "later", "agreed"),
    [
        pytest.param(90, 90, 90, id="both lower"),
        pytest.param(80, 90, 90, id="both lower, the nearer counts"),
        pytest.param(110, 130, 110, id="both higher"),
        pytest.param(90, 100, 100, id="back again: a fill that was seen too early"),
        pytest.param(90, 120, 100, id="one of each"),
    ],
)
def test_a_change_of_funds_counts_once_two_looks_have_found_it(earlier: int, later: int, agreed: int) -> None:
    before, first, second = (Funds(D(1), D(each)) for each in (100, earlier, later))

    assert steady(before, first, second) == Funds(D(1), D(agreed))


def test_funds_become_known_and_ample_again_by_two_looks_as_well() -> None:
    known = Funds(D(1), D(100))

    assert steady(None, None, known) is None
    assert steady(None, known, known) == known
    assert steady(known, known, None) == known
    assert steady(known, None, None) is None


# -- rules


def test_a_coarser_tick_moves_the_openings_and_leaves_the_closings_that_rest() -> None:
    run = GridDriver(grid(interval=D("300.05")))
    run.price_to("60100")
    run.trade_to("59999")
    run.price = D("60100")
    resting = [order.place.client_order_id for order in run.venue.live() if order.place.role is Role.CLOSING]
    assert [order for order in run.resting() if "SELL" in order] == ["SELL 60300.05"]

    see_rules(run, tick_size=D("0.1"))
    plan = run.tick()
    run.hear()

    assert {cancel.slot for cancel in cancels(plan)} == {"59699.95", "59099.85"}, "59399.9 is on the new tick"
    assert not set(resting) & {cancel.client_order_id for cancel in cancels(plan)}, "it fills as it is"
    assert all(order.place.price % D("0.1") == 0 for order in run.venue.live() if order.place.role is Role.OPENING)


def test_a_closing_that_is_placed_again_lies_on_the_new_tick_in_the_makers_favour() -> None:
    run = GridDriver(grid(interval=D("300.05"), buy_window=1))
    run.price_to("60100")
    (order,) = run.venue.live()
    run.venue.fill(order.place.client_order_id, order.remaining)
    run.price = D("60010")
    see_rules(run, tick_size=D("0.1"))

    assert "CLOSING SELL 60300.1" in told(run.hear())


def test_rules_that_the_grid_cannot_live_under_stop_it_and_let_it_go_again() -> None:
    run = GridDriver()
    run.price_to("60100")
    see_rules(run, min_notional=D(500))

    stop = run.tick().procedure
    assert isinstance(stop, EnterSafeMode)
    assert (stop.rule, stop.clears_itself) == (Rule.RULES_UNFIT, True)
    assert "under the venue's minimum of 500 USDT" in stop.reason
    run.mode(Mode.SAFE, Rule.RULES_UNFIT, clears_itself=True)
    for _ in range(20):
        assert run.tick(1_000).procedure is None, "while they do not fit"

    see_rules(run, min_notional=D(5))

    run.tick(1_000)
    assert isinstance(run.tick(run.config.risk.calm_ms).procedure, ExitSafeMode)


def test_a_fee_under_which_rounds_lose_stops_the_grid() -> None:
    run = GridDriver()
    run.price_to("60100")
    see_rules(run, maker_fee=D("0.003"))

    stop = run.tick().procedure

    assert isinstance(stop, EnterSafeMode)
    assert "after two maker fees of 0.3 %" in stop.reason


def test_an_order_limit_of_the_venue_that_shrinks_below_the_windows_stops_the_grid() -> None:
    run = GridDriver()
    run.price_to("60100")
    see_rules(run, max_orders=4)

    stop = run.tick().procedure

    assert isinstance(stop, EnterSafeMode)
    assert "the venue allows 4" in stop.reason
