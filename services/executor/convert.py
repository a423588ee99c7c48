"""The ledger's records as the contract's messages."""

from executor.ledger.orders import OrderRecord
from executor.ledger.requests import LedgerRequest
from executor.ports import VenueOrder
from gridcore.money import canonical
from gridrpc.convert_orders import ORDER_STATUSES, ROLES, SIDES, action_to_proto, result_to_proto
from gridwright.v1 import executor_pb2, models_pb2


def batch_to_proto(request: LedgerRequest) -> executor_pb2.Batch:
    """A request with the answers it has so far."""
    return executor_pb2.Batch(
        accepted_seq=request.accepted_seq,
        request_id=request.request_id,
        symbol=request.symbol,
        epoch=request.epoch,
        actions=[action_to_proto(action.action) for action in request.actions],
        results=[result_to_proto(action.result) for action in request.actions if action.result is not None],
        complete=request.complete,
        accepted_time_ms=request.accepted_ms,
    )


def order_to_proto(order: OrderRecord) -> executor_pb2.LedgerOrder:
    """An order of ours; its status is UNSPECIFIED before it is sent."""
    status = models_pb2.ORDER_STATUS_UNSPECIFIED if order.status is None else ORDER_STATUSES.to_proto(order.status)
    return executor_pb2.LedgerOrder(
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        symbol=order.symbol,
        side=SIDES.to_proto(order.side),
        role=ROLES.to_proto(order.role),
        price=canonical(order.price),
        quantity=canonical(order.quantity),
        executed=canonical(order.executed),
        status=status,
        request_id=order.request_id,
        slot=order.slot,
    )


def venue_order_to_proto(order: VenueOrder, *, ours: bool) -> executor_pb2.VenueOrder:
    """An order on the book."""
    return executor_pb2.VenueOrder(
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        side=SIDES.to_proto(order.side),
        price=canonical(order.price),
        quantity=canonical(order.quantity),
        executed=canonical(order.executed),
        ours=ours,
    )
