"""The operator's commands: pause, resume, safe-mode on and off, resolve-order.

Each is one RPC, repeated under the same request id until it is answered.
"""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import grpc

from gridrpc.errors import rpc_error_of
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2, orchestrator_pb2, orchestrator_pb2_grpc

T = TypeVar("T")

DEADLINE_SECONDS = 20.0
_PAUSE_SECONDS = 0.5
# Statuses of the transport: they do not show whether the command ran. Repeating it under the same id is safe.
_ASK_AGAIN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


class Verb(enum.Enum):
    """The operator's commands, named as on the command line."""

    PAUSE = "pause"
    RESUME = "resume"
    SAFE_MODE_ON = "safe-mode on"
    SAFE_MODE_OFF = "safe-mode off"


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """A command of the operator. `request_id` makes it idempotent: however often it is sent, it runs once."""

    verb: Verb
    symbol: str
    who: str
    why: str
    request_id: str


@dataclass(frozen=True, slots=True)
class OrderStatement:
    """An operator statement about an order. `placed_as`: its id on the venue; empty: never placed, or gone."""

    symbol: str
    client_order_id: str
    placed_as: str
    gone: bool
    who: str
    why: str
    request_id: str


class OperationError(Exception):
    """The command was refused or not answered; the sentence says which, and the remedy."""


def operate(
    channel: grpc.Channel,
    wanted: OperatorCommand,
    *,
    call_seconds: float = 10.0,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Sends the command and returns a sentence with the resulting mode. Raises OperationError."""
    command = _Command(wanted.verb.value, "orchestrator", wanted.request_id)
    answer = _answered(lambda: _call(channel, wanted, call_seconds), command, pause, clock)
    mode = models_pb2.Mode.Name(answer.mode).removeprefix("MODE_")
    workflow = f", workflow {answer.workflow_id}" if answer.workflow_id else ""
    return f"{wanted.symbol or 'the grid'} is {mode}{workflow} (request {wanted.request_id})"


def _evidence(word: OrderStatement) -> executor_pb2.Evidence.ValueType:
    if word.gone:
        return executor_pb2.EVIDENCE_GONE
    return executor_pb2.EVIDENCE_PLACED if word.placed_as else executor_pb2.EVIDENCE_NEVER_PLACED


def resolve_order(
    channel: grpc.Channel,
    statement: OrderStatement,
    *,
    call_seconds: float = 30.0,  # the executor queries the venue
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Sends the statement and returns a sentence with the order's status. Raises OperationError."""
    request = executor_pb2.ResolveOrderRequest(
        request_id=statement.request_id,
        symbol=statement.symbol,
        client_order_id=statement.client_order_id,
        evidence=_evidence(statement),
        exchange_order_id=statement.placed_as,
        who=statement.who,
        why=statement.why,
    )
    stub = executor_pb2_grpc.ExecutorStub(channel)
    command = _Command("resolve-order", "executor", statement.request_id)
    order = _answered(lambda: stub.ResolveOrder(request, timeout=call_seconds), command, pause, clock)
    status = models_pb2.OrderStatus.Name(order.status).removeprefix("ORDER_STATUS_")
    later = ": the venue does not show all its fills yet, the executor keeps looking" if status == "UNKNOWN" else ""
    return f"order {order.client_order_id} is {status}{later} (request {statement.request_id})"


@dataclass(frozen=True, slots=True)
class _Command:
    """The name of the command and its service, for error sentences."""

    name: str
    service: str
    request_id: str


def _answered(
    call: Callable[[], T], command: _Command, pause: Callable[[float], None], clock: Callable[[], float]
) -> T:
    """Calls until there is an answer, always under the same request id. Raises OperationError."""
    ends = clock() + DEADLINE_SECONDS
    while True:
        try:
            return call()
        except grpc.RpcError as error:
            if not _may_ask_again(error) or clock() >= ends:
                raise OperationError(_sentence(error, command)) from error
            pause(_PAUSE_SECONDS)


def _call(channel: grpc.Channel, command: OperatorCommand, seconds: float) -> orchestrator_pb2.ModeResponse:
    stub = orchestrator_pb2_grpc.OrchestratorStub(channel)
    method = {
        Verb.PAUSE: stub.Pause,
        Verb.RESUME: stub.Resume,
        Verb.SAFE_MODE_ON: stub.EnterSafeMode,
        Verb.SAFE_MODE_OFF: stub.ExitSafeMode,
    }[command.verb]
    request = orchestrator_pb2.OperatorRequest(
        request_id=command.request_id, symbol=command.symbol, who=command.who, why=command.why
    )
    return method(request, timeout=seconds)


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """The status of a failed call. Every error that a call raises is also a call, which its type does not declare."""
    return error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else grpc.StatusCode.UNKNOWN


def _may_ask_again(error: grpc.RpcError) -> bool:
    """Whether the call may be repeated: the status comes from the transport, or is a service's "not now"."""
    return code_of(error) in _ASK_AGAIN


def _sentence(error: grpc.RpcError, command: _Command) -> str:
    fault = rpc_error_of(error)
    if fault is not None and not _may_ask_again(error):
        return f"{command.name} was refused: {fault.message}"
    said = code_of(error).name if fault is None else fault.message
    return (
        f"the {command.service} did not answer ({said}), so whether {command.name} was done is "
        f"not known: repeat it with --request-id {command.request_id}, which does it at most once"
    )
