"""State transitions of actions: every change of status is made here, by the table in `action_status`."""

import sqlalchemy as sa

from executor.ledger import codec
from executor.ledger.action_status import ActionEvent, ActionStatus, advance
from executor.ledger.requests import LedgerAction, Signed, read_action, row_to_action
from executor.ledger.schema import actions, orders, requests
from gridcore.model.actions import ActionResult, Outcome, PlaceOrder


def move(
    connection: sa.Connection,
    action: LedgerAction,
    event: ActionEvent,
    *,
    result: ActionResult | None = None,
    signed: Signed | None = None,
) -> LedgerAction:
    """Moves an action by one event. An existing result is kept.

    Raises ImpossibleActionError if the table does not allow the event in the current status.
    """
    current = read_action(connection, action.accepted_seq, action.index)
    values: dict[str, object] = {"status": advance(current.status, event).value}
    if result is not None and current.result is None:
        values["result"] = codec.write_result(result)
    if signed is not None:
        values |= {"timestamp_ms": signed.timestamp_ms, "window_ms": signed.window_ms}
    connection.execute(
        sa.update(actions)
        .where(actions.c.accepted_seq == action.accepted_seq, actions.c.action_index == action.index)
        .values(values)
    )
    return read_action(connection, action.accepted_seq, action.index)


def resolve(connection: sa.Connection, action: LedgerAction) -> bool:
    """Resolves an UNKNOWN action.

    Returns False if it was resolved before: the resolver and an operator may coincide.
    """
    if read_action(connection, action.accepted_seq, action.index).status is not ActionStatus.UNKNOWN:
        return False
    move(connection, action, ActionEvent.RESOLVE)
    return True


def withdraw(
    connection: sa.Connection, action: LedgerAction, outcome: Outcome, reason: str, message: str, now_ms: int
) -> LedgerAction:
    """Ends an INTENT unsent: NOT_SENT or EXPIRED. The order of a place action becomes NOT_PLACED.

    An action that already has a result, from a fence for example, is returned unchanged.
    """
    current = read_action(connection, action.accepted_seq, action.index)
    if current.result is not None:
        return current
    name = action.action.client_order_id
    result = ActionResult(action.index, name, outcome, reason=reason, message=message, recorded_time_ms=now_ms)
    if isinstance(action.action, PlaceOrder):
        connection.execute(
            sa.update(orders).where(orders.c.client_order_id == name).values(status="NOT_PLACED", ended_ms=now_ms)
        )
    return move(connection, action, ActionEvent.WITHDRAW, result=result)


def withdraw_below(connection: sa.Connection, symbol: str, epoch: int, now_ms: int) -> int:
    """Ends every INTENT of an epoch below this one as NOT_SENT. Returns how many."""
    rows = connection.execute(
        sa.select(actions)
        .join(requests, requests.c.accepted_seq == actions.c.accepted_seq)
        .where(requests.c.symbol == symbol, requests.c.epoch < epoch, actions.c.status == ActionStatus.INTENT.value)
    ).all()
    for row in rows:
        withdraw(connection, row_to_action(row), Outcome.NOT_SENT, "FENCED", fenced_message(epoch), now_ms)
    return len(rows)


def fenced_message(epoch: int) -> str:
    """Returns why an action of an older epoch was not sent."""
    return f"not sent and never will be: the fence stands at epoch {epoch}"
