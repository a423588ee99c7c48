"""Errors that servicers raise, and the table that converts them to and from `google.rpc.Status`.

Only a status with our domain in its details comes from one of our servicers, and shows what was or was not done. Any
other status comes from the transport and says nothing about the venue.
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
    """The request can never succeed unchanged; the message names field, value and remedy."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(RpcError):
    """The request does not fit the current state; the message says what has to happen first."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class AlreadyExists(RpcError):
    """The id belongs to a request with other contents; the message says what differs."""

    code = grpc.StatusCode.ALREADY_EXISTS


class NotFound(RpcError):
    """There is nothing with that name."""

    code = grpc.StatusCode.NOT_FOUND


class OutOfRange(RpcError):
    """The position is beyond the end of the log."""

    code = grpc.StatusCode.OUT_OF_RANGE


class Unavailable(RpcError):
    """The service cannot answer now and has done nothing; the same call may succeed later."""

    code = grpc.StatusCode.UNAVAILABLE


_FAULTS: dict[grpc.StatusCode, type[RpcError]] = {
    fault.code: fault
    for fault in (InvalidArgument, FailedPrecondition, AlreadyExists, NotFound, OutOfRange, Unavailable)
}


def status_of(fault: RpcError) -> status_pb2.Status:
    """Builds the rich status for an error."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=fault.reason, domain=DOMAIN, metadata=fault.metadata))
    return status_pb2.Status(code=code_pb2.Code.Value(fault.code.name), message=fault.message, details=[detail])


def rpc_error_of(error: grpc.RpcError) -> RpcError | None:
    """Restores the error that one of our servicers raised; None if the status comes from the transport."""
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
