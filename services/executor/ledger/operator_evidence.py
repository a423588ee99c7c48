"""Operator statements on UNKNOWN orders: who, what, why and when, recorded in one transaction with their effect.

`operator_resolution` verifies the statement against the venue first. This module re-checks the preconditions inside the
transaction.
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
    """What an operator states about an order that is UNKNOWN, or open and not shown."""

    PLACED = "PLACED"  # the venue has it, under the given id
    NEVER_PLACED = "NEVER_PLACED"  # it never reached the book and never will
    GONE = "GONE"  # it was open and the venue no longer shows it: it has ended


@dataclass(frozen=True, slots=True)
class OperatorStatement:
    """Statement of an operator. `exchange_order_id` is set only with PLACED; `request_id` makes repeats idempotent."""

    request_id: str
    symbol: str
    client_order_id: str
    evidence: StatementKind
    exchange_order_id: str
    who: str
    why: str


@dataclass(frozen=True, slots=True)
class RecordedStatement:
    """A statement that was accepted, and when, in local Unix time (ms)."""

    word: OperatorStatement
    recorded_ms: int


def find(connection: sa.Connection, request_id: str) -> RecordedStatement | None:
    """Returns the statement with this request id, None if there is none."""
    row = connection.execute(sa.select(words).where(words.c.request_id == request_id)).first()
    return None if row is None else _given(row)


def of_order(connection: sa.Connection, client_order_id: str) -> RecordedStatement | None:
    """Returns the statement that resolved an order, None if none did."""
    row = connection.execute(sa.select(words).where(words.c.client_order_id == client_order_id)).first()
    return None if row is None else _given(row)


def said_before(connection: sa.Connection, word: OperatorStatement) -> bool:
    """Returns whether this statement was accepted before. Raises AlreadyExists if its id was used for another one."""
    given = find(connection, word.request_id)
    if given is None:
        return False
    before, now = asdict(given.word), asdict(word)
    for field in before:
        if before[field] != now[field]:
            raise AlreadyExists(
                f"request_id {word.request_id!r} was used for another statement: its {field} was "
                f"{_text(before[field])!r}, is {_text(now[field])!r}; use a new id for a new statement",
                reason="OTHER_CONTENTS",
            )
    return True


def doubted(connection: sa.Connection, word: OperatorStatement) -> LedgerAction:
    """Returns the place action of the statement, if its outcome is in doubt and the venue has not shown its order yet.

    Raises NotFound, InvalidArgument for an order of another symbol, FailedPrecondition with the order's status.
    """
    name, order = word.client_order_id, _order_of(connection, word)
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
    """Returns the order of the statement, if it is open in the ledger.

    Raises NotFound, InvalidArgument for an order of another symbol, FailedPrecondition with the order's status.
    """
    name, order = word.client_order_id, _order_of(connection, word)
    if order.status is not OrderStatus.OPEN:
        raise FailedPrecondition(f"order {name} {_readiness(order)}: it cannot be gone", reason="NOT_OPEN")
    if (given := of_order(connection, name)) is not None:
        raise FailedPrecondition(
            f"order {name} was already resolved by the statement of {given.word.who}: a second one is not recorded",
            reason="SAID_BEFORE",
        )
    return order


def give(connection: sa.Connection, word: OperatorStatement, now_ms: int) -> None:
    """Records the statement once. PLACED stores the order's exchange id, NEVER_PLACED and GONE end the order.

    Raises the errors of `said_before`, `doubted` and `open_one`: another operator, or evidence, may have come first.
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


def _order_of(connection: sa.Connection, word: OperatorStatement) -> OrderRecord:
    name = word.client_order_id
    order = orders.by_client_id(connection, name)
    if order is None:
        raise NotFound(f"client_order_id {name!r} is not in the ledger: it was never placed here")
    if order.symbol != word.symbol:
        raise InvalidArgument(f"symbol = {word.symbol!r}: order {name} is of {order.symbol}")
    return order


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
