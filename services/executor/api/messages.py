"""Conversion of ledger records to protobuf messages."""

from executor.ledger.checkpoints import Checkpoint
from executor.ledger.operator_evidence import OperatorStatement, RecordedStatement, StatementKind
from executor.ledger.order_view import LedgerView, OrderView
from executor.ledger.requests import LedgerRequest
from executor.venue.port import VenueOrder
from gridcore.model.money import canonical
from gridrpc.convert_orders import ORDER_STATUSES, ROLES, SIDES, EnumMap, action_to_proto, result_to_proto
from gridrpc.errors import InvalidArgument
from gridrpc.json_encoding import from_json
from gridwright.v1 import executor_pb2, models_pb2

EVIDENCES = EnumMap(StatementKind, executor_pb2.Evidence, "EVIDENCE")


def batch_to_proto(request: LedgerRequest) -> executor_pb2.Batch:
    """Converts a request with the results that it has so far."""
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


def order_to_proto(story: OrderView) -> executor_pb2.LedgerOrder:
    """Converts an order of ours; its status is UNSPECIFIED before it is sent."""
    order = story.order
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
        sent_time_ms=story.sent_ms,
        word=None if story.word is None else _statement_to_proto(story.word),
    )


def ledger_to_proto(symbol: str, birth_id: str, view: LedgerView) -> executor_pb2.Ledger:
    """Converts a consistent snapshot of a symbol's ledger; without a fence its numbers are 0."""
    fence = view.fence
    return executor_pb2.Ledger(
        symbol=symbol,
        birth_id=birth_id,
        state_birth_id="" if fence is None else fence.state_birth_id,
        epoch=0 if fence is None else fence.epoch,
        floor_epoch=0 if fence is None else fence.floor_epoch,
        floor_seq=0 if fence is None else fence.floor_seq,
        end_offset=view.end_offset,
        live=[order_to_proto(story) for story in view.live],
        floor_offset=0 if view.checkpoint is None else view.checkpoint.floor_offset,
        checkpoint=None if view.checkpoint is None else checkpoint_to_proto(view.checkpoint),
    )


def checkpoint_to_proto(checkpoint: Checkpoint) -> models_pb2.State:
    """Converts the acknowledged state, unchanged."""
    return from_json(checkpoint.state, models_pb2.State(), "checkpoint")


def statement_from_proto(request: executor_pb2.ResolveOrderRequest) -> OperatorStatement:
    """Reads an operator statement. Raises InvalidArgument for a missing or superfluous field."""
    for field in ("request_id", "client_order_id", "who", "why"):
        if not getattr(request, field):
            raise InvalidArgument(f"{field} is empty: give it; what an operator says is kept with name and reason")
    evidence = EVIDENCES.from_proto(request.evidence, "evidence")
    if (evidence is StatementKind.PLACED) != bool(request.exchange_order_id):
        raise InvalidArgument(
            f"exchange_order_id = {request.exchange_order_id!r}: with EVIDENCE_PLACED give what the venue calls the "
            "order, with any other nothing"
        )
    return OperatorStatement(
        request_id=request.request_id,
        symbol=request.symbol,
        client_order_id=request.client_order_id,
        evidence=evidence,
        exchange_order_id=request.exchange_order_id,
        who=request.who,
        why=request.why,
    )


def _statement_to_proto(given: RecordedStatement) -> executor_pb2.OperatorWord:
    return executor_pb2.OperatorWord(
        request_id=given.word.request_id,
        evidence=EVIDENCES.to_proto(given.word.evidence),
        exchange_order_id=given.word.exchange_order_id,
        who=given.word.who,
        why=given.word.why,
        recorded_time_ms=given.recorded_ms,
    )


def venue_order_to_proto(order: VenueOrder, *, ours: bool) -> executor_pb2.VenueOrder:
    """Converts an order on the venue's book."""
    return executor_pb2.VenueOrder(
        client_order_id=order.client_order_id,
        exchange_order_id=order.exchange_order_id,
        side=SIDES.to_proto(order.side),
        price=canonical(order.price),
        quantity=canonical(order.quantity),
        executed=canonical(order.executed),
        ours=ours,
    )
