"""Invariants that hold at all times, and those that hold at rest: violations of P1 to P7 as sentences. Pure.

The venue's oracle is the judge; states, journal and update log are compared with it. The audit covers P2 and P3 at
rest; this module covers what the audit does not see, and what can be checked while everything moves.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from gridcore.model.ids import OrderName, id_prefix, parse_client_order_id
from gridcore.model.orders import Role
from griddeploy.audit.audit import Books
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

LIVE = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})  # in Binance's terms
_HALTED = frozenset({models_pb2.MODE_ENTERING, models_pb2.MODE_SAFE})


class Watch:
    """Observes one grid repeatedly, and remembers enough to detect forbidden changes."""

    def __init__(self, bot: str, symbol: str) -> None:
        self.problems: list[str] = []
        self.foreign_touched: set[str] = set()
        self._prefix = id_prefix(bot, symbol)
        self._last = orchestrator_pb2.GetStateResponse()
        self._foreign: set[str] = set()
        self._released: set[str] = set()
        self._halted: bool | None = None  # None: no command was sent
        self.words = 0  # commands about halts that were sent

    def expect_halt(self) -> None:
        """Records that an operator's halt is committed: once seen, it must stay until safe mode is exited."""
        self._halted = False
        self.words += 1

    def expect_nothing(self) -> None:
        """Records that safe mode is about to be exited."""
        self._halted = None
        self.words += 1

    def expect_gone(self, exchange_order_id: str) -> None:
        """Records that the owner of a foreign order is about to cancel it."""
        self._released.add(exchange_order_id)

    @property
    def halt_seen(self) -> bool:
        """Whether the grid was seen in safe mode, or entering it, since the command."""
        return bool(self._halted)

    def look(self, answer: orchestrator_pb2.GetStateResponse, truth: simex_pb2.Truth, words: int | None = None) -> None:
        """Checks one state, and the oracle read right after it; `words` counts the commands sent before both."""
        told = words is None or words == self.words  # otherwise it may belong to the previous halt, or to none
        found = [
            *doubles(self._prefix, truth),
            *self._backwards(answer.state),
            *self._unknown_fills(answer.state, truth),
            *(self._halt_broken(answer.state, truth) if told else ()),
            *self._touched(truth),
        ]
        self.problems += [each for each in found if each not in self.problems]
        self._last = answer

    def _backwards(self, state: models_pb2.State) -> Iterator[str]:
        before = self._last.state
        pairs = (
            ("seq", before.seq, state.seq),
            ("epoch", before.epoch, state.epoch),
            ("event_offset", before.event_offset, state.event_offset),
            ("fills", before.totals.fills, state.totals.fills),
        )
        for name, earlier, later in pairs:
            if later < earlier:
                yield f"P3: the state's {name} went back from {earlier} to {later}"

    def _unknown_fills(self, state: models_pb2.State, truth: simex_pb2.Truth) -> Iterator[str]:
        traded = sum(trade.client_order_id.startswith(self._prefix) for trade in truth.trades)
        if state.totals.fills > traded:
            yield f"P3: the state has {state.totals.fills} fills, the venue {traded}"

    def _halt_broken(self, state: models_pb2.State, truth: simex_pb2.Truth) -> Iterator[str]:
        if self._halted is None:
            return
        halted = state.risk.mode in _HALTED
        if self._halted and not halted:
            yield f"P5: a halt that nobody lifted ended at seq {state.seq}"
        self._halted = self._halted or halted
        if self._halted and {state.risk.mode, self._last.state.risk.mode} == {models_pb2.MODE_SAFE}:
            for order in truth.orders:
                name = self._name(order)
                if name is not None and name.role is Role.OPENING and order.status in LIVE:
                    yield f"P5: opening order {order.client_order_id} rests in safe mode"

    def _touched(self, truth: simex_pb2.Truth) -> Iterator[str]:
        foreign = {
            order.exchange_order_id: order
            for order in truth.orders
            if not order.client_order_id.startswith(self._prefix)
        }
        for exchange_order_id in sorted(self._foreign - self._released):
            order = foreign.get(exchange_order_id)
            if order is None or order.status != "NEW":
                self.foreign_touched.add(exchange_order_id)
                status = "gone" if order is None else order.status
                yield f"P6: order {exchange_order_id}, which is not ours, is {status}"
        self._foreign |= {exchange_order_id for exchange_order_id, order in foreign.items() if order.status == "NEW"}

    def _name(self, order: simex_pb2.TrueOrder) -> OrderName | None:
        ours = order.client_order_id.startswith(self._prefix)
        return parse_client_order_id(order.client_order_id) if ours else None


