"""Portions: a plan has a size that contract, venue and time to live can carry, and what is left over follows."""

from dataclasses import replace
from decimal import Decimal

from gridcore.grid.portions import MOST_ACTIONS, MOST_OPENINGS, is_full
from gridcore.model.actions import CancelOrder, PlaceOrder
from gridcore.model.events import Plan
from gridcore.model.orders import Role
from gridcore.model.state import Mode
from gridtesting.fakes.grid_driver import GridDriver, cancels, places
from gridtesting.grids import MARKET, grid

D = Decimal


def standing(window: int) -> tuple[GridDriver, list[Plan]]:
    """A grid of so many buys below 60100, and the plans that it took."""
    free = replace(MARKET, maker_fee=D(0))
    run = GridDriver(grid(buy_window=window, sell_window=window, interval=D(10)), free)
    plans = [run.price_to("60100")]
    while is_full(plans[-1].actions):
        plans.append(run.tick())
    return run, plans


def test_a_window_of_1500_is_opened_in_portions_nearest_first() -> None:
    run, plans = standing(1_500)

    opened = [place.price for plan in plans for place in places(plan)]
    assert opened == [D(60090) - 10 * number for number in range(1_500)]
    assert max(len(plan.actions) for plan in plans) == MOST_OPENINGS
    assert all(len(plan.new_slots) == len(plan.actions) for plan in plans), "a slot comes along with its order"
    assert len(run.venue.live()) == 1_500


def test_safe_mode_cancels_1001_orders_in_portions() -> None:
    run, _ = standing(1_001)
    run.mode(Mode.ENTERING)

    plans = [run.tick()]
    while is_full(plans[-1].actions):
        plans.append(run.tick())

    assert sum(len(cancels(plan)) for plan in plans) == 1_001
    assert max(len(plan.actions) for plan in plans) == MOST_ACTIONS
    assert not run.venue.live()


def test_cancels_and_closings_go_out_before_the_openings_of_a_large_window() -> None:
    run, _ = standing(30)
    for order in run.venue.live()[:25]:
        run.venue.fill(order.place.client_order_id, order.remaining)
    run.price = D("59850")

    plan = run.hear()

    kinds = [action.role if isinstance(action, PlaceOrder) else CancelOrder for action in plan.actions]
    assert kinds == [Role.CLOSING] * 25 + [Role.OPENING] * MOST_OPENINGS


def test_a_small_plan_is_not_followed_by_another() -> None:
    run, plans = standing(3)

    assert len(plans) == 1
    assert run.tick().empty
