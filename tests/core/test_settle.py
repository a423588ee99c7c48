"""settle: what each answer makes of a slot, and that a plan fits one state only."""

from dataclasses import replace
from decimal import Decimal

import pytest

from executor.venue.port import Refusal
from gridcore.bookkeeping.settle import settle
from gridcore.model.actions import ActionResult, Outcome
from gridcore.model.config import GridMode
from gridcore.model.errors import CoreError, ImpossibleTransitionError, LogMismatchError
from gridcore.model.events import Plan, PriceChanged
from gridcore.model.orders import OrderStatus
from gridcore.model.refusals import PACES
from gridcore.model.slots import PositionStatus, SlotStatus
from gridcore.model.state import Mode
from gridtesting.fakes.grid_driver import GridDriver, places
from gridtesting.grids import MARKET, grid

D = Decimal
PLACES = {
    Outcome.ACCEPTED: (SlotStatus.LOCKED, OrderStatus.OPEN, False),
    Outcome.UNKNOWN: (SlotStatus.PENDING, OrderStatus.UNKNOWN, False),
    Outcome.REJECTED: (SlotStatus.FREE, None, True),
    Outcome.NOT_SENT: (SlotStatus.FREE, None, True),
    Outcome.EXPIRED: (SlotStatus.FREE, None, True),
}
CANCELS = {
    Outcome.CANCELLED: (SlotStatus.PENDING, OrderStatus.CANCELING, False),
    Outcome.ENDED: (SlotStatus.PENDING, OrderStatus.CANCELING, False),
    Outcome.REJECTED: (SlotStatus.LOCKED, OrderStatus.OPEN, True),
    Outcome.NOT_SENT: (SlotStatus.LOCKED, OrderStatus.OPEN, True),
    Outcome.EXPIRED: (SlotStatus.LOCKED, OrderStatus.OPEN, True),
    Outcome.UNKNOWN: (SlotStatus.LOCKED, OrderStatus.OPEN, True),
}


def first_plan() -> tuple[GridDriver, Plan]:
    """A fresh grid of one buy at 60000, and the plan that places it."""
    run = GridDriver(grid(buy_window=1))
    return run, run.plan(PriceChanged(run.now_ms, D("60100")))


def cancelling_plan() -> tuple[GridDriver, Plan]:
    """A grid whose one buy has fallen behind, and the plan that cancels it. It has no other action."""
    run = GridDriver(grid(buy_window=1, upper=D(60000)))
    run.price_to("60100")
    return run, run.plan(PriceChanged(run.now_ms, D("60700")))


def answer(plan: Plan, *outcomes: Outcome) -> list[ActionResult]:
    return [
        ActionResult(index, action.client_order_id, outcome, exchange_order_id="77")
        for index, (action, outcome) in enumerate(zip(plan.actions, outcomes, strict=True))
    ]


@pytest.mark.parametrize("outcome", PLACES, ids=lambda each: each.value)
def test_a_place_leaves_its_slot_as_its_answer_says(outcome: Outcome) -> None:
    run, plan = first_plan()
    status, order_status, rests = PLACES[outcome]

    slot = settle(run.state, plan, answer(plan, outcome), MARKET).slots["60000"]

    assert slot.status is status
    assert (slot.order.status if slot.order else None) is order_status
    assert slot.retry_after_ms == (plan.retry_at_ms if rests else 0)
    assert slot.position_status is PositionStatus.EMPTY, "results never carry fills"


def test_a_placed_order_is_what_was_asked_for() -> None:
    run, plan = first_plan()
    (place,) = places(plan)

    order = settle(run.state, plan, answer(plan, Outcome.ACCEPTED), MARKET).slots["60000"].order

    assert order is not None
    assert (order.client_order_id, order.exchange_order_id) == (place.client_order_id, "77")
    assert (order.role, order.side, order.price, order.quantity, order.executed) == (
        place.role, place.side, place.price, place.quantity, 0,
    )  # fmt: skip
    assert order.decided_ms == run.now_ms


@pytest.mark.parametrize("outcome", CANCELS, ids=lambda each: each.value)
def test_a_cancel_ends_nothing_and_leaves_its_slot_as_its_answer_says(outcome: Outcome) -> None:
    run, plan = cancelling_plan()
    status, order_status, rests = CANCELS[outcome]

    slot = settle(run.state, plan, answer(plan, outcome), MARKET).slots["60000"]

    assert slot.status is status
    assert slot.order is not None
    assert slot.order.status is order_status
    assert slot.retry_after_ms == (plan.retry_at_ms if rests else 0)


@pytest.mark.parametrize("outcome", [Outcome.CANCELLED, Outcome.ENDED])
def test_a_place_cannot_be_answered_like_a_cancel(outcome: Outcome) -> None:
    run, plan = first_plan()

    with pytest.raises(CoreError, match="no answer for a place"):
        settle(run.state, plan, answer(plan, outcome), MARKET)


