"""Acceptance of requests: recorded once, with all actions as INTENT, before anything is sent."""

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from executor.ledger import codec, fences
from executor.ledger.action_status import ActionStatus
from executor.ledger.requests import LedgerRequest, NewRequest, find
from executor.ledger.schema import actions, orders, requests
from executor.ledger.transitions import fenced_message, withdraw
from gridcore.model.actions import Action, CancelOrder, Outcome, PlaceOrder
from gridcore.model.money import canonical
from gridrpc.errors import AlreadyExists, FailedPrecondition, InvalidArgument

INTENT_ORDER = "INTENT"  # status of an order before it is sent, besides those of OrderStatus


def accept(connection: sa.Connection, request: NewRequest, now_ms: int) -> LedgerRequest:
    """Records the request, or returns the recorded one if the id is known. Nothing has been sent when it returns.

    If the fence is above its epoch, a new request is recorded with all actions NOT_SENT. Raises AlreadyExists if the id
    was used for other contents, InvalidArgument if a client order id is taken or a cancelled order is not ours, and
    FailedPrecondition if the id is below the retention floor.
    """
    stored = find(connection, request.request_id)
    if stored is not None:
        _same_or_conflict(stored, request)
        return stored
    fence = fences.read(connection, request.symbol)
    if fence is not None and fence.prunes(request.request_id):
        raise FailedPrecondition(
            f"request_id {request.request_id!r} lies below the ledger's retention floor: "
            "it was finished long ago; settle it from the journal instead of sending it",
            reason="BELOW_FLOOR",
        )
    _refuse_reused_names(connection, request)
    _refuse_foreign_cancels(connection, request, fence.prefix if fence is not None else "")
    _insert(connection, request, now_ms)
    recorded = find(connection, request.request_id)
    assert recorded is not None
    if fence is None or request.epoch >= fence.epoch:
        return recorded
    for action in recorded.actions:
        withdraw(connection, action, Outcome.NOT_SENT, "FENCED", fenced_message(fence.epoch), now_ms)
    return find(connection, request.request_id) or recorded


def _same_or_conflict(stored: LedgerRequest, request: NewRequest) -> None:
    if stored.digest == codec.digest(request.symbol, request.actions):
        return
    before = [action.action for action in stored.actions]
    raise AlreadyExists(
        f"request_id {request.request_id!r} stands for other contents: "
        f"{codec.difference(before, request.actions)}; use a new id for a new request",
        reason="OTHER_CONTENTS",
    )


def _refuse_reused_names(connection: sa.Connection, request: NewRequest) -> None:
    names = [action.client_order_id for action in request.actions if isinstance(action, PlaceOrder)]
    taken = connection.execute(
        sa.select(orders.c.client_order_id, orders.c.request_id).where(orders.c.client_order_id.in_(names))
    ).first()
    if taken is not None:
        raise InvalidArgument(
            f"client_order_id {taken.client_order_id!r} names an order of request {taken.request_id!r} already: "
            "give every order a name of its own",
            reason="NAME_TAKEN",
        )
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidArgument(
            f"client_order_id {twice!r} stands for two places of one request: give every order a name of its own",
            reason="NAME_TAKEN",
        )


def _refuse_foreign_cancels(connection: sa.Connection, request: NewRequest, prefix: str) -> None:
    """Refuses cancels of foreign orders. Ours are in the ledger or, after its loss, have the prefix."""
    for number, action in enumerate(request.actions):
        if not isinstance(action, CancelOrder):
            continue
        name = action.client_order_id
        row = connection.execute(sa.select(orders.c.exchange_order_id).where(orders.c.client_order_id == name)).first()
        if row is None and not (prefix and name.startswith(prefix)):
            raise InvalidArgument(
                f"actions[{number}].cancel.client_order_id = {name!r}: not an order of ours; cancel it manually",
                reason="NOT_OURS",
            )
        if row is not None and row[0] and action.exchange_order_id not in {"", row[0]}:
            raise InvalidArgument(
                f"actions[{number}].cancel.exchange_order_id = {action.exchange_order_id!r}: "
                f"the venue calls {name!r} {row[0]!r}; give that or leave it empty",
                reason="NOT_OURS",
            )


def _insert(connection: sa.Connection, request: NewRequest, now_ms: int) -> None:
    accepted_seq: int = connection.execute(
        sa.select(sa.func.coalesce(sa.func.max(requests.c.accepted_seq), 0) + 1)
    ).scalar_one()
    connection.execute(
        sa.insert(requests).values(
            accepted_seq=accepted_seq,
            request_id=request.request_id,
            symbol=request.symbol,
            epoch=request.epoch,
            digest=codec.digest(request.symbol, request.actions),
            accepted_ms=now_ms,
        )
    )
    kept = [_by_our_clock(action, request.clock_offset_ms) for action in request.actions]
    _insert_actions(connection, accepted_seq, kept)
    _insert_orders(connection, request)


def _by_our_clock(action: Action, offset_ms: int) -> Action:
    """Converts `not_after_ms` to our clock once, so that a recovery hours later compares it with the same clock."""
    return replace(action, not_after_ms=action.not_after_ms + offset_ms) if isinstance(action, PlaceOrder) else action


def _insert_actions(connection: sa.Connection, accepted_seq: int, batch: Sequence[Action]) -> None:
    rows = [
        {
            "accepted_seq": accepted_seq,
            "action_index": index,
            "client_order_id": action.client_order_id,
            "payload": codec.write_action(action),
            "status": ActionStatus.INTENT.value,
            "timestamp_ms": 0,
            "result": "",
        }
        for index, action in enumerate(batch)
    ]
    if rows:
        connection.execute(sa.insert(actions), rows)


def _insert_orders(connection: sa.Connection, request: NewRequest) -> None:
    rows = [
        {
            "client_order_id": action.client_order_id,
            "symbol": request.symbol,
            "exchange_order_id": "",
            "side": action.side.value,
            "role": action.role.value,
            "slot": action.slot,
            "price": canonical(action.price),
            "quantity": canonical(action.quantity),
            "executed": "0",
            "status": INTENT_ORDER,
            "request_id": request.request_id,
            "ended_ms": 0,
        }
        for action in request.actions
        if isinstance(action, PlaceOrder)
    ]
    if rows:
        connection.execute(sa.insert(orders), rows)
