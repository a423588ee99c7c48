"""The operator's commands: pause, resume, safe, unsafe. Thin calls, repeated under one request id until answered."""

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

import grpc

from gridrpc.faults import fault_of
from gridwright.v1 import models_pb2, orchestrator_pb2, orchestrator_pb2_grpc

DEADLINE_SECONDS = 20.0
_PAUSE_SECONDS = 0.5
# The answers of the transport that say nothing about what was done: the same id again is safe and tells.
_ASK_AGAIN = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED})


class Verb(enum.Enum):
    """What an operator can do, by the command's name."""

    PAUSE = "pause"
    RESUME = "resume"
    SAFE = "safe"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True)
class Order:
    """One operator's command. `request_id` makes it one command however often it is sent."""

    verb: Verb
    symbol: str
    who: str
    why: str
    request_id: str


class OperationError(Exception):
    """The command was refused, or nobody answered; the sentence says which and what to do."""


def operate(
    channel: grpc.Channel,
    order: Order,
    *,
    call_seconds: float = 10.0,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """Gives the command and tells what the mode is now. Raises OperationError."""
    ends = clock() + DEADLINE_SECONDS
    while True:
        try:
            answer = _call(channel, order, call_seconds)
        except grpc.RpcError as error:
            if not _may_ask_again(error) or clock() >= ends:
                raise OperationError(_sentence(error, order)) from error
            pause(_PAUSE_SECONDS)
        else:
            mode = models_pb2.Mode.Name(answer.mode).removeprefix("MODE_")
            workflow = f", workflow {answer.workflow_id}" if answer.workflow_id else ""
            return f"{order.symbol or 'the grid'} is {mode}{workflow} (request {order.request_id})"


def _call(channel: grpc.Channel, order: Order, seconds: float) -> orchestrator_pb2.ModeResponse:
    stub = orchestrator_pb2_grpc.OrchestratorStub(channel)
    method = {
        Verb.PAUSE: stub.Pause,
        Verb.RESUME: stub.Resume,
        Verb.SAFE: stub.EnterSafeMode,
        Verb.UNSAFE: stub.ExitSafeMode,
    }[order.verb]
    request = orchestrator_pb2.OperatorRequest(
        request_id=order.request_id, symbol=order.symbol, who=order.who, why=order.why
    )
    return method(request, timeout=seconds)


def code_of(error: grpc.RpcError) -> grpc.StatusCode:
    """The status of a failed call; every error that a call raises is a call too, which its type does not say."""
    return error.code() if isinstance(error, grpc.Call | grpc.aio.AioRpcError) else grpc.StatusCode.UNKNOWN


def _may_ask_again(error: grpc.RpcError) -> bool:
    """Whether the status is the transport's own, or a service's "not now"."""
    return code_of(error) in _ASK_AGAIN


def _sentence(error: grpc.RpcError, order: Order) -> str:
    fault = fault_of(error)
    if fault is not None and not _may_ask_again(error):
        return f"{order.verb.value} was refused: {fault.message}"
    return (
        f"the orchestrator did not answer ({code_of(error).name}), so whether {order.verb.value} was done is "
        f"not known: repeat it with --request-id {order.request_id}, which does it at most once"
    )