def doubles(prefix: str, truth: simex_pb2.Truth) -> Iterator[str]:
    """P1: client ids with two orders, slots with two live orders."""
    ours = [order for order in truth.orders if order.client_order_id.startswith(prefix)]
    for client_order_id, count in Counter(order.client_order_id for order in ours).items():
        if count > 1:
            yield f"P1: {count} orders are called {client_order_id}"
    names = [parse_client_order_id(order.client_order_id) for order in ours if order.status in LIVE]
    for level, count in Counter(name.level for name in names if name is not None).items():
        if count > 1:
            yield f"P1: {count} live orders at level {level}"


def guesses(book: Books, truth: simex_pb2.Truth, sent: Iterable[str]) -> Iterator[str]:
    """P4: recorded outcomes that the venue's book contradicts. At rest; `sent` are the ids sent to the venue."""
    orders = {order.client_order_id: order for order in truth.orders}
    reached = {*sent, *orders}
    for step in book.steps:
        for result in step.results:
            kind = step.plan.actions[result.index].WhichOneof("kind")
            live = result.client_order_id in orders and orders[result.client_order_id].status in LIVE
            wrong: dict[tuple[str | None, models_pb2.Outcome.ValueType], bool] = {
                ("place", models_pb2.OUTCOME_ACCEPTED): result.client_order_id not in orders,
                ("place", models_pb2.OUTCOME_REJECTED): result.client_order_id in orders,
                ("place", models_pb2.OUTCOME_NOT_SENT): result.client_order_id in reached,
                ("place", models_pb2.OUTCOME_EXPIRED): result.client_order_id in reached,
                ("cancel", models_pb2.OUTCOME_CANCELLED): live,
                ("cancel", models_pb2.OUTCOME_ENDED): live,
            }
            if wrong.get((kind, result.outcome), False):
                outcome = models_pb2.Outcome.Name(result.outcome)
                yield f"P4: the {kind} of {result.client_order_id} is {outcome} ({result.reason}), and is not"
    for update in book.log:
        if update.status == models_pb2.ORDER_STATUS_NOT_PLACED and update.client_order_id in orders:
            yield f"P4: the log says that {update.client_order_id} was never placed, and the venue has it"


def unasked(book: Books, truth: simex_pb2.Truth, prefix: str) -> Iterator[str]:
    """P1: orders of ours on the venue that no step of the journal asked for."""
    asked = {action.place.client_order_id for step in book.steps for action in step.plan.actions}
    for order in truth.orders:
        if order.client_order_id.startswith(prefix) and order.client_order_id not in asked:
            yield f"P1: {order.client_order_id} is on the venue and in no step"


def late(book: Books, sent: Sequence[str]) -> Iterator[str]:
    """P7: orders that reached the venue after one of a newer epoch; `sent` is in the sequence of arrival.

    One that was answered UNKNOWN was in flight when the fence was raised: it cannot be recalled.
    """
    doubtful = {
        result.client_order_id
        for step in book.steps
        for result in step.results
        if result.outcome == models_pb2.OUTCOME_UNKNOWN
    }
    newest = 0
    for client_order_id in sent:
        name = parse_client_order_id(client_order_id)
        if name is None:
            continue
        if name.epoch < newest and client_order_id not in doubtful:
            yield f"P7: {client_order_id} of epoch {name.epoch} arrived behind one of epoch {newest}"
        newest = max(newest, name.epoch)


def strays(prefix: str, state: models_pb2.State, truth: simex_pb2.Truth) -> Iterator[str]:
    """P2 at rest: live orders of ours that no slot has, and orders of slots that do not rest."""
    live = {
        order.client_order_id
        for order in truth.orders
        if order.client_order_id.startswith(prefix) and order.status in LIVE
    }
    known = {slot.order.client_order_id for slot in state.slots.values() if slot.HasField("order")}
    for client_order_id in sorted(live - known):
        yield f"P2: {client_order_id} rests on the venue and is in no slot"
    for client_order_id in sorted(known - live):
        yield f"P2: a slot waits for {client_order_id}, which does not rest"
