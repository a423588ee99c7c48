"""The judge: guesses, foreign orders and how long exits took, on constructed books."""

import pytest

from gridchaos.judge.audit_extras import Ledger, applied_beyond, guesses, protected_after_ms, touched, unknown_ms
from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import Role
from griddeploy.audit.audit import Books
from gridwright.v1 import executor_pb2, models_pb2, simex_pb2

SYMBOL = "BTC/USDT"
PREFIX = id_prefix("demo", SYMBOL)
BUY = client_order_id(PREFIX, Role.OPENING, -1, 1, 1, 0)
SELL = client_order_id(PREFIX, Role.CLOSING, -1, 1, 2, 0)
WINDOW_MS = 2_300
SENT_MS = 1_000


def order(name: str, *steps: tuple[int, str]) -> simex_pb2.TrueOrder:
    transitions = [simex_pb2.OrderTransition(time_ms=at, status=status) for at, status in steps]
    return simex_pb2.TrueOrder(symbol=SYMBOL, client_order_id=name, status=steps[-1][1], transitions=transitions)


def trade(name: str, at_ms: int, number: str = "1") -> simex_pb2.TrueTrade:
    fill = models_pb2.Fill(trade_id=number, price="60000", quantity="0.002")
    return simex_pb2.TrueTrade(symbol=SYMBOL, trade_id=number, client_order_id=name, fill=fill, time_ms=at_ms)


def answered(
    outcome: models_pb2.Outcome.ValueType, *, cancel: bool = False, reason: str = "", at_ms: int = SENT_MS
) -> Ledger:
    kind = {"cancel": models_pb2.CancelOrder()} if cancel else {"place": models_pb2.PlaceOrder()}
    result = models_pb2.ActionResult(client_order_id=BUY, outcome=outcome, reason=reason, recorded_time_ms=at_ms)
    batch = executor_pb2.Batch(actions=[models_pb2.Action(**kind)], results=[result])  # type: ignore[arg-type]  # one of
    return Ledger([batch], {BUY: SENT_MS})


def news(status: models_pb2.OrderStatus.ValueType, at_ms: int = SENT_MS) -> models_pb2.OrderUpdate:
    return models_pb2.OrderUpdate(client_order_id=BUY, status=status, recorded_time_ms=at_ms)


THERE = simex_pb2.Truth(orders=[order(BUY, (SENT_MS, "NEW"))])
NOT_THERE = simex_pb2.Truth()


@pytest.mark.parametrize(
    ("truth", "ledger", "wrong"),
    [
        (THERE, answered(models_pb2.OUTCOME_ACCEPTED), False),
        (NOT_THERE, answered(models_pb2.OUTCOME_ACCEPTED), True),
        (NOT_THERE, answered(models_pb2.OUTCOME_REJECTED), False),
        (THERE, answered(models_pb2.OUTCOME_REJECTED), True),
        (THERE, answered(models_pb2.OUTCOME_NOT_SENT), True),
        (THERE, answered(models_pb2.OUTCOME_UNKNOWN), False),
        (THERE, answered(models_pb2.OUTCOME_CANCELLED, cancel=True), True),
        (THERE, answered(models_pb2.OUTCOME_REJECTED, cancel=True), False),
        (NOT_THERE, answered(models_pb2.OUTCOME_REJECTED, reason="NOT_PLACED", at_ms=SENT_MS + WINDOW_MS), False),
        (NOT_THERE, answered(models_pb2.OUTCOME_REJECTED, reason="NOT_PLACED", at_ms=SENT_MS + 2_000), True),
    ],
)  # fmt: skip
def test_an_answer_that_the_book_contradicts_or_that_came_too_early_is_a_guess(
    truth: simex_pb2.Truth, ledger: Ledger, wrong: bool
) -> None:
    assert bool(guesses(truth, ledger, [], WINDOW_MS)) is wrong


