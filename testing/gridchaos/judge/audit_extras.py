"""Checks beyond the audit: guesses, foreign orders, how long exits and UNKNOWN orders took. Pure, like the audit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.ids import parse_client_order_id
from gridcore.model.orders import Role
from griddeploy.audit.audit import Books
from gridwright.v1 import executor_pb2, models_pb2, simex_pb2

_LIVE = frozenset({"NEW", "PARTIALLY_FILLED", "PENDING_NEW"})
_PLACED = frozenset({models_pb2.OUTCOME_ACCEPTED})
_NOT_PLACED = frozenset({models_pb2.OUTCOME_REJECTED, models_pb2.OUTCOME_NOT_SENT, models_pb2.OUTCOME_EXPIRED})
_GONE = frozenset({models_pb2.OUTCOME_CANCELLED, models_pb2.OUTCOME_ENDED})
_ENDS = {
    models_pb2.ORDER_STATUS_FILLED: {"FILLED"},
    models_pb2.ORDER_STATUS_CANCELED: {"CANCELED"},
    models_pb2.ORDER_STATUS_EXPIRED: {"EXPIRED", "EXPIRED_IN_MATCH"},
}
_CLOCK_MS = 50  # most by which our clock and the venue's clock may differ on one machine
_LEAST_NOTIONAL = 5  # of the example's market: a position worth less gets no exit order of its own


@dataclass(frozen=True, slots=True)
class Ledger:
    """Executor's records of one symbol. `sent_ms` by client order id, for everything ever sent."""

    batches: Sequence[executor_pb2.Batch]
    sent_ms: Mapping[str, int]


def guesses(truth: simex_pb2.Truth, ledger: Ledger, log: Sequence[models_pb2.OrderUpdate], window_ms: int) -> list[str]:
    """P4: recorded outcomes that the book contradicts, and absences recorded before they could be proved, as sentences.

    `window_ms`: how long after its timestamp a place may still arrive or not be visible.
    """
    orders = {order.client_order_id: order for order in truth.orders}
    return [*_wrong_answers(orders, ledger, window_ms), *_wrong_news(orders, ledger, log, window_ms)]


def _wrong_answers(orders: Mapping[str, simex_pb2.TrueOrder], ledger: Ledger, window_ms: int) -> Iterator[str]:
    for batch in ledger.batches:
        for result in batch.results:
            name, order = result.client_order_id, orders.get(result.client_order_id)
            answer = models_pb2.Outcome.Name(result.outcome)
            cancel = batch.actions[result.index].HasField("cancel")
            if cancel:
                if result.outcome in _GONE and order is not None and order.status in _LIVE:
                    yield f"the cancel of {name} was answered {answer}, and it is live"
            elif result.outcome in _PLACED and order is None:
                yield f"{name} was answered {answer}, and the venue never had it"
            elif result.outcome in _NOT_PLACED and order is not None:
                yield f"{name} was answered {answer}, and the venue has it"
            elif result.reason == "NOT_PLACED":
                yield from _too_early(name, result.recorded_time_ms, ledger, window_ms)


def _wrong_news(
    orders: Mapping[str, simex_pb2.TrueOrder],
    ledger: Ledger,
    log: Sequence[models_pb2.OrderUpdate],
    window_ms: int,
) -> Iterator[str]:
    for update in log:
        name, order = update.client_order_id, orders.get(update.client_order_id)
        if update.HasField("fill"):
            continue
        status = models_pb2.OrderStatus.Name(update.status)
        if update.status == models_pb2.ORDER_STATUS_NOT_PLACED:
            if order is not None:
                yield f"{name} was recorded {status}, and the venue has it"
            yield from _too_early(name, update.recorded_time_ms, ledger, window_ms)
        elif order is None:
            yield f"{name} was recorded {status}, and the venue never had it"
        elif update.status in _ENDS and order.status not in _ENDS[update.status]:
            yield f"{name} was recorded {status}, and the venue says {order.status}"


def _too_early(name: str, recorded_ms: int, ledger: Ledger, window_ms: int) -> Iterator[str]:
    sent_ms = ledger.sent_ms.get(name, 0)
    if recorded_ms + _CLOCK_MS < sent_ms + window_ms:
        yield f"{name} was recorded as never placed {recorded_ms - sent_ms} ms after it was sent: too early to know"


