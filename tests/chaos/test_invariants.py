"""Invariants of a storm: each broken promise is reported by its number, and a healthy grid reports nothing."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from gridchaos.judge.invariants import Watch, doubles, guesses, late, strays, unasked
from gridchaos.judge.protection import unprotected
from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import Role
from griddeploy.audit.audit import Books
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

BOT, SYMBOL = "bot", "BTC/USDT"
PREFIX = id_prefix(BOT, SYMBOL)
ACCEPTED, REJECTED = models_pb2.OUTCOME_ACCEPTED, models_pb2.OUTCOME_REJECTED
SAFE, RUNNING, ENTERING = models_pb2.MODE_SAFE, models_pb2.MODE_RUNNING, models_pb2.MODE_ENTERING


def name(level: int, *, epoch: int = 1, seq: int = 1, role: Role = Role.OPENING) -> str:
    return client_order_id(PREFIX, role, level, epoch, seq, 0)


def order(client_id: str, status: str = "NEW", number: str = "1") -> simex_pb2.TrueOrder:
    return simex_pb2.TrueOrder(symbol=SYMBOL, client_order_id=client_id, exchange_order_id=number, status=status)


def truth(*orders: simex_pb2.TrueOrder, trades: int = 0) -> simex_pb2.Truth:
    traded = [simex_pb2.TrueTrade(trade_id=str(number), client_order_id=name(0)) for number in range(trades)]
    return simex_pb2.Truth(orders=orders, trades=traded)


@dataclass
class Journal:
    """Steps of one action each."""

    steps: list[orchestrator_pb2.TradingStep] = field(default_factory=list)
    log: list[models_pb2.OrderUpdate] = field(default_factory=list)

    def place(self, client_id: str, outcome: models_pb2.Outcome.ValueType) -> "Journal":
        return self._step(models_pb2.Action(place=models_pb2.PlaceOrder(client_order_id=client_id)), client_id, outcome)

    def cancel(self, client_id: str, outcome: models_pb2.Outcome.ValueType) -> "Journal":
        return self._step(
            models_pb2.Action(cancel=models_pb2.CancelOrder(client_order_id=client_id)), client_id, outcome
        )

    def says(self, client_id: str, status: models_pb2.OrderStatus.ValueType) -> "Journal":
        self.log.append(models_pb2.OrderUpdate(client_order_id=client_id, status=status))
        return self

    @property
    def books(self) -> Books:
        return Books(models_pb2.State(symbol=SYMBOL), self.steps, self.log)

    def _step(self, action: models_pb2.Action, client_id: str, outcome: models_pb2.Outcome.ValueType) -> "Journal":
        result = models_pb2.ActionResult(index=0, client_order_id=client_id, outcome=outcome)
        self.steps.append(orchestrator_pb2.TradingStep(plan=models_pb2.Plan(actions=[action]), results=[result]))
        return self


def answer(
    *, seq: int = 1, fills: int = 0, mode: models_pb2.Mode.ValueType = RUNNING, offset: int = 0, epoch: int = 1
) -> orchestrator_pb2.GetStateResponse:
    state = models_pb2.State(
        seq=seq,
        epoch=epoch,
        event_offset=offset,
        totals=models_pb2.Totals(fills=fills),
        risk=models_pb2.RiskFlags(mode=mode),
    )
    return orchestrator_pb2.GetStateResponse(state=state)


def promises(found: Iterable[str]) -> list[str]:
    """The promises that the sentences are about."""
    return [sentence.partition(":")[0] for sentence in found]


def test_a_healthy_grid_has_no_findings() -> None:
    watch, placed = Watch(BOT, SYMBOL), name(1)
    book = truth(order(placed), order("theirs", number="2"), trades=2)
    for seq in (1, 2, 2):
        watch.look(answer(seq=seq, fills=2), book)
    journal = Journal().place(placed, ACCEPTED).books
    assert watch.problems == []
    assert not [*guesses(journal, book, [placed]), *unasked(journal, book, PREFIX), *late(journal, [placed])]


def test_two_orders_of_one_name_or_of_one_slot_are_reported() -> None:
    assert promises(doubles(PREFIX, truth(order(name(1), "FILLED"), order(name(1), "FILLED", "2")))) == ["P1"]
    assert promises(doubles(PREFIX, truth(order(name(1)), order(name(1, seq=2), number="2")))) == ["P1"]
    assert promises(doubles(PREFIX, truth(order(name(1), "CANCELED"), order(name(1, seq=2), number="2")))) == []


def test_an_order_that_no_step_asked_for_is_reported() -> None:
    assert promises(unasked(Journal().place(name(1), ACCEPTED).books, truth(order(name(2))), PREFIX)) == ["P1"]


@pytest.mark.parametrize(
    "later", [answer(seq=1, fills=1), answer(seq=2, fills=0), answer(seq=2, fills=1, epoch=0), answer(seq=2, fills=2)]
)
def test_a_state_that_goes_back_or_knows_more_than_the_venue_is_reported(
    later: orchestrator_pb2.GetStateResponse,
) -> None:
    watch = Watch(BOT, SYMBOL)
    watch.look(answer(seq=2, fills=1), truth(trades=1))
    watch.look(later, truth(trades=1))
    assert promises(watch.problems) == ["P3"]


@pytest.mark.parametrize(
    "journal",
    [
        Journal().place(name(1), REJECTED),
        Journal().place(name(1), models_pb2.OUTCOME_NOT_SENT),
        Journal().place(name(1), models_pb2.OUTCOME_EXPIRED),
        Journal().place(name(2), ACCEPTED),
        Journal().cancel(name(1), models_pb2.OUTCOME_CANCELLED),
        Journal().cancel(name(1), models_pb2.OUTCOME_ENDED),
        Journal().says(name(1), models_pb2.ORDER_STATUS_NOT_PLACED),
    ],
)
def test_an_outcome_that_the_book_contradicts_is_reported(journal: Journal) -> None:
    assert promises(guesses(journal.books, truth(order(name(1))), [])) == ["P4"]


def test_an_order_that_was_sent_and_lost_is_no_order_that_was_not_sent() -> None:
    journal = Journal().place(name(1), models_pb2.OUTCOME_NOT_SENT).books
    assert promises(guesses(journal, truth(), [name(1)])) == ["P4"]
    assert promises(guesses(journal, truth(), [])) == []


def test_a_halt_that_ends_by_itself_is_reported_and_one_that_an_operator_ends_is_not() -> None:
    watch = Watch(BOT, SYMBOL)
    watch.expect_halt()
    for mode in (RUNNING, ENTERING, SAFE):  # the command is recorded before it is executed
        watch.look(answer(mode=mode), truth())
    assert watch.problems == []
    assert watch.halt_seen
    watch.look(answer(mode=RUNNING), truth())
    assert promises(watch.problems) == ["P5"]
    watch.expect_nothing()
    watch.look(answer(mode=RUNNING, seq=2), truth())
    assert len(watch.problems) == 1


def test_a_state_read_before_the_command_proves_nothing_of_its_halt() -> None:
    watch = Watch(BOT, SYMBOL)
    words = watch.words
    watch.expect_halt()
    watch.look(answer(mode=SAFE), truth(), words)  # of the halt before
    watch.look(answer(mode=RUNNING), truth(), watch.words)
    assert watch.problems == []
    assert not watch.halt_seen


def test_an_opening_order_in_safe_mode_is_reported_and_a_closing_one_is_not() -> None:
    watch = Watch(BOT, SYMBOL)
    watch.expect_halt()
    watch.look(answer(mode=SAFE), truth())
    watch.look(answer(mode=SAFE), truth(order(name(1, role=Role.CLOSING))))
    assert watch.problems == []
    watch.look(answer(mode=SAFE), truth(order(name(1))))
    assert promises(watch.problems) == ["P5"]


@pytest.mark.parametrize("after", [[], [order("theirs", "CANCELED")], [order("theirs", "FILLED")]])
def test_a_foreign_order_that_was_touched_is_reported(after: list[simex_pb2.TrueOrder]) -> None:
    watch = Watch(BOT, SYMBOL)
    watch.look(answer(), truth(order("theirs")))
    watch.look(answer(), truth(*after))
    assert promises(watch.problems) == ["P6"]
    assert watch.foreign_touched == {"1"}


def test_an_order_behind_one_of_a_newer_epoch_is_reported_unless_it_was_in_flight() -> None:
    old, new = name(1, epoch=3), name(2, epoch=4)
    assert promises(late(Journal().books, [old, new])) == []
    assert promises(late(Journal().place(old, ACCEPTED).books, [new, old])) == ["P7"]
    assert promises(late(Journal().place(old, models_pb2.OUTCOME_UNKNOWN).books, [new, old])) == []


def test_an_orphan_is_reported_and_so_is_an_order_of_a_slot_that_does_not_rest() -> None:
    waiting = models_pb2.InventorySlot(order=models_pb2.SlotOrder(client_order_id=name(1)))
    state = models_pb2.State(slots={"100": waiting})
    assert promises(strays(PREFIX, state, truth(order(name(1))))) == []
    assert promises(strays(PREFIX, state, truth(order(name(1)), order(name(2), number="2")))) == ["P2"]
    assert promises(strays(PREFIX, state, truth(order(name(1), "FILLED")))) == ["P2"]


@pytest.mark.parametrize(
    ("slot", "missing"),
    [
        (models_pb2.InventorySlot(position_status=models_pb2.POSITION_STATUS_EMPTY), 0),
        (models_pb2.InventorySlot(position_status=models_pb2.POSITION_STATUS_FILLED), 1),
        (
            models_pb2.InventorySlot(
                position_status=models_pb2.POSITION_STATUS_FILLED,
                order=models_pb2.SlotOrder(client_order_id=name(1), status=models_pb2.ORDER_STATUS_OPEN),
            ),
            1,
        ),
        (
            models_pb2.InventorySlot(
                position_status=models_pb2.POSITION_STATUS_FILLED,
                order=models_pb2.SlotOrder(client_order_id=name(1), status=models_pb2.ORDER_STATUS_UNKNOWN),
            ),
            0,
        ),
        (
            models_pb2.InventorySlot(
                position_status=models_pb2.POSITION_STATUS_FILLED,
                order=models_pb2.SlotOrder(client_order_id=name(2), status=models_pb2.ORDER_STATUS_OPEN),
            ),
            0,
        ),
    ],
    ids=["empty", "no-order", "not-on-the-venue", "in-doubt", "protected"],
)
def test_a_filled_slot_is_protected_by_an_order_on_the_venue(slot: models_pb2.InventorySlot, missing: int) -> None:
    state = models_pb2.State(slots={"100": slot})
    assert len(list(unprotected(state, truth(order(name(2)))))) == missing


def test_a_fill_that_the_state_has_not_applied_is_not_protected() -> None:
    state = models_pb2.State(totals=models_pb2.Totals(fills=1))
    assert len(list(unprotected(state, truth(), 2))) == 1
    assert not list(unprotected(state, truth(), 1))
