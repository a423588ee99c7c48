"""What is scarce goes to closings first: order places, quote and base; then to the nearest openings."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcore.grid.ladder import ladder
from gridcore.model.actions import Outcome
from gridcore.model.config import GridMode
from gridcore.model.events import ConditionsSeen, PriceChanged
from gridcore.model.market_rules import PriceRange
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.state import ForeignOrders, Funds
from gridcore.quiet_band import quiet_band
from gridtesting.fakes.grid_driver import GridDriver, cancels, told
from gridtesting.grids import MARKET, grid

D = Decimal
FEW = replace(MARKET, max_orders=6)


def settled(run: GridDriver, rounds: int = 10) -> None:
    """Ticks and applies the log until nothing is asked for."""
    for _ in range(rounds):
        plan = run.tick()
        updates = len(run.venue.log) - run.state.event_offset
        if updates:
            run.hear()
        elif plan.empty:
            return
    raise AssertionError("it never comes to rest")


def closings(run: GridDriver) -> int:
    return sum(order.place.role is Role.CLOSING for order in run.venue.live())


def see(run: GridDriver, base: str | Decimal, quote: str | Decimal) -> None:
    """The account can give so much, own orders included."""
    totals = run.state.totals
    funds = Funds(D(base) - totals.position, D(quote) - totals.quote_flow)
    run.step(ConditionsSeen(run.now_ms, run.state.foreign, funds))


# -- order places


def test_bought_coins_get_their_closings_where_the_venue_has_few_places() -> None:
    # The issue's own case: 12 places, windows of 12, one trade that fills two of the twelve buys.
    market = replace(MARKET, max_orders=12)
    run = GridDriver(grid(interval=D(180), buy_window=12, sell_window=12), market)
    run.price_to("60001")
    settled(run)
    assert len(run.venue.live()) == 12

    run.trade_to("59500")
    settled(run)

    assert closings(run) == sum(slot.position > 0 for slot in run.state.slots.values()) == 3
    assert len(run.venue.live()) == 12


def test_places_of_others_are_not_ours() -> None:
    run = GridDriver(grid(buy_window=6, sell_window=6), FEW)
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(orders=4)))

    assert told(run.price_to("60100")) == ["OPENING BUY 60000", "OPENING BUY 59700"]


def test_a_closing_that_lacks_a_place_makes_the_farthest_opening_give_way() -> None:
    run = GridDriver(grid(buy_window=6, sell_window=6), FEW)
    run.price_to("60100")
    run.trade_to("59990")
    settled(run)
    run.step(
        ConditionsSeen(run.now_ms, ForeignOrders(orders=1))
    )  # somebody took the place of the closing that ends now
    (closing,) = [order for order in run.venue.live() if order.place.role is Role.CLOSING]
    run.venue.end(closing.place.client_order_id, OrderStatus.CANCELED)
    run.hear()
    run.now_ms += 10_000

    plan = run.tick()

    assert [cancel.slot for cancel in cancels(plan)] == ["58500"]
    assert told(plan) == [], "it waits for the recorded end"
    assert told(run.hear()) == ["CLOSING SELL 60300"]
    settled(run)
    assert len(run.venue.live()) == 5


def test_a_full_market_follows_the_price_with_the_orders_it_has() -> None:
    run = GridDriver(grid(buy_window=6, sell_window=6), replace(MARKET, max_orders=2))
    run.price_to("60100")
    settled(run)
    assert run.resting() == ["BUY 59700", "BUY 60000"]

    run.price_to("60400")
    settled(run)

    assert run.resting() == ["BUY 60000", "BUY 60300"]


# -- quote and base


def test_openings_that_the_balance_cannot_pay_are_not_tried() -> None:
    run = GridDriver(grid(buy_window=20))
    see(run, "0", "550")

    plan = run.price_to("60100")

    assert told(plan) == [f"OPENING BUY {60000 - 300 * number}" for number in range(5)]
    assert all(run.tick(60_000).empty for _ in range(60)), "nor later"
    assert not any(slot.refusal for slot in run.state.slots.values())


def test_a_small_account_follows_the_price_with_the_orders_it_can_pay() -> None:
    run = GridDriver(grid(buy_window=6))
    see(run, "0", "250")
    run.price_to("60100")
    settled(run)
    assert run.resting() == ["BUY 59700", "BUY 60000"]

    run.price_to("60700")
    settled(run)

    assert run.resting() == ["BUY 60300", "BUY 60600"]


def test_fills_of_our_own_do_not_make_what_was_seen_wrong() -> None:
    run = GridDriver(grid(buy_window=2))
    see(run, "0", "210")
    run.price_to("60100")
    run.trade_to("59990")
    settled(run)

    # 110 are left, of which one order binds 100: there is no third, until the coins are sold again.
    assert run.resting() == ["BUY 59700", "SELL 60300"]
    run.trade_to("60301")
    settled(run)
    assert run.resting() == ["BUY 60000", "BUY 60300"] or run.resting() == ["BUY 59700", "BUY 60000"]


def test_a_closing_whose_coins_are_gone_waits_and_is_placed_when_they_are_back() -> None:
    run = GridDriver(grid(buy_window=1))
    run.price_to("60100")
    (order,) = run.venue.live()
    run.venue.fill(order.place.client_order_id, order.remaining)
    see(run, "-0.0016", "1000000")  # before the fill is applied: afterwards there is nothing
    run.price = D("59990")
    assert "CLOSING SELL 60300" not in told(run.hear())
    assert not any("CLOSING" in order for minute in range(10) for order in told(run.tick(60_000)))
    assert run.slot("60000").refusal is None, "nothing was refused, since nothing was tried"

    see(run, "0.0017", "1000000")

    assert told(run.tick()) == ["CLOSING SELL 60300"]


def test_what_closings_of_short_slots_will_need_is_kept_from_the_buys() -> None:
    run = GridDriver(grid(GridMode.NEUTRAL, buy_window=3, sell_window=3))
    run.price_to("60100")
    run.trade_to("60301")  # a slot has sold short, and buys back at 60000
    (closing,) = [order for order in run.venue.live() if order.place.role is Role.CLOSING]
    for order in run.venue.live():
        if order.place.side is Side.BUY:
            run.venue.end(order.place.client_order_id, OrderStatus.CANCELED)
    run.hear(Outcome.REJECTED)
    see(run, "1", "198")  # one order of 100, and no second
    run.now_ms += 60_000

    plan = run.tick()

    assert closing.place.side is Side.BUY
    assert [order for order in told(plan) if "BUY" in order] == ["CLOSING BUY 60000"]


def test_a_closing_that_lacks_base_makes_the_farthest_selling_opening_give_way() -> None:
    run = GridDriver(grid(GridMode.NEUTRAL, buy_window=3, sell_window=3))
    run.price_to("59990")
    run.trade_to("59690")  # the slot at 59700 holds coins
    run.price = D("59690")
    (closing,) = [order for order in run.venue.live() if order.place.role is Role.CLOSING]
    bound = sum((order.remaining for order in run.venue.live() if order.place.side is Side.SELL), ZERO)
    run.venue.end(closing.place.client_order_id, OrderStatus.CANCELED)
    run.hear(Outcome.REJECTED)
    see(run, bound - closing.remaining + D("0.0001"), "1000000")
    run.now_ms += 60_000

    plan = run.tick()

    sells = [order.place.price for order in run.venue.live() if order.place.side is Side.SELL]
    gone = [cancel.slot for cancel in cancels(plan)]
    assert len(gone) == 1
    assert D(gone[0]) > max(sells, default=ZERO), "the farthest"
    settled(run)
    assert closings(run) == 1


# -- prices that the venue takes


def test_an_order_too_far_from_the_price_waits_until_it_is_near() -> None:
    near = replace(MARKET, buy_range=PriceRange(lowest=D("0.99")))
    run = GridDriver(grid(buy_window=6), near)

    assert told(run.price_to("60100")) == ["OPENING BUY 60000", "OPENING BUY 59700"]
    assert "OPENING BUY 59400" in told(run.price_to("59900"))


def test_nothing_is_tried_while_the_market_is_halted() -> None:
    run = GridDriver()
    run.price_to("60100")
    run.market = replace(MARKET, halted=True)

    assert run.price_to("63000").empty
    assert quiet_band(run.state, run.market, run.config) is not None

    run.market = MARKET
    assert told(run.price_to("63000"))


# -- the quiet band, with all of it


@pytest.mark.parametrize("mode", GridMode)
@settings(max_examples=60, deadline=None)
@given(
    walk=st.lists(st.integers(min_value=5_900_000, max_value=6_100_000), min_size=1, max_size=6),
    places=st.sampled_from([0, 3, 6]),
    funds=st.sampled_from([None, ("0", "250"), ("0.002", "150"), ("0.004", "0"), ("-1", "-1")]),
    ranges=st.sampled_from([PriceRange(), PriceRange(D("0.99"), D("1.01"))]),
    answers=st.lists(st.sampled_from([Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED]), min_size=1, max_size=4),
    share=st.integers(min_value=1, max_value=999),
    later_ms=st.sampled_from([0, 4_000, 3_600_000]),
)
def test_every_price_in_the_band_asks_for_nothing_at_any_time(
    mode: GridMode,
    walk: list[int],
    places: int,
    funds: tuple[str, str] | None,
    ranges: PriceRange,
    answers: list[Outcome],
    share: int,
    later_ms: int,
) -> None:
    market = replace(MARKET, max_orders=places, buy_range=ranges, sell_range=ranges)
    run = GridDriver(grid(mode), market)
    for number, cents in enumerate(walk):
        run.price_to(D(cents) / 100, *answers)
        for order in run.venue.live()[number % 2 : number % 2 + 1]:
            run.venue.fill(order.place.client_order_id, D(1))
        run.hear(*answers)
        if number == 0 and funds is not None:
            see(run, *funds)

    band = quiet_band(run.state, market, run.config)

    if band is not None:
        levels = ladder(run.config, market)
        nearest = levels.lowest_above(band[0])
        prices = [band[0] + (band[1] - band[0]) * share / 1000, *map(levels.price, range(nearest, nearest + 3))]
        for price in prices:
            plan = run.plan(PriceChanged(run.now_ms + later_ms, price))
            assert price >= band[1] or (plan.empty and plan.procedure is None), price


@pytest.mark.parametrize("mode", GridMode)
@settings(max_examples=60, deadline=None)
@given(
    walk=st.lists(st.integers(min_value=5_900_000, max_value=6_100_000), min_size=1, max_size=6),
    places=st.sampled_from([2, 4, 7]),
    funds=st.sampled_from([None, ("0", "250"), ("0.002", "150"), ("0.004", "340")]),
)
def test_a_grid_that_lacks_something_comes_to_rest_and_asks_for_no_more_than_there_is(
    mode: GridMode, walk: list[int], places: int, funds: tuple[str, str] | None
) -> None:
    market = replace(MARKET, max_orders=places)
    run = GridDriver(grid(mode), market)
    if funds is not None:
        see(run, *funds)
    for cents in walk:
        run.trade_to(D(cents) / 100)
        settled(run)
        assert len(run.venue.live()) <= places
        account = (D(funds[0]), D(funds[1])) if funds is not None else None
        if account is not None:
            assert bound(run, Side.SELL) <= account[0] + run.state.totals.position
            assert bound(run, Side.BUY) <= account[1] + run.state.totals.quote_flow


def bound(run: GridDriver, side: Side) -> Decimal:
    """What the resting orders of a side bind: base of sells, quote of buys."""
    price: Callable[[Decimal], Decimal] = (lambda each: each) if side is Side.BUY else (lambda _: D(1))
    orders = [order for order in run.venue.live() if order.place.side is side]
    return sum((order.remaining * price(order.place.price) for order in orders), ZERO)
