"""Requests as the ledger tells them: with every action, how far it has come, and its answer."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from executor.ledger import codec
from executor.ledger.action_status import ActionStatus
from executor.ledger.schema import actions, requests
from gridcore.model.actions import Action, ActionResult, PlaceOrder


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A batch as it arrives."""

    request_id: str
    symbol: str
    epoch: int
    actions: tuple[Action, ...]
    clock_offset_ms: int = 0  # our clock minus the sender's, by which not_after_ms is told


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request was signed with: the venue's time, and how long after it the request can still be accepted.

    `window_ms` is 0 where it never expires, None where an earlier version did not record it.
    """

    timestamp_ms: int
    window_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerAction:
    """An action as the ledger has it. `timestamp_ms` is the venue time that was signed, 0 before."""

    accepted_seq: int
    index: int
    action: Action
    status: ActionStatus
    timestamp_ms: int
    result: ActionResult | None
    window_ms: int | None = None

    @property
    def signed(self) -> Signed:
        """What it was signed with."""
        return Signed(self.timestamp_ms, self.window_ms)


@dataclass(frozen=True, slots=True)
class LedgerRequest:
    """A request as the ledger has it, its actions in order."""

    accepted_seq: int
    request_id: str
    symbol: str
    epoch: int
    digest: str
    accepted_ms: int
    actions: tuple[LedgerAction, ...]

    @property
    def complete(self) -> bool:
        """Whether every action has its answer."""
        return all(action.result is not None for action in self.actions)


def find(connection: sa.Connection, request_id: str) -> LedgerRequest | None:
    """The request by its id, None where the ledger has none."""
    row = connection.execute(sa.select(requests).where(requests.c.request_id == request_id)).first()
    return None if row is None else _load(connection, row)


def page(connection: sa.Connection, symbol: str, after_seq: int, limit: int) -> list[LedgerRequest]:
    """A symbol's requests in the order of acceptance."""
    rows = connection.execute(
        sa.select(requests)
        .where(requests.c.symbol == symbol, requests.c.accepted_seq > after_seq)
        .order_by(requests.c.accepted_seq)
        .limit(limit)
    ).all()
    return [_load(connection, row) for row in rows]


def in_status(connection: sa.Connection, status: ActionStatus) -> list[tuple[str, LedgerAction]]:
    """The actions in a status with their symbols, oldest first."""
    rows = connection.execute(
        sa.select(actions, requests.c.symbol)
        .join(requests, requests.c.accepted_seq == actions.c.accepted_seq)
        .where(actions.c.status == status.value)
        .order_by(actions.c.accepted_seq, actions.c.action_index)
    ).all()
    return [(row.symbol, row_to_action(row)) for row in rows]


def read_action(connection: sa.Connection, accepted_seq: int, index: int) -> LedgerAction:
    """One action as it is now."""
    row = connection.execute(
        sa.select(actions).where(actions.c.accepted_seq == accepted_seq, actions.c.action_index == index)
    ).one()
    return row_to_action(row)


def place_of(connection: sa.Connection, request_id: str, client_order_id: str) -> LedgerAction:
    """The action that placed an order of the ledger."""
    rows = connection.execute(
        sa.select(actions)
        .join(requests, requests.c.accepted_seq == actions.c.accepted_seq)
        .where(requests.c.request_id == request_id, actions.c.client_order_id == client_order_id)
    ).all()
    return next(found for found in map(row_to_action, rows) if isinstance(found.action, PlaceOrder))


def _load(connection: sa.Connection, row: sa.Row[Any]) -> LedgerRequest:
    rows = connection.execute(
        sa.select(actions).where(actions.c.accepted_seq == row.accepted_seq).order_by(actions.c.action_index)
    ).all()
    return LedgerRequest(
        accepted_seq=row.accepted_seq,
        request_id=row.request_id,
        symbol=row.symbol,
        epoch=row.epoch,
        digest=row.digest,
        accepted_ms=row.accepted_ms,
        actions=tuple(row_to_action(found) for found in rows),
    )


def row_to_action(row: sa.Row[Any]) -> LedgerAction:
    """A row of `actions` as a value."""
    return LedgerAction(
        accepted_seq=row.accepted_seq,
        index=row.action_index,
        action=codec.read_action(row.payload),
        status=ActionStatus(row.status),
        timestamp_ms=row.timestamp_ms,
        result=codec.read_result(row.result) if row.result else None,
        window_ms=row.window_ms,
    )
