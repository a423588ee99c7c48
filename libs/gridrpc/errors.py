"""What a servicer refuses: an exception here, a `google.rpc.Status` on the wire, by one table both ways.

Only a status whose details carry our domain was built by a servicer of ours and may be believed about what was or was
not done. A bare status comes from the transport and says nothing about the venue.
"""

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "gridwright"


class RpcError(Exception):
    """A refusal that a caller can act on: a reason from a closed list, and a sentence with the remedy."""

    code = grpc.StatusCode.UNKNOWN

    def __init__(self, message: str, *, reason: str = "", **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.code.name
        self.metadata = metadata


class InvalidArgument(RpcError):
    """The request can never succeed as it is; the message names field, value and remedy."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(RpcError):
    """The request does not fit the present state; the message says what has to happen first."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class AlreadyExists(RpcError):
    """The id is taken by other contents; the message says what differs."""

    code = grpc.StatusCode.ALREADY_EXISTS


class NotFound(RpcError):
    """Nothing is known by that name."""

    code = grpc.StatusCode.NOT_FOUND


class OutOfRange(RpcError):
    """A position beyond the end of a log."""

    code = grpc.StatusCode.OUT_OF_RANGE


class Unavailable(RpcError):
    """The service cannot answer now and has done nothing; the same call may succeed later."""

    code = grpc.StatusCode.UNAVAILABLE


_FAULTS: dict[grpc.StatusCode, type[RpcError]] = {
    fault.code: fault
    for fault in (InvalidArgument, FailedPrecondition, AlreadyExists, NotFound, OutOfRange, Unavailable)
}


def status_of(fault: RpcError) -> status_pb2.Status:
    """The rich status that carries the fault over the wire."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=fault.reason, domain=DOMAIN, metadata=fault.metadata))
    return status_pb2.Status(code=code_pb2.Code.Value(fault.code.name), message=fault.message, details=[detail])


def rpc_error_of(error: grpc.RpcError) -> RpcError | None:
    """The fault that a servicer of ours raised, or None where the status is the transport's own."""
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return None
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # AioRpcError has all it asks
    if status is None:
        return None
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            kind = _FAULTS.get(error.code(), RpcError)
            return kind(status.message, reason=info.reason, **dict(info.metadata))
    return None
