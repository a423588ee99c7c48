"""Refusals: pauses that grow per slot and reason, what ends them early, and what stops the grid."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest

from gridcore.bookkeeping.settle import settle
from gridcore.model.actions import ActionResult, Outcome
from gridcore.model.events import ConditionsSeen, EnterSafeMode, OrdersUpdated, Plan, Ticked
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.refusals import PACES, RefusalClass, pace, pause_ms, waits
from gridcore.model.slots import InventorySlot, SlotRefusal
from gridcore.model.state import ForeignOrders, Funds, Mode, Rule
from gridtesting.fakes.grid_driver import GridDriver, places, told
from gridtesting.grids import MARKET, grid

D = Decimal
BASE_MS = 5_000


def refuse(run: GridDriver, plan: Plan, reason: str, *, taken: int = 0) -> None:
    """The plan carried out, the first `taken` actions taken and the others refused."""
    taking = [Outcome.ACCEPTED] * taken + [Outcome.REJECTED] * (len(plan.actions) - taken)
    answers = run.venue.answer(plan, taking)
    answers = [replace(each, reason=reason) if each.outcome is Outcome.REJECTED else each for each in answers]
    run.state = settle(run.state, plan, answers, run.market)


def refused_until(run: GridDriver, reason: str, until_ms: int) -> list[int]:
    """When it tried, as everything is refused and the clock ticks each second up to a time."""
    tried: list[int] = []
    run.price = run.price or D("60100")
    while run.now_ms < until_ms:
        plan = run.plan(Ticked(run.now_ms, run.price, run.now_ms))
        if plan.procedure is not None:
            break
        if plan.actions:
            tried.append(run.now_ms)
            refuse(run, plan, reason)
        run.now_ms += 1_000
    return tried


def bought() -> GridDriver:
    """A long grid of one buy whose slot at 60000 has bought, its closing order not placed yet."""
    run = GridDriver(grid(buy_window=1))
    run.price_to("60100")
    (order,) = run.venue.live()
    run.venue.fill(order.place.client_order_id, order.remaining)
    run.price = D("60010")
    return run


@pytest.mark.parametrize("back_ms", [3_600_000, 30 * 86_400_000])
@pytest.mark.parametrize("reason", ["WOULD_MATCH", "INSUFFICIENT_FUNDS", "SOMETHING_NEW"])
def test_a_clock_that_is_set_back_makes_no_slot_wait_longer_than_its_reason_does(reason: str, back_ms: int) -> None:
    """At once, or as long as the longest pause: never until the clock is again where it was."""
    run = GridDriver()
    refused_until(run, reason, run.now_ms + 1_800_000)

    run.now_ms -= back_ms
    back_at_ms = run.now_ms
    tried = refused_until(run, reason, back_at_ms + 1_300_000)

    cap_ms = max(BASE_MS, pace(reason).opening_cap_ms)
    assert tried[0] == back_at_ms
    assert all(later - earlier <= cap_ms for earlier, later in pairwise(tried)), tried
    assert len(tried) >= 2


def test_a_cancel_waits_no_longer_than_its_own_cap_after_a_clock_was_set_back() -> None:
    slot = replace(InventorySlot(D(60000), 0, Side.BUY, D(60300)), retry_after_ms=100_000)
    refused = replace(slot, refusal=SlotRefusal("INSUFFICIENT_FUNDS", 9, 1, ""))

    assert waits(refused, Role.CLOSING, 40_000, BASE_MS)
    assert not waits(refused, Role.CLOSING, 39_999, BASE_MS)
    assert waits(refused, Role.OPENING, 39_999, BASE_MS)
    assert not waits(refused, Role.OPENING, 100_000, BASE_MS)
    assert not waits(refused, Role.OPENING, -500_001, BASE_MS)


@pytest.mark.parametrize("reason", [*PACES, "SOMETHING_NEW"])
@pytest.mark.parametrize("role", Role, ids=lambda each: each.value)
def test_a_pause_doubles_up_to_the_cap_of_its_reason(reason: str, role: Role) -> None:
    cap_ms = pace(reason).opening_cap_ms if role is Role.OPENING else pace(reason).closing_cap_ms

    pauses = [pause_ms(reason, role, count, 100) for count in range(1, 40)]

    assert pauses[:4] == [100, 200, 400, 800]
    assert max(pauses) == pauses[-1] == cap_ms
    assert pauses == sorted(pauses)


def test_closings_never_wait_longer_than_openings() -> None:
    assert all(each.closing_cap_ms <= each.opening_cap_ms for each in PACES.values())


def test_a_pause_of_nothing_grows_all_the_same() -> None:
    assert [pause_ms("INVALID_ORDER", Role.OPENING, count, 0) for count in (1, 2, 3, 12)] == [0, 2, 4, 2048]


def test_an_opening_that_is_always_refused_is_tried_ever_more_rarely() -> None:
    run = GridDriver(grid(buy_window=1, risk=replace(grid().risk, max_rejects=0)))
    start = run.now_ms

    tried = refused_until(run, "INVALID_ORDER", start + 3_600_000)

    assert [at - start for at in tried[:5]] == [0, 5_000, 15_000, 35_000, 75_000]
    assert max(later - at for at, later in pairwise(tried)) == 300_000
    assert len(tried) < 20, "an hour of refusals"


def test_an_order_that_would_have_matched_is_tried_again_soon() -> None:
    run = GridDriver(grid(buy_window=1))

    tried = refused_until(run, "WOULD_MATCH", run.now_ms + 600_000)

    assert max(later - at for at, later in pairwise(tried)) == 10_000
    assert run.state.risk.rejects == 0, "the market's doing"


def test_a_slot_says_why_its_orders_are_refused_and_since_when() -> None:
    run = GridDriver(grid(buy_window=1))
    plan = run.price_to("60100", Outcome.REJECTED)
    since_ms = run.now_ms
    refused_until(run, "INVALID_ORDER", run.now_ms + 20_000)
    refusal = run.slot(plan.new_slots[0].key).refusal

    assert refusal is not None
    assert (refusal.reason, refusal.count) == ("INVALID_ORDER", 2)
    assert refusal.since_ms == since_ms + BASE_MS, "the refusal before it had another reason"


def test_a_taken_place_ends_the_row_of_its_own_slot_alone() -> None:
    run = GridDriver(grid(buy_window=2))
    run.price = D("60100")
    refuse(run, run.plan(Ticked(run.now_ms, run.price, run.now_ms)), "INVALID_ORDER")
    run.now_ms += BASE_MS

    refuse(run, run.plan(Ticked(run.now_ms, run.price, run.now_ms)), "INVALID_ORDER", taken=1)

    refusals = [slot.refusal for slot in run.state.slots.values()]
    assert [None if each is None else each.count for each in refusals] == [None, 2]
    assert run.state.risk.rejects == 2, "one order that is taken hides no other slot's refusals"


def test_a_slot_that_is_refused_without_end_stops_the_grid_whatever_others_do() -> None:
    run = GridDriver(grid(buy_window=2, risk=replace(grid().risk, max_rejects=3)))
    run.price = D("60100")
    refuse(run, run.plan(Ticked(run.now_ms, run.price, run.now_ms)), "INVALID_ORDER", taken=1)

    refused_until(run, "INVALID_ORDER", run.now_ms + 600_000)

    stop = run.plan(Ticked(run.now_ms, run.price, run.now_ms)).procedure
    assert isinstance(stop, EnterSafeMode)
    assert stop.rule is Rule.REJECTS


@pytest.mark.parametrize("reason", ["RATE_LIMITED", "VENUE_UNREACHABLE", "KEY_REFUSED", "MARKET_CLOSED", "WOULD_MATCH"])
def test_what_is_not_the_slots_own_fault_stops_no_grid(reason: str) -> None:
    run = GridDriver(grid(buy_window=1))

    refused_until(run, reason, run.now_ms + 3_600_000)

    assert run.state.risk.rejects == 0


def test_who_releases_the_grid_wants_everything_tried_again() -> None:
    run = GridDriver(grid(buy_window=1, risk=replace(grid().risk, max_rejects=3)))
    refused_until(run, "INVALID_ORDER", run.now_ms + 600_000)
    run.mode(Mode.SAFE, Rule.REJECTS)

    run.mode(Mode.RUNNING)

    assert run.state.risk.rejects == 0
    assert told(run.tick(0, Outcome.ACCEPTED)) == ["OPENING BUY 60000"]


def test_an_order_that_is_taken_proves_the_keys_good_for_all() -> None:
    run = GridDriver(grid(buy_window=2))
    run.price = D("60100")
    refuse(run, run.plan(Ticked(run.now_ms, run.price, run.now_ms)), "KEY_REFUSED")
    first = next(iter(run.state.slots.values()))
    run.state = replace(run.state, slots={**run.state.slots, first.key: replace(first, retry_after_ms=0)})

    run.tick(1_000, Outcome.ACCEPTED)

    assert all(slot.refusal is None and slot.retry_after_ms == 0 for slot in run.state.slots.values())
    assert len(places(run.tick(0))) == 1


def test_funds_that_have_come_back_shorten_the_wait_to_the_shortest() -> None:
    run = bought()
    refuse_closing(run, "INSUFFICIENT_FUNDS")
    run.now_ms += run.config.retry_after_ms
    refuse_closing(run, "INSUFFICIENT_FUNDS")

    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), Funds(D(1), D(1_000_000))))

    assert run.tick(run.config.retry_after_ms - 1).empty
    assert "CLOSING SELL 60300" in told(run.tick(1))


def test_rules_that_have_changed_shorten_the_wait_for_an_invalid_order() -> None:
    run = bought()
    refuse_closing(run, "INVALID_ORDER")
    run.now_ms += run.config.retry_after_ms
    refuse_closing(run, "INVALID_ORDER")

    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), rules=replace(MARKET, lot_size=D("0.000001"))))

    assert run.tick(run.config.retry_after_ms - 1).empty
    assert "CLOSING SELL 60300" in told(run.tick(1))
    assert run.state.risk.rejects == 0


def test_an_order_that_has_ended_leaves_its_place_to_who_waits_for_one() -> None:
    run = GridDriver(grid(buy_window=2))
    run.price = D("60100")
    refuse(run, run.plan(Ticked(run.now_ms, run.price, run.now_ms)), "ORDER_PLACES", taken=1)
    assert run.tick(1_000).empty
    run.now_ms += run.config.retry_after_ms
    (order,) = run.venue.live()
    run.venue.end(order.place.client_order_id, OrderStatus.CANCELED)

    assert "OPENING BUY 59700" in told(run.hear())


def test_what_frees_a_place_again_and_again_makes_nobody_hammer_the_venue() -> None:
    run = GridDriver(grid(buy_window=2))
    run.price = D("60100")
    refuse(run, run.plan(Ticked(run.now_ms, run.price, run.now_ms)), "ORDER_PLACES", taken=1)
    (order,) = run.venue.live()
    run.venue.end(order.place.client_order_id, OrderStatus.CANCELED)

    run.hear()

    assert (
        run.state.slots["59700"].retry_after_ms == run.state.slots["59700"].refusal.last_ms + run.config.retry_after_ms
    )


def refuse_closing(run: GridDriver, reason: str) -> None:
    """Applies the fill, and is refused the closing order that it asks for."""
    updates = tuple(run.venue.log[run.state.event_offset :])
    plan = run.plan(OrdersUpdated(run.now_ms, run.price, run.now_ms, updates))
    refuse(run, plan, reason)


def test_a_fenced_place_is_no_refusal() -> None:
    run = GridDriver(grid(buy_window=1))
    run.price = D("60100")
    plan = run.plan(Ticked(run.now_ms, run.price, run.now_ms))
    name = plan.actions[0].client_order_id

    state = settle(run.state, plan, [ActionResult(0, name, Outcome.NOT_SENT, reason="FENCED")], MARKET)

    slot = state.slots["60000"]
    assert (slot.refusal, slot.retry_after_ms) == (None, plan.retry_at_ms)


def test_a_cancel_that_is_refused_is_tried_ever_more_rarely() -> None:
    run = GridDriver(grid(buy_window=1))
    run.price_to("60100")
    run.mode(Mode.ENTERING)

    tried = refused_until(run, "CANCEL_REFUSED", run.now_ms + 600_000)

    assert max(later - at for at, later in pairwise(tried)) == 60_000
    assert pace("CANCEL_REFUSED").refusal_class is RefusalClass.PASSING