@pytest.mark.parametrize(
    ("truth", "update", "wrong"),
    [
        (THERE, news(models_pb2.ORDER_STATUS_OPEN), False),
        (NOT_THERE, news(models_pb2.ORDER_STATUS_OPEN), True),
        (THERE, news(models_pb2.ORDER_STATUS_FILLED), True),
        (simex_pb2.Truth(orders=[order(BUY, (1, "NEW"), (2, "FILLED"))]), news(models_pb2.ORDER_STATUS_FILLED), False),
        (THERE, news(models_pb2.ORDER_STATUS_NOT_PLACED, SENT_MS + WINDOW_MS), True),
        (NOT_THERE, news(models_pb2.ORDER_STATUS_NOT_PLACED, SENT_MS + WINDOW_MS), False),
        (NOT_THERE, news(models_pb2.ORDER_STATUS_NOT_PLACED, SENT_MS + 1_500), True),
    ],
)  # fmt: skip
def test_news_that_the_book_contradicts_or_that_came_too_early_is_a_guess(
    truth: simex_pb2.Truth, update: models_pb2.OrderUpdate, wrong: bool
) -> None:
    assert bool(guesses(truth, Ledger([], {BUY: SENT_MS}), [update], WINDOW_MS)) is wrong


def test_a_foreign_order_is_untouched_while_it_rests_and_is_missed_when_it_is_gone() -> None:
    resting, gone = order("manual order", (1, "NEW")), order("manual order", (1, "NEW"), (2, "CANCELED"))
    assert not touched(simex_pb2.Truth(orders=[resting, order(BUY, (1, "FILLED"))]), PREFIX, 1)
    assert touched(simex_pb2.Truth(orders=[gone]), PREFIX, 1)
    assert touched(simex_pb2.Truth(orders=[resting]), PREFIX, 2)


@pytest.mark.parametrize(("counted", "beyond"), [(1, 0), (3, 2), (0, 0)])
def test_what_the_state_counts_beyond_the_venues_fills_was_applied_twice(counted: int, beyond: int) -> None:
    state = models_pb2.State(symbol=SYMBOL, totals=models_pb2.Totals(fills=counted))
    truth = simex_pb2.Truth(trades=[trade(BUY, 1), trade("manual order", 2, "2")])
    assert len(applied_beyond(truth, Books(state, [], []), PREFIX)) == beyond


def test_an_order_was_unknown_from_its_answer_to_its_first_update() -> None:
    log = [news(models_pb2.ORDER_STATUS_OPEN, 1_900), news(models_pb2.ORDER_STATUS_CANCELED, 9_000)]
    assert unknown_ms(answered(models_pb2.OUTCOME_UNKNOWN), log) == {BUY: 900}
    assert unknown_ms(answered(models_pb2.OUTCOME_ACCEPTED), log) == {}


BOUGHT = [order(BUY, (100, "NEW"), (200, "FILLED"))]


@pytest.mark.parametrize(
    ("orders", "restarted_ms", "protected"),
    [
        ([*BOUGHT, order(SELL, (650, "NEW"))], 400, 250),
        ([*BOUGHT, order(SELL, (350, "NEW"))], 400, None),  # nothing was missing
        (BOUGHT, 400, -1),
        ([order(BUY, (100, "NEW"), (200, "PARTIALLY_FILLED"))], 400, None),  # its exit comes once it has ended
        ([*BOUGHT, order(SELL, (300, "NEW"), (320, "CANCELED"), (900, "NEW"))], 400, 500),
    ],
)
def test_a_grid_is_protected_once_every_level_that_holds_something_has_an_order(
    orders: list[simex_pb2.TrueOrder], restarted_ms: int, protected: int | None
) -> None:
    truth = simex_pb2.Truth(orders=orders, trades=[trade(BUY, 200)])
    assert protected_after_ms(truth, PREFIX, restarted_ms) == protected


def test_levels_in_doubt_are_counted_apart() -> None:
    truth = simex_pb2.Truth(orders=BOUGHT, trades=[trade(BUY, 200)])
    assert protected_after_ms(truth, PREFIX, 400, frozenset({-1})) is None
