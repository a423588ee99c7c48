"""Requests in the ledger: their actions with status and result."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from executor.ledger import codec
from executor.ledger.action_status import ActionStatus
from executor.ledger.schema import actions, requests
from gridcore.model.actions import Action, ActionResult, PlaceOrder


@dataclass(frozen=True, slots=True)
class NewRequest:
    """A request as received."""

    request_id: str
    symbol: str
    epoch: int
    actions: tuple[Action, ...]
    clock_offset_ms: int = 0  # our clock minus the sender's; converts not_after_ms


@dataclass(frozen=True, slots=True)
class Signed:
    """What a request was signed with: the venue's time, and how long after it (ms) the request can still be accepted.

    `window_ms` is 0 if the request never expires, None if an earlier version did not record it.
    """

    timestamp_ms: int
    window_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LedgerAction:
    """An action in the ledger. `timestamp_ms` is the signed venue time, 0 before."""

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
    """A request in the ledger, its actions in order."""

    accepted_seq: int
    request_id: str
    symbol: str
    epoch: int
    digest: str
    accepted_ms: int
    actions: tuple[LedgerAction, ...]

    @property
    def complete(self) -> bool:
        """Whether every action has its result."""
        return all(action.result is not None for action in self.actions)


def find(connection: sa.Connection, request_id: str) -> LedgerRequest | None:
    """Returns the request with this id, None if the ledger has none."""
    row = connection.execute(sa.select(requests).where(requests.c.request_id == request_id)).first()
    return None if row is None else _load(connection, row)


def page(connection: sa.Connection, symbol: str, after_seq: int, limit: int) -> list[LedgerRequest]:
    """Returns a symbol's requests in the order of acceptance."""
    rows = connection.execute(
        sa.select(requests)
        .where(requests.c.symbol == symbol, requests.c.accepted_seq > after_seq)
        .order_by(requests.c.accepted_seq)
        .limit(limit)
    ).all()
    return [_load(connection, row) for row in rows]


def in_status(connection: sa.Connection, status: ActionStatus) -> list[tuple[str, LedgerAction]]:
    """Returns the actions in a status with their symbols, oldest first."""
    rows = connection.execute(
        sa.select(actions, requests.c.symbol)
        .join(requests, requests.c.accepted_seq == actions.c.accepted_seq)
        .where(actions.c.status == status.value)
        .order_by(actions.c.accepted_seq, actions.c.action_index)
    ).all()
    return [(row.symbol, row_to_action(row)) for row in rows]


def read_action(connection: sa.Connection, accepted_seq: int, index: int) -> LedgerAction:
    """Returns one action in its current state."""
    row = connection.execute(
        sa.select(actions).where(actions.c.accepted_seq == accepted_seq, actions.c.action_index == index)
    ).one()
    return row_to_action(row)


def place_of(connection: sa.Connection, request_id: str, client_order_id: str) -> LedgerAction:
    """Returns the action that placed an order of the ledger."""
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
    """Converts a row of `actions`."""
    return LedgerAction(
        accepted_seq=row.accepted_seq,
        index=row.action_index,
        action=codec.read_action(row.payload),
        status=ActionStatus(row.status),
        timestamp_ms=row.timestamp_ms,
        result=codec.read_result(row.result) if row.result else None,
        window_ms=row.window_ms,
    )
