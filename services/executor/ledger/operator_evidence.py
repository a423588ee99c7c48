"""Operators' words on orders that were UNKNOWN: who said what, why and when, in one transaction with its effect.

Whether a word may be believed is `last_resort`'s to find out before; what may have changed meanwhile is checked here.
"""

from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

import sqlalchemy as sa

from executor.ledger import orders, requests, transitions, updates
from executor.ledger.action_status import ActionStatus
from executor.ledger.orders import OrderRecord
from executor.ledger.requests import LedgerAction
from executor.ledger.schema import words
from gridcore.model.orders import OrderStatus
from gridrpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound


class StatementKind(Enum):
    """What an operator says of an order that is UNKNOWN, or open and not shown."""

    PLACED = "PLACED"  # the venue has it, under the named id
    NEVER_PLACED = "NEVER_PLACED"  # it never reached the book and never will
    GONE = "GONE"  # it was open and the venue shows it nowhere any more: it has ended


@dataclass(frozen=True, slots=True)
class OperatorStatement:
    """An operator's word. `exchange_order_id` comes with PLACED alone; `request_id` makes it one however often said."""

    request_id: str
    symbol: str
    client_order_id: str
    evidence: StatementKind
    exchange_order_id: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class RecordedStatement:
    """A word that was taken, and when, in local Unix time."""

    word: OperatorStatement
    recorded_ms: int


def find(connection: sa.Connection, request_id: str) -> RecordedStatement | None:
    """The word that was given under this id, None where there is none."""
    row = connection.execute(sa.select(words).where(words.c.request_id == request_id)).first()
    return None if row is None else _given(row)


def of_order(connection: sa.Connection, client_order_id: str) -> RecordedStatement | None:
    """The word that resolved an order, None where none did."""
    row = connection.execute(sa.select(words).where(words.c.client_order_id == client_order_id)).first()
    return None if row is None else _given(row)


def said_before(connection: sa.Connection, word: OperatorStatement) -> bool:
    """Whether this very word was taken already. Raises AlreadyExists where its id stands for another one."""
    given = find(connection, word.request_id)
    if given is None:
        return False
    before, now = asdict(given.word), asdict(word)
    for field in before:
        if before[field] != now[field]:
            raise AlreadyExists(
                f"request_id {word.request_id!r} stands for another word: its {field} was {_text(before[field])!r}, is "
                f"{_text(now[field])!r}; use a new id for a new word",
                reason="OTHER_CONTENTS",
            )
    return True


def doubted(connection: sa.Connection, word: OperatorStatement) -> LedgerAction:
    """The place that the word is about, if its outcome is in doubt and the venue has not shown its order yet.

    Raises NotFound, InvalidArgument for an order of another symbol, FailedPrecondition with the order's status.
    """
    name = word.client_order_id
    order = orders.by_client_id(connection, name)
    if order is None:
        raise NotFound(f"client_order_id {name!r} is not in the ledger: it was never placed here")
    if order.symbol != word.symbol:
        raise InvalidArgument(f"symbol = {word.symbol!r}: order {name} is of {order.symbol}")
    action = requests.place_of(connection, order.request_id, name)
    if order.status is not OrderStatus.UNKNOWN or action.status is not ActionStatus.UNKNOWN:
        raise FailedPrecondition(f"order {name} {_readiness(order)}: there is nothing to resolve", reason="NOT_UNKNOWN")
    if order.exchange_order_id:
        raise FailedPrecondition(
            f"order {name} was shown by the venue as {order.exchange_order_id}: the executor is about to record it",
            reason="SHOWN",
        )
    return action


def open_one(connection: sa.Connection, word: OperatorStatement) -> OrderRecord:
    """The order that the word is about, if it is open as far as the ledger knows.

    Raises NotFound, InvalidArgument for an order of another symbol, FailedPrecondition with the order's status.
    """
    name = word.client_order_id
    order = orders.by_client_id(connection, name)
    if order is None:
        raise NotFound(f"client_order_id {name!r} is not in the ledger: it was never placed here")
    if order.symbol != word.symbol:
        raise InvalidArgument(f"symbol = {word.symbol!r}: order {name} is of {order.symbol}")
    if order.status is not OrderStatus.OPEN:
        raise FailedPrecondition(f"order {name} {_readiness(order)}: it cannot be gone", reason="NOT_OPEN")
    if (given := of_order(connection, name)) is not None:
        raise FailedPrecondition(
            f"order {name} was resolved by the word of {given.word.who} before: a second one is not kept",
            reason="SAID_BEFORE",
        )
    return order


def give(connection: sa.Connection, word: OperatorStatement, now_ms: int) -> None:
    """Takes the word, once: PLACED lets the order be known by its id, NEVER_PLACED ends it.

    Raises as `said_before` and `doubted`: another operator, or evidence, may have come first.
    """
    if said_before(connection, word):
        return
    record = open_one(connection, word) if word.evidence is StatementKind.GONE else None
    action = None if record is not None else doubted(connection, word)
    values = asdict(word) | {"evidence": word.evidence.value, "recorded_ms": now_ms}
    connection.execute(sa.insert(words).values(values))
    match word.evidence:
        case StatementKind.PLACED:
            orders.learn_exchange_id(connection, word.client_order_id, word.exchange_order_id)
        case StatementKind.NEVER_PLACED:
            updates.append_not_placed(connection, word.client_order_id, now_ms)
            assert action is not None
            transitions.resolve(connection, action)
        case StatementKind.GONE:
            assert record is not None
            updates.append_gone(connection, record, now_ms)


def _readiness(order: OrderRecord) -> str:
    if order.status is None or order.status is OrderStatus.UNKNOWN:
        return "is being sent"
    return f"is {order.status.value}"


def _text(value: object) -> object:
    return value.value if isinstance(value, StatementKind) else value


def _given(row: sa.Row[Any]) -> RecordedStatement:
    word = OperatorStatement(
        request_id=row.request_id,
        symbol=row.symbol,
        client_order_id=row.client_order_id,
        evidence=StatementKind(row.evidence),
        exchange_order_id=row.exchange_order_id,
        who=row.who,
        why=row.why,
    )
    return RecordedStatement(word, row.recorded_ms)
