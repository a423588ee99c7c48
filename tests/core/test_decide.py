"""decide, one trigger at a time: what a grid places, cancels and leaves alone."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.model.actions import Outcome
from gridcore.model.config import GridMode, RiskConfig
from gridcore.model.events import EnterSafeMode, ModeChanged, OrdersUpdated, Ticked
from gridcore.model.ids import parse_client_order_id
from gridcore.model.orders import OrderStatus, OrderType, Role
from gridcore.model.slots import PositionStatus
from gridcore.model.state import Mode, Rule
from gridtesting.fakes.grid_driver import PREFIX, GridDriver, cancels, places, told
from gridtesting.grids import MARKET, grid

D = Decimal


def driver(mode: GridMode = GridMode.LONG, **changes: object) -> GridDriver:
    return GridDriver(grid(mode, **changes))


def bought(**changes: object) -> GridDriver:
    """A long grid whose slot at 60000 has bought and offers what it holds at 60300."""
    run = driver(GridMode.LONG, **changes)
    run.price_to("60100")
    run.trade_to("59990")
    return run


# -- opening


@pytest.mark.parametrize(
    ("mode", "price", "orders"),
    [
        pytest.param(GridMode.LONG, "60100", ["BUY 60000", "BUY 59700", "BUY 59400"], id="long"),
        pytest.param(GridMode.LONG, "60000", ["BUY 59700", "BUY 59400", "BUY 59100"], id="long, on a level"),
        pytest.param(GridMode.LONG, "66050", ["BUY 66000", "BUY 65700", "BUY 65400"], id="long, far from the anchor"),
        pytest.param(GridMode.SHORT, "60100", ["SELL 60300", "SELL 60600", "SELL 60900"], id="short"),
        pytest.param(GridMode.SHORT, "60300", ["SELL 60600", "SELL 60900", "SELL 61200"], id="short, on a level"),
        pytest.param(
            GridMode.NEUTRAL, "60100",
            ["SELL 60300", "BUY 59700", "SELL 60600", "BUY 59400", "SELL 60900"], id="neutral around the anchor",
        ),
        pytest.param(GridMode.NEUTRAL, "61000", ["SELL 61200", "SELL 61500", "SELL 61800"], id="neutral above it"),
        pytest.param(GridMode.NEUTRAL, "59000", ["BUY 58800", "BUY 58500", "BUY 58200"], id="neutral below it"),
    ],
)  # fmt: skip
def test_the_first_price_opens_the_window_nearest_first(mode: GridMode, price: str, orders: list[str]) -> None:
    plan = driver(mode).price_to(price)

    assert told(plan) == [f"OPENING {order}" for order in orders]
    assert {slot.price for slot in plan.new_slots} == {place.price for place in places(plan)}


def test_a_place_says_all_that_the_venue_and_the_ledger_need() -> None:
    run = driver(order_ttl_ms=30_000)

    place, *_ = places(run.price_to("60100"))

    assert (place.price, place.quantity, place.type) == (D(60000), D("0.00166"), OrderType.LIMIT_MAKER)
    assert (place.slot, place.not_after_ms) == ("60000", run.now_ms + 30_000)
    name = parse_client_order_id(place.client_order_id)
    assert name is not None
    assert (name.prefix, name.role, name.level, name.epoch, name.seq, name.index) == (PREFIX, Role.OPENING, 0, 1, 1, 0)


def test_a_grid_that_may_take_sends_plain_limits() -> None:
    assert {place.type for place in places(driver(post_only=False).price_to("60100"))} == {OrderType.LIMIT}


def test_a_range_opens_nothing_beyond_its_ends() -> None:
    assert told(driver(lower=D(59700), upper=D(60000)).price_to("61000")) == []
    assert told(driver(lower=D(59700), upper=D(60000)).price_to("60100")) == ["OPENING BUY 60000", "OPENING BUY 59700"]


def test_a_slot_that_could_not_be_closed_is_not_opened() -> None:
    run = GridDriver(grid(quote_per_slot=D(5), interval=D(6000), buy_window=2))

    # 5 / 54000 makes 0.00009 after rounding: 4.86, under the venue's minimum of 5. At 60000 it is 4.8.
    assert told(run.price_to("60100")) == []


def test_the_same_price_again_asks_for_nothing() -> None:
    run = driver()
    run.price_to("60100")

    assert run.price_to("60100").empty


# -- rounds


def test_a_filled_opening_order_gets_its_counter_order_one_level_on() -> None:
    run = driver()
    run.price_to("60100")

    plan = run.trade_to("59990")

    assert told(plan) == ["CLOSING SELL 60300", "OPENING BUY 59100"]
    assert places(plan)[0].quantity == D("0.00165"), "what was bought, less the fee in base, rounded down"


def test_a_short_slot_is_bought_back_one_level_down() -> None:
    run = driver(GridMode.SHORT)
    run.price_to("60100")

    plan = run.trade_to("60310")

    assert told(plan) == ["CLOSING BUY 60000", "OPENING SELL 61200"]
    assert places(plan)[0].quantity == D("0.00165"), "0.00166 of 100 at 60300, rounded down: all that was sold"


def test_a_closed_slot_opens_again() -> None:
    run = bought()

    plan = run.trade_to("60310")

    assert "OPENING BUY 60000" in told(plan)
    assert run.slot("60000").round == 1
    assert run.slot("60000").position_status is PositionStatus.DUST, "the fee in base leaves less than a lot"


def test_a_gap_over_many_levels_fills_the_window_and_closes_as_the_price_comes_back() -> None:
    run = driver()
    run.price_to("60100")

    down = run.trade_to("50000")
    assert told(down) == ["OPENING BUY 49800", "OPENING BUY 49500", "OPENING BUY 49200"]

    up = run.price_to("59000")
    assert told(up)[:2] == ["CLOSING SELL 59700", "OPENING BUY 58800"], "sells of the window only"
    assert len(cancels(up)) == 3, "the buys of the low do not stay behind"


def test_a_closing_order_that_the_price_has_passed_is_moved_to_the_makers_side() -> None:
    run = driver()
    run.price_to("60100")
    run.price = D("60450.5")
    run.venue.fill(run.venue.live()[0].place.client_order_id, D(1))

    plan = run.hear()

    assert told(plan)[0] == "CLOSING SELL 60450.51"


def test_a_short_closing_order_that_the_price_has_passed_is_moved_too() -> None:
    run = driver(GridMode.SHORT)
    run.price_to("60100")
    run.price = D("59850.5")
    run.venue.fill(run.venue.live()[0].place.client_order_id, D(1))

    assert told(run.hear())[0] == "CLOSING BUY 59850.49"


def test_a_grid_that_may_take_closes_at_its_own_price() -> None:
    run = driver(post_only=False)
    run.price_to("60100")
    run.price = D("60450.5")
    run.venue.fill(run.venue.live()[0].place.client_order_id, D(1))

    assert told(run.hear())[0] == "CLOSING SELL 60300"


def test_a_partly_filled_opening_order_is_left_alone_until_the_price_has_passed_its_closing() -> None:
    run = driver()
    run.price_to("60100")
    name = next(order.place.client_order_id for order in run.venue.live() if order.place.price == 60000)
    run.venue.fill(name, D("0.001"))

    assert not cancels(run.hear())
    assert not cancels(run.price_to("60299.99"))
    assert [each.client_order_id for each in cancels(run.price_to("60300"))] == [name]
    assert "CLOSING SELL 60300.01" in told(run.hear()), "the part that was bought is sold"


def test_a_part_too_small_to_sell_waits_for_more() -> None:
    run = driver()
    run.price_to("60100")
    name = next(order.place.client_order_id for order in run.venue.live() if order.place.price == 60000)
    run.venue.fill(name, D("0.00002"))
    run.hear()

    assert run.slot("60000").position_status is PositionStatus.DUST
    assert not cancels(run.price_to("60310"))


def test_dust_joins_the_next_closing_order() -> None:
    run = driver()
    run.price_to("60100")
    name = next(order.place.client_order_id for order in run.venue.live() if order.place.price == 60000)
    run.venue.fill(name, D("0.00002"))
    run.venue.end(name, OrderStatus.CANCELED)
    run.hear()
    run.tick(6_000)

    plan = run.trade_to("59990")

    # 0.00002 and 0.00166, each less 0.1 %
    assert next(place for place in places(plan) if place.role is Role.CLOSING).quantity == D("0.00167")


# -- the window trails, with hysteresis


def test_the_window_trails_a_rising_price() -> None:
    run = driver()
    run.price_to("60100")

    plan = run.price_to("60700")

    assert told(plan) == ["OPENING BUY 60600", "OPENING BUY 60300"]
    assert len(cancels(plan)) == 1, "59400 is beyond the window and its slack"
    run.hear()
    assert run.resting() == ["BUY 59700", "BUY 60000", "BUY 60300", "BUY 60600"]


def test_the_window_trails_a_falling_price_in_a_short_grid() -> None:
    run = driver(GridMode.SHORT)
    run.price_to("60100")

    plan = run.price_to("59500")

    assert told(plan) == ["OPENING SELL 59700", "OPENING SELL 60000"]
    run.hear()
    assert run.resting() == ["SELL 59700", "SELL 60000", "SELL 60300", "SELL 60600"]


def test_a_closing_order_far_from_the_price_is_taken_down_and_comes_back() -> None:
    run = bought()

    run.trade_to("58900")
    assert "SELL 60300" not in run.resting()
    assert run.slot("60000").position_status is PositionStatus.FILLED

    run.trade_to("59450")
    assert "SELL 60300" in run.resting()


@pytest.mark.parametrize("mode", GridMode)
@pytest.mark.parametrize("level", ["59700", "60000", "60300", "60600"])
def test_a_price_that_plays_around_a_level_causes_nothing(mode: GridMode, level: str) -> None:
    run = driver(mode)
    run.price_to("60100")
    for price in (D(level) - 20, D(level) + 20, D(level)):
        run.trade_to(price)

    for price in [D(level) - 20, D(level), D(level) + 20, D(level), D(level) - 20] * 3:
        # Orders at the level itself trade; all others stay where they are.
        run.trade_to(price)
        assert not cancels(run.tick(100))
    orders = set(run.venue.orders)
    for price in [D(level) - 20, D(level) + 20] * 5:
        run.price_to(price)
    assert len(set(run.venue.orders) - orders) <= 1


def test_slots_out_of_reach_leave_the_map_along_with_a_plan_that_has_orders() -> None:
    run = driver()
    run.price_to("60100")
    run.price_to("66100")
    run.hear()

    run.price_to("67000")

    assert min(run.state.slots, key=D) == "65400"


def test_a_price_that_comes_back_at_once_finds_its_cancelled_slots_again() -> None:
    run = driver()
    run.price_to("60100")
    run.price_to("60700")

    plan = run.price_to("60100")

    assert told(plan) == [], "59400 waits for the recorded end of its cancel"
    assert told(run.hear()) == ["OPENING BUY 59400"]


# -- limits


def test_a_position_limit_counts_what_could_still_fill() -> None:
    run = driver(risk=RiskConfig(max_position=D("0.004")))

    plan = run.price_to("60100")

    assert told(plan) == ["OPENING BUY 60000", "OPENING BUY 59700"], "three times 0.00166 would be too much"


def test_an_order_in_doubt_counts_against_the_limit() -> None:
    run = driver(risk=RiskConfig(max_position=D("0.0017")))
    run.price_to("60100", Outcome.UNKNOWN)

    assert run.price_to("60200").empty
    assert run.tick(60_000).empty


def test_a_position_that_others_will_close_makes_no_room_on_the_other_side() -> None:
    # Two shorts are open; their closing buys and the new opening buys can all fill before anything is sold again.
    run = driver(GridMode.NEUTRAL, risk=RiskConfig(max_position=D("0.004")), buy_window=8, sell_window=8)
    run.price_to("60100")
    run.trade_to("60650")
    assert run.state.totals.position < D("-0.003")

    for price in ("60100", "59990", "59500", "59000", "58500", "58000"):
        run.trade_to(price)
        run.tick(6_000)
        assert abs(run.state.totals.position) <= D("0.004")


# -- refusals, stale prices, modes


def test_a_refused_slot_rests_before_it_is_tried_again() -> None:
    run = driver(retry_after_ms=5_000)
    run.price_to("60100", Outcome.REJECTED)

    assert run.price_to("60101").empty
    assert run.tick(4_999).empty
    assert len(places(run.tick(1))) == 3


def test_a_refused_slot_rests_on_while_others_are_placed() -> None:
    run = driver(retry_after_ms=5_000)
    run.price_to("60100", Outcome.REJECTED, Outcome.ACCEPTED, Outcome.ACCEPTED)

    assert told(run.price_to("60310")) == ["OPENING BUY 60300"]
    assert told(run.price_to("60311")) == []


@pytest.mark.parametrize("outcome", [Outcome.NOT_SENT, Outcome.EXPIRED])
def test_what_was_not_sent_is_not_tried_again_at_every_price(outcome: Outcome) -> None:
    run = driver(retry_after_ms=5_000)
    run.price_to("60100", outcome)

    assert run.price_to("60101").empty
    assert len(places(run.tick(5_000))) == 3


def test_a_failed_cancel_rests_too() -> None:
    run = driver(retry_after_ms=5_000)
    run.price_to("60100")
    assert len(cancels(run.price_to("60700", Outcome.REJECTED))) == 1

    assert not cancels(run.price_to("60701"))
    assert len(cancels(run.tick(5_000))) == 1


def test_an_order_cancelled_manually_comes_back_after_a_pause() -> None:
    run = driver(retry_after_ms=5_000)
    run.price_to("60100")
    run.venue.end(run.venue.live()[0].place.client_order_id, OrderStatus.CANCELED)

    assert told(run.hear()) == []
    assert told(run.tick(5_000)) == ["OPENING BUY 60000"]


def test_a_stale_price_places_nothing_and_still_cancels() -> None:
    run = driver()
    run.price_to("60100")
    name = run.venue.live()[0].place.client_order_id
    run.venue.fill(name, D(1))
    late = OrdersUpdated(run.now_ms + 10_001, D("60700"), run.now_ms, tuple(run.venue.log))

    plan = run.plan(late)

    assert places(plan) == []
    assert len(cancels(plan)) == 1


def test_updates_that_come_with_a_jumped_price_are_booked_and_open_nothing() -> None:
    run = driver(risk=RiskConfig(max_jump=D("0.05")))
    run.price_to("60100")

    plan = run.trade_to("50000")

    assert places(plan) == []
    assert run.state.totals.fills == 3
    tripped = run.price_to("50000").procedure
    assert isinstance(tripped, EnterSafeMode)
    assert tripped.rule is Rule.PRICE_JUMP


def test_no_price_at_all_places_nothing() -> None:
    run = driver()

    assert run.plan(OrdersUpdated(run.now_ms, None, 0, ())).actions == ()


def test_a_silent_market_is_noticed_by_time_alone() -> None:
    run = driver()
    run.price_to("60100")

    procedure = run.plan(Ticked(run.now_ms + 10_001, D("60100"), run.now_ms)).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert procedure.rule is Rule.STALE_PRICE


def test_a_paused_grid_sends_nothing_and_books_everything() -> None:
    run = driver()
    run.price_to("60100")
    run.mode(Mode.PAUSED)

    assert run.price_to("62000").actions == ()
    assert run.trade_to("59000").actions == ()
    assert run.state.totals.fills == 3
    assert len(places(run.tick())) == 0
    run.mode(Mode.RUNNING)
    assert told(run.tick())[0] == "CLOSING SELL 59700"


@pytest.mark.parametrize("mode", [Mode.ENTERING, Mode.SAFE])
def test_a_halted_grid_cancels_its_openings_and_keeps_closing(mode: Mode) -> None:
    run = bought()
    run.mode(mode)

    plan = run.tick()
    run.hear()

    assert len(cancels(plan)) == 3
    assert run.resting() == ["SELL 60300"]
    run.trade_to("60310")
    assert run.resting() == []


def test_a_halted_grid_cancels_without_knowing_a_price() -> None:
    run = driver()
    run.price_to("60100")
    run.mode(Mode.ENTERING)

    assert len(cancels(run.plan(Ticked(run.now_ms, None, 0)))) == 3


def test_the_jump_that_stopped_a_grid_does_not_stop_it_again() -> None:
    run = driver(risk=RiskConfig(max_jump=D("0.05")))
    run.price_to("60100")
    assert run.price_to("50000").procedure is not None
    run.mode(Mode.SAFE, Rule.PRICE_JUMP)
    run.mode(Mode.RUNNING)

    assert run.price_to("50010").procedure is None


def test_a_pause_keeps_the_memory_of_prices() -> None:
    run = driver(risk=RiskConfig(max_jump=D("0.05")))
    run.price_to("60100")
    run.mode(Mode.PAUSED)
    run.mode(Mode.RUNNING)

    assert run.price_to("50000").procedure is not None


def test_a_mode_change_says_who_and_why() -> None:
    run = driver()
    run.step(ModeChanged(5, Mode.ENTERING, Rule.OPERATOR, "going home", "ann"))

    risk = run.state.risk
    assert (risk.mode, risk.rule, risk.reason, risk.by, risk.since_ms) == (
        Mode.ENTERING, Rule.OPERATOR, "going home", "ann", 5,
    )  # fmt: skip


# -- what changes under a running grid


def test_a_slot_that_the_config_no_longer_wants_closes_and_leaves() -> None:
    run = bought()
    run.config = replace(run.config, upper=D(59700))

    run.price_to("60200")
    run.hear()
    assert run.slot("60000").retiring
    run.trade_to("60310")
    run.price_to("60900")

    assert "60000" not in run.state.slots or run.slot("60000").position != 0


def test_a_venue_that_raises_its_minimum_makes_dust_of_small_positions() -> None:
    run = bought()
    run.venue.end(
        next(o for o in run.venue.live() if o.place.role is Role.CLOSING).place.client_order_id, OrderStatus.EXPIRED
    )
    run.hear()
    run.market = replace(MARKET, min_notional=D(120))
    run.config = replace(run.config, quote_per_slot=D(200))

    plan = run.tick(6_000)

    assert all(place.quantity > 0 for place in places(plan))
    run.trade_to("60310")
    again = run.price_to("60250")
    run.trade_to("59990")
    assert again is not None
    assert "SELL 60300" in run.resting(), "the old position is closed together with the next"


def test_a_venue_that_coarsens_its_tick_gets_orders_on_the_new_one() -> None:
    run = driver(interval=D("300.01"))
    run.price_to("60100")
    run.market = replace(MARKET, tick_size=D(1))

    run.trade_to("58000")
    for price in ("59000", "59600", "60200"):
        run.price_to(price)
        run.hear()

    new = [order.place.price for order in run.venue.live() if order.place.price not in {D(60000)}]
    assert new
    assert all(price % 1 == 0 for price in new)
    for _ in range(3):
        assert run.price_to("60200").empty, "nothing is taken down and placed again for being off the old tick"


def test_a_venue_that_coarsens_its_tick_gets_openings_off_it_taken_down() -> None:
    run = driver(interval=D("300.01"))
    run.price_to("60100")
    run.market = replace(MARKET, tick_size=D(1))

    run.price_to("60101")
    run.hear()

    assert run.resting() == ["BUY 59399", "BUY 59699", "BUY 60000"]
