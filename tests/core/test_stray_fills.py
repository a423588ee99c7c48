"""A fill of an order that counted as ended: it is booked where it belongs, protected, and a person is called (P3)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.model.actions import Fill, OrderUpdate, Outcome
from gridcore.model.config import GridMode
from gridcore.model.errors import LogMismatchError
from gridcore.model.events import EnterSafeMode, PriceChanged
from gridcore.model.ids import parse_client_order_id
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role
from gridcore.model.slots import PositionStatus
from gridcore.model.state import Mode, RiskFlags, Rule, unrealised_pnl
from gridtesting.fakes.grid_driver import GridDriver, cancels, places, told
from gridtesting.grids import grid

D = Decimal


def given_up(mode: GridMode = GridMode.LONG) -> tuple[GridDriver, str]:
    """A grid of one slot whose opening order was lost, and then said never to have been placed: with its name."""
    run = GridDriver(grid(mode, buy_window=1, sell_window=1, retry_after_ms=5_000))
    (place, *_) = places(run.price_to("60100", Outcome.UNKNOWN))
    run.venue.lost.setdefault(place.client_order_id, place)  # whatever the model thought
    run.venue.orders.pop(place.client_order_id, None)
    run.venue.resolve(place.client_order_id)
    run.hear()
    return run, place.client_order_id


def books_balance(run: GridDriver) -> None:
    slots, totals = run.state.slots.values(), run.state.totals
    assert sum((slot.position for slot in slots), ZERO) == totals.position
    assert totals.quote_flow == totals.realised_pnl - sum((slot.cost for slot in slots), ZERO)


@pytest.mark.parametrize("mode", [GridMode.LONG, GridMode.SHORT])
def test_a_stray_fill_is_booked_on_its_slot_and_closed(mode: GridMode) -> None:
    run, name = given_up(mode)
    run.venue.fill(name, D(1))

    plan = run.hear()

    (slot,) = [one for one in run.state.slots.values() if one.position]
    assert slot.position_status is PositionStatus.FILLED
    assert run.state.totals.fills == 1
    assert run.state.event_offset == len(run.venue.log)
    assert [place.role for place in places(plan) if place.slot == slot.key] == [Role.CLOSING]
    books_balance(run)


def test_a_slot_that_was_removed_is_restored_for_its_stray_fill() -> None:
    run, name = given_up()
    run.price_to("66000")
    assert "60000" not in run.state.slots
    run.venue.fill(name, D(1))

    plan = run.hear()

    assert run.slot("60000").position > 0
    assert [slot.key for slot in plan.new_slots] == ["60000"]
    assert "CLOSING SELL 66000.01" in told(plan)
    books_balance(run)


def test_a_slot_that_the_config_no_longer_wants_comes_back_to_close() -> None:
    run, name = given_up()
    run.config = replace(run.config, lower=D(63000))
    run.price_to("66000")
    run.venue.fill(name, D(1))

    run.hear()

    assert (run.slot("60000").retiring, run.slot("60000").closing_price) == (True, D(60300))


def test_the_slot_may_have_bought_again_meanwhile() -> None:
    run, name = given_up()
    run.tick(6_000)
    assert run.slot("60000").order is not None, "a second opening order rests"
    run.venue.fill(name, D("0.0005"))

    run.hear()
    run.trade_to("59990")
    run.mode(Mode.SAFE, Rule.STRAY_FILL)
    run.price_to("60100")

    assert run.slot("60000").position == (D("0.0005") + D("0.00166")) * D("0.999")
    assert run.slot("60000").order is not None
    books_balance(run)


def sold_twice() -> GridDriver:
    """A slot whose closing order was lost, said never to have been placed, placed again, and then fills after all."""
    run = GridDriver(grid(buy_window=1, retry_after_ms=0))
    run.price_to("60100")
    run.venue.fill(run.venue.live()[0].place.client_order_id, D(1))
    (lost,) = places(run.hear(Outcome.UNKNOWN))
    run.venue.lost.setdefault(lost.client_order_id, lost)
    run.venue.orders.pop(lost.client_order_id, None)
    run.venue.resolve(lost.client_order_id)
    run.hear()
    run.tick(1)
    assert run.slot("60000").order is not None, "the second closing order rests"
    run.venue.fill(lost.client_order_id, D(1))
    return run


def test_a_closing_order_for_what_a_stray_fill_has_sold_is_cancelled() -> None:
    run = sold_twice()
    second = run.slot("60000").order

    plan = run.hear()

    assert second is not None
    assert [cancel.client_order_id for cancel in cancels(plan)] == [second.client_order_id]
    books_balance(run)


def test_what_is_sold_beyond_the_position_is_owed() -> None:
    run = sold_twice()
    run.venue.fill(run.venue.live()[0].place.client_order_id, D(1))  # both fill before the grid applies either

    run.hear()

    owed = run.slot("60000").position
    assert owed == D("0.00166") * D("0.999") - 2 * D("0.00165")
    profit = run.state.totals.realised_pnl + unrealised_pnl(run.state, D(60300))
    assert D(0) < profit < 1, "one round's, and not what the second sale brought"
    books_balance(run)


def test_a_stray_fill_halts_the_grid_once_it_is_booked_until_an_operator_ends_the_halt() -> None:
    run, name = given_up()
    run.venue.fill(name, D(1))
    run.hear()
    tripped = run.plan(PriceChanged(run.now_ms, D("60100"))).procedure
    run.mode(Mode.ENTERING, Rule.STALE_PRICE, clears_itself=True)  # another halt comes first
    run.mode(Mode.SAFE, Rule.STALE_PRICE, clears_itself=True)
    run.tick(1)
    waiting = run.tick(60_000)
    run.mode(Mode.RUNNING)
    released = run.plan(PriceChanged(run.now_ms, D("60100"))).procedure

    assert isinstance(tripped, EnterSafeMode)
    assert tripped.rule is Rule.STRAY_FILL
    assert name in tripped.reason
    assert waiting.procedure is None
    assert waiting.risk.rule is Rule.STRAY_FILL
    assert released is None


def test_a_stray_fill_that_comes_just_before_the_end_of_another_halt_halts_again() -> None:
    run, name = given_up()
    run.mode(Mode.SAFE)
    run.venue.fill(name, D(1))
    run.hear()
    run.mode(Mode.RUNNING)

    procedure = run.plan(PriceChanged(run.now_ms, D("60100"))).procedure

    assert isinstance(procedure, EnterSafeMode)
    assert procedure.rule is Rule.STRAY_FILL


@pytest.mark.parametrize("ahead", [1, 1_000])
def test_a_fill_of_an_order_that_the_state_never_sent_is_no_stray_fill(ahead: int) -> None:
    run, name = given_up()
    parsed = parse_client_order_id(name)
    assert parsed is not None
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    seq, text = run.state.seq + ahead, ""
    for _ in range(8):
        seq, digit = divmod(seq, 36)
        text = digits[digit] + text
    other = name[:17] + text + name[25:]
    fill = Fill("1", D(60000), D("0.001"), D(0), "BTC", maker=True)
    run.venue.log.append(
        OrderUpdate(run.market.symbol, len(run.venue.log) + 1, other, "9", run.venue.orders[name].place.side, fill)
    )

    with pytest.raises(LogMismatchError, match="none of its slots can have placed"):
        run.hear()


def test_news_but_fills_of_an_order_that_no_slot_has_stays_an_error() -> None:
    run, name = given_up()
    run.venue.end(name, OrderStatus.CANCELED)

    with pytest.raises(LogMismatchError, match="which the state does not know"):
        run.hear()


def test_without_stray_fills_nothing_is_remembered() -> None:
    run = GridDriver(grid())
    run.price_to("60100")
    run.trade_to("59690")

    assert run.state.risk == RiskFlags()
