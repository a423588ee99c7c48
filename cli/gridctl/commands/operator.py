"""The operator's commands: pause, resume, safe-mode on and off, resolve-order.

Thin calls, repeated under one request id until they are answered.
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
# The answers of the transport that say nothing about what was done: the same id again is safe and tells.
_ASK_AGAIN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


class Verb(enum.Enum):
    """What an operator can do, as the command line says it."""

    PAUSE = "pause"
    RESUME = "resume"
    SAFE_MODE_ON = "safe-mode on"
    SAFE_MODE_OFF = "safe-mode off"


@dataclass(frozen=True, slots=True)
class OperatorCommand:
    """One operator's command. `request_id` makes it one command however often it is sent."""

    verb: Verb
    symbol: str
    who: str
    why: str
    request_id: str


@dataclass(frozen=True, slots=True)
class OrderStatement:
    """What an operator says became of an order. `placed_as`: its id on the venue; empty: never placed, or gone."""

    symbol: str
    client_order_id: str
    placed_as: str
    gone: bool
    who: str
    why: str
    request_id: str


class OperationError(Exception):
    """The command was refused, or nobody answered; the sentence says which and what to do."""


def operate(
    channel: grpc.Channel,
    wanted: OperatorCommand,
    *,
    call_seconds: float = 10.0,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Gives the command and tells what the mode is now. Raises OperationError."""
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
    call_seconds: float = 30.0,  # the executor asks the venue
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Sends the statement; what the order is now. Raises OperationError."""
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
    later = ": its fills are not all shown yet, the executor goes on" if status == "UNKNOWN" else ""
    return f"order {order.client_order_id} is {status}{later} (request {statement.request_id})"


@dataclass(frozen=True, slots=True)
class _Command:
    """What was asked of which service, for the sentences about it."""

    name: str
    service: str
    request_id: str


def _answered(
    call: Callable[[], T], command: _Command, pause: Callable[[float], None], clock: Callable[[], float]
) -> T:
    """The answer, asked for again and again under the one request id. Raises OperationError."""
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
    """The status of a failed call; every error that a call raises is a call too, which its type does not say."""
    return error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else grpc.StatusCode.UNKNOWN


def _may_ask_again(error: grpc.RpcError) -> bool:
    """Whether the status is the transport's own, or a service's "not now"."""
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