def test_a_cancel_cannot_be_answered_like_a_place() -> None:
    run, plan = cancelling_plan()

    with pytest.raises(CoreError, match="no answer for a cancel"):
        settle(run.state, plan, answer(plan, Outcome.ACCEPTED), MARKET)


@pytest.mark.parametrize("refusal", Refusal, ids=lambda each: each.value)
def test_every_refusal_of_the_executor_has_its_pace(refusal: Refusal) -> None:
    assert refusal.value in PACES


def test_a_settled_plan_moves_the_state_on_by_one() -> None:
    run, plan = first_plan()

    state = settle(run.state, replace(plan, epoch=4), answer(plan, Outcome.ACCEPTED), MARKET)

    assert (state.seq, state.epoch, state.last_price) == (1, 4, D("60100"))
    assert state.last_update_time == run.now_ms * 1_000_000


def test_a_plan_settles_once() -> None:
    run, plan = first_plan()
    state = settle(run.state, plan, answer(plan, Outcome.ACCEPTED), MARKET)

    with pytest.raises(CoreError, match="step 1 of BTC/USDT does not follow state 1"):
        settle(state, plan, answer(plan, Outcome.ACCEPTED), MARKET)


def test_every_action_needs_its_answer() -> None:
    run, plan = first_plan()

    with pytest.raises(CoreError, match=r"1 actions, answers for \[\]"):
        settle(run.state, plan, [], MARKET)


def test_an_order_never_takes_the_place_of_another() -> None:
    # A state that is not the one the plan was decided on: its slot has an order already.
    run, plan = first_plan()
    busy = replace(settle(run.state, plan, answer(plan, Outcome.UNKNOWN), MARKET), seq=0)

    with pytest.raises(ImpossibleTransitionError, match="slot 60000"):
        settle(busy, plan, answer(plan, Outcome.ACCEPTED), MARKET)


def test_an_action_for_a_slot_that_is_not_there_is_refused() -> None:
    run, plan = first_plan()

    with pytest.raises(LogMismatchError, match="slot 60000, which is not there"):
        settle(run.state, replace(plan, new_slots=()), answer(plan, Outcome.ACCEPTED), MARKET)


def test_a_cancel_that_crossed_the_last_fill_leaves_the_fill() -> None:
    run, plan = cancelling_plan()
    (order,) = run.venue.live()
    run.venue.fill(order.place.client_order_id, D(1))
    run.state = settle(run.state, plan, run.venue.answer(plan), MARKET)
    slot = run.slot("60000")
    assert slot.order is not None
    assert slot.order.status is OrderStatus.CANCELING

    run.price = D("60700")
    reported = run.hear()

    assert run.slot("60000").position_status is PositionStatus.FILLED
    assert [place.role.value for place in places(reported)] == ["CLOSING"]


@pytest.mark.parametrize("placed", [True, False], ids=["found", "never placed"])
@pytest.mark.parametrize("mode", GridMode)
def test_an_order_in_doubt_keeps_its_slot_until_the_evidence(mode: GridMode, *, placed: bool) -> None:
    run = GridDriver(grid(mode, buy_window=2, sell_window=2))
    run.price_to("60100", Outcome.UNKNOWN)
    name = next(name for name in run.venue.unresolved() if (name in run.venue.orders) is placed)
    key = next(slot.key for slot in run.state.slots.values() if slot.order and slot.order.client_order_id == name)

    for later_ms in (1_000, 60_000, 3_600_000):
        run.tick(later_ms)
        assert run.slot(key).status is SlotStatus.PENDING
    run.venue.resolve(name)
    run.hear()

    assert run.slot(key).status is (SlotStatus.LOCKED if placed else SlotStatus.FREE)


def test_an_order_in_doubt_is_not_cancelled_before_it_is_found() -> None:
    run = GridDriver(grid(buy_window=2))
    run.price_to("60100", Outcome.UNKNOWN)
    run.mode(Mode.ENTERING)

    assert run.tick(1_000).empty
    name = next(name for name in run.venue.unresolved() if name in run.venue.orders)
    run.venue.resolve(name)
    run.hear()
    assert name not in {order.place.client_order_id for order in run.venue.live()}, "found and taken down in one step"


def test_a_slot_with_an_order_or_a_position_does_not_leave_the_map() -> None:
    run, plan = first_plan()
    leave = replace(plan, actions=(), new_slots=(), dropped_slots=("60000",))
    run.price_to("60100")
    assert "60000" in settle(run.state, replace(leave, seq=2), [], MARKET).slots, "its order rests"

    run.trade_to("59990")
    (closing,) = [each for each in run.venue.live() if each.place.slot == "60000"]
    run.venue.end(closing.place.client_order_id, OrderStatus.EXPIRED)
    run.hear()
    assert run.slot("60000").status is SlotStatus.FREE

    assert "60000" in settle(run.state, replace(leave, seq=run.state.seq + 1), [], MARKET).slots, "it holds something"
