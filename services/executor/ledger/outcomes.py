"""Records the result of an action: result, action status and order status in one transaction."""

import sqlalchemy as sa

from executor.ledger import fences, orders, transitions
from executor.ledger.action_status import ActionEvent, ActionStatus
from executor.ledger.requests import LedgerAction, Signed, read_action
from executor.ledger.transitions import fenced_message
from gridcore.model.actions import ActionResult, Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus

_ORDER_STATUS = {Outcome.ACCEPTED: OrderStatus.OPEN, Outcome.REJECTED: OrderStatus.REJECTED}
"""Status of a place order after each outcome; other outcomes leave it unchanged."""


def mark_sending(
    connection: sa.Connection, symbol: str, epoch: int, action: LedgerAction, signed: Signed, local_ms: int
) -> LedgerAction:
    """Marks the action as SENDING with what will be signed, or withdraws it: FENCED, or EXPIRED past its not_after_ms.

    Returns it unchanged if a fence has withdrawn it meanwhile.
    """
    current = read_action(connection, action.accepted_seq, action.index)
    if current.status is not ActionStatus.INTENT:
        return current
    fence = fences.read(connection, symbol)
    if fence is not None and epoch < fence.epoch:
        return transitions.withdraw(
            connection, current, Outcome.NOT_SENT, "FENCED", fenced_message(fence.epoch), local_ms
        )
    match current.action:
        case PlaceOrder(not_after_ms=not_after_ms) if local_ms > not_after_ms:
            message = f"not sent by not_after_ms = {not_after_ms}; its price is stale"
            return transitions.withdraw(connection, current, Outcome.EXPIRED, "EXPIRED", message, local_ms)
        case PlaceOrder():
            orders.set_status(connection, current.action.client_order_id, OrderStatus.UNKNOWN)
        case _:
            pass
    return transitions.move(connection, current, ActionEvent.SEND, signed=signed)


def record_result(connection: sa.Connection, action: LedgerAction, result: ActionResult) -> LedgerAction:
    """Records the result. It is frozen: an earlier result, of a fence for example, is kept.

    A place order with the result UNKNOWN stays UNKNOWN for the resolver. Everything else is DONE.
    """
    current = read_action(connection, action.accepted_seq, action.index)
    if current.result is not None:
        return current
    place = isinstance(action.action, PlaceOrder)
    if place and result.outcome is Outcome.UNKNOWN:
        return transitions.move(connection, action, ActionEvent.DOUBT, result=result)
    if place and result.outcome in _ORDER_STATUS:
        status = _ORDER_STATUS[result.outcome]
        orders.set_status(
            connection,
            action.action.client_order_id,
            status,
            exchange_order_id=result.exchange_order_id,
            ended_ms=result.recorded_time_ms if status.ended else 0,
        )
    return transitions.move(connection, action, ActionEvent.ANSWER, result=result)