def touched(truth: simex_pb2.Truth, prefix: str, placed: int) -> list[str]:
    """P6: changes of foreign orders, of which `placed` were placed and must rest unchanged."""
    foreign = [order for order in truth.orders if not order.client_order_id.startswith(prefix)]
    changed = [order for order in foreign if [each.status for each in order.transitions] != ["NEW"]]
    found = [f"foreign order {order.exchange_order_id} became {order.status}" for order in changed]
    return found if len(foreign) == placed else [*found, f"{len(foreign)} foreign orders instead of {placed}"]


def applied_beyond(truth: simex_pb2.Truth, books: Books, prefix: str) -> list[str]:
    """P3: fills that the state counts beyond those of the venue."""
    traded = len({trade.trade_id for trade in truth.trades if trade.client_order_id.startswith(prefix)})
    counted = books.state.totals.fills
    if counted <= traded:
        return []
    return [f"the state counts {counted} fills, the venue has {traded} of ours"] * (counted - traded)


# -- times


def unknown_ms(ledger: Ledger, log: Sequence[models_pb2.OrderUpdate]) -> dict[str, int]:
    """Returns, for each place that was answered UNKNOWN, how long it took until the log recorded its fate."""
    first: dict[str, int] = {}
    for update in log:
        first.setdefault(update.client_order_id, update.recorded_time_ms)
    return {
        result.client_order_id: max(0, first[result.client_order_id] - result.recorded_time_ms)
        for batch in ledger.batches
        for result in batch.results
        if result.outcome == models_pb2.OUTCOME_UNKNOWN
        and batch.actions[result.index].HasField("place")
        and result.client_order_id in first
    }


def protected_after_ms(
    truth: simex_pb2.Truth, prefix: str, restarted_ms: int, apart: frozenset[int] = frozenset()
) -> int | None:
    """Returns how long after a restart every required exit order was on the book; None if none was missing then.

    One is required for each level that holds a sellable quantity and has no order. Levels in `apart`, such as those
    whose order was UNKNOWN, are not counted. Returns -1 if an exit order was still missing at the end.
    """
    orders = [order for order in truth.orders if order.client_order_id.startswith(prefix)]
    trades = [trade for trade in truth.trades if trade.client_order_id.startswith(prefix)]
    moments = {each.time_ms for order in orders for each in order.transitions} | {trade.time_ms for trade in trades}
    if not _bare(orders, trades, restarted_ms) - apart:
        return None
    for moment in sorted(each for each in moments if each > restarted_ms):
        if not _bare(orders, trades, moment) - apart:
            return moment - restarted_ms
    return -1


def _bare(orders: Sequence[simex_pb2.TrueOrder], trades: Sequence[simex_pb2.TrueTrade], at_ms: int) -> set[int]:
    """Returns the levels that hold something at a time and have no order on the book."""
    held: dict[int, Decimal] = {}
    for trade in trades:
        if trade.time_ms <= at_ms:
            amount = Decimal(trade.fill.quantity) * Decimal(trade.fill.price)
            level, role = _work_of(trade.client_order_id)
            held[level] = held.get(level, Decimal(0)) + (amount if role is Role.OPENING else -amount)
    resting = {_work_of(order.client_order_id)[0] for order in orders if _status(order, at_ms) in _LIVE}
    return {level for level, amount in held.items() if amount >= _LEAST_NOTIONAL} - resting


def level_of(client_order_id: str) -> int:
    """Returns the level of one of our client order ids."""
    return _work_of(client_order_id)[0]


def _work_of(client_order_id: str) -> tuple[int, Role]:
    name = parse_client_order_id(client_order_id)
    if name is None:
        raise ValueError(f"{client_order_id!r} is no client order id of ours")
    return name.level, name.role


def _status(order: simex_pb2.TrueOrder, at_ms: int) -> str:
    """Returns the order's status at a time, empty before it existed."""
    return next((each.status for each in reversed(order.transitions) if each.time_ms <= at_ms), "")
