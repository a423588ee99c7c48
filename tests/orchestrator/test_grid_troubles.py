"""The troubles of a grid as its state shows them."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.bookkeeping.settle import settle
from gridcore.grid.allocation import Shortage
from gridcore.grid.position_manager import PositionManager
from gridcore.model.actions import Outcome
from gridcore.model.events import ConditionsSeen, Ticked
from gridcore.model.orders import OrderStatus
from gridcore.model.refusals import PACES
from gridcore.model.state import ForeignOrders, Funds, Mode, Rule
from gridservice.troubles import CLASS_OF, Kind, TroubleClass
from gridtesting.fakes.grid_driver import GridDriver
from gridtesting.grids import MARKET, grid
from orchestrator.troubles.grid_troubles import GridTrouble, grid_troubles

D = Decimal


def shown(run: GridDriver) -> dict[tuple[Kind, str], GridTrouble]:
    found = grid_troubles(run.state, run.market, run.config, run.price, run.now_ms)
    return {(each.kind, each.subject): each for each in found}


def refuse(run: GridDriver, reason: str, times: int = 1) -> None:
    for _ in range(times):
        plan = run.plan(Ticked(run.now_ms, run.price, run.now_ms))
        answers = run.venue.answer(plan, [Outcome.REJECTED])
        run.state = settle(run.state, plan, [replace(each, reason=reason) for each in answers], run.market)
        run.now_ms += 3_600_000


def test_a_grid_that_stands_has_no_trouble() -> None:
    run = GridDriver()
    run.price_to("60100")

    assert shown(run) == {}


def test_refused_orders_are_one_trouble_per_reason() -> None:
    run = GridDriver()
    run.price = D("60100")
    refuse(run, "INVALID_ORDER", 2)

    ((key, trouble),) = shown(run).items()

    assert key == (Kind.INVALID_ORDER, "orders")
    assert "orders of 3 slots (59400, 59700, 60000) are refused, of one 2 times in a row" in trouble.message
    assert trouble.retry_at_ms == min(slot.retry_after_ms for slot in run.state.slots.values())
    assert trouble.since_ms == 1_000_000


@pytest.mark.parametrize("reason", ["KEY_REFUSED", "RATE_LIMITED", "VENUE_UNREACHABLE"])
def test_what_the_executor_shows_is_not_shown_twice(reason: str) -> None:
    run = GridDriver()
    run.price = D("60100")
    refuse(run, reason, 3)

    assert shown(run) == {}


def test_what_the_market_does_is_a_trouble_only_if_it_goes_on() -> None:
    run = GridDriver()
    run.price = D("60100")
    refuse(run, "WOULD_MATCH", 4)
    assert shown(run) == {}

    refuse(run, "WOULD_MATCH")

    assert list(shown(run)) == [(Kind.WOULD_MATCH, "orders")]


def test_a_reason_without_a_name_is_shown_all_the_same() -> None:
    run = GridDriver()
    run.price = D("60100")
    refuse(run, "SOMETHING_NEW")

    assert list(shown(run)) == [(Kind.NOT_TAKEN, "SOMETHING_NEW")]


def test_openings_that_cannot_be_paid_are_shown_with_the_numbers() -> None:
    run = GridDriver(grid(buy_window=6))
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), Funds(D(0), D(250))))
    run.price_to("60100")

    trouble = shown(run)[Kind.INSUFFICIENT_FUNDS, "opening buy"]

    assert trouble.message.startswith("4 opening buy orders wait: they need 39")
    assert "of the 250 USDT that the account can give" in trouble.message


def test_an_order_whose_outcome_is_unknown_makes_no_funds_look_lacking() -> None:
    """The venue has filled it, as the balance shows, and we do not know yet: its amount must not count twice."""
    run = GridDriver(grid(buy_window=2))
    run.price_to("60100")
    buy(run, "60000", Outcome.UNKNOWN)
    sold = run.slot("60000")
    assert sold.order is not None
    assert sold.order.status is OrderStatus.UNKNOWN
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), Funds(-sold.position, D(1_000) + sold.cost)))
    buy(run, "59700", Outcome.REJECTED)
    assert run.slot("59700").position
    assert run.slot("59700").order is None
    assert [lack.in_doubt for lack in lacks(run)] == [True]
    assert (Kind.INSUFFICIENT_FUNDS, "closing sell") not in shown(run)

    reported = replace(sold, order=replace(sold.order, status=OrderStatus.OPEN))  # one that surely rests has its coins
    run.state = replace(run.state, slots={**run.state.slots, sold.key: reported})

    assert (Kind.INSUFFICIENT_FUNDS, "closing sell") in shown(run)


def buy(run: GridDriver, level: str, *outcomes: Outcome) -> None:
    """The buy of a level fills; `outcomes` are those of what its news ask for."""
    (order,) = [each for each in run.venue.live() if each.place.price == D(level)]
    run.venue.fill(order.place.client_order_id, order.remaining)
    run.price = D(level) - 10
    run.hear(*outcomes)


def lacks(run: GridDriver) -> tuple[Shortage, ...]:
    manager = PositionManager(run.state, run.market, run.config, price=run.price, at_ms=run.now_ms, fresh=True)
    return manager.adjust().lacks


def test_want_of_order_places_a_halt_and_unfit_rules_are_shown() -> None:
    run = GridDriver(market=replace(MARKET, max_orders=2))
    run.price_to("60100")
    assert list(shown(run)) == [(Kind.ORDER_PLACES, "opening buy")]

    run.market = replace(MARKET, halted=True)
    assert list(shown(run)) == [(Kind.MARKET_CLOSED, "")]

    run.market = MARKET
    run.mode(Mode.SAFE, Rule.RULES_UNFIT, clears_itself=True)
    assert list(shown(run)) == [(Kind.SYMBOL_REFUSED, "rules")]


def test_rules_that_do_not_fit_are_shown_of_a_grid_that_is_halted_for_another_reason() -> None:
    run = GridDriver()
    run.price_to("60100")
    run.mode(Mode.SAFE, Rule.OPERATOR)
    run.market = replace(MARKET, min_notional=D(1_000_000))
    run.step(ConditionsSeen(run.now_ms, ForeignOrders(), rules=run.market))

    ((key, trouble),) = shown(run).items()

    assert key == (Kind.SYMBOL_REFUSED, "rules")
    assert "under the venue's minimum of 1000000 USDT" in trouble.message


def test_reasons_are_of_the_same_class_here_and_there() -> None:
    for reason, pace in PACES.items():
        if reason in Kind.__members__ and reason != "ORDER_NOT_SHOWN":
            assert CLASS_OF[Kind(reason)] is TroubleClass[pace.refusal_class.name], reason
