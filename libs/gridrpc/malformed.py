"""Rejects malformed requests: bytes that do not decode, and numbers that no database can store.

Both are answered INVALID_ARGUMENT. Undecodable bytes are logged in one line at a bounded rate.
"""

import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.message import DecodeError, Message

from gridrpc.errors import InvalidArgument
from gridrpc.number_range import check_numbers

_log = logging.getLogger(__name__)

_LOG_SECONDS = 10.0  # between two lines: malformed messages come in numbers


class Malformed:
    """Replaces a request that cannot be decoded: gRPC offers no way to reject one in the deserializer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


def tolerant(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """Wraps a deserializer to return Malformed where it would raise: gRPC would answer UNKNOWN and log a traceback."""
    if deserialize is None:
        return None

    def decode(data: bytes) -> Any:
        try:
            return deserialize(data)
        except (DecodeError, ValueError, RecursionError) as error:
            return Malformed(f"{len(data)} bytes that are no such message ({type(error).__name__})")

    return decode


class RequestGate:
    """Checks decoded requests. One per server: it keeps the time of the last log line."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._logged_at = -_LOG_SECONDS
        self._unlogged = 0

    def check(self, method: str, request: object, peer: str) -> None:
        """Raises InvalidArgument for a request that could not be decoded or has a uint64 above 2^63 - 1."""
        if not isinstance(request, Malformed):
            if isinstance(request, Message):
                check_numbers(request)
            return
        self._log(method, request, peer)
        raise InvalidArgument(f"{method}: {request.reason}; send the request message of the contract")

    async def checked(self, method: str, requests: AsyncIterator[object], peer: str) -> AsyncIterator[object]:
        """Yields the requests of a stream. Raises InvalidArgument at the first that `check` rejects."""
        async for request in requests:
            self.check(method, request, peer)
            yield request

    def _log(self, method: str, request: Malformed, peer: str) -> None:
        now = self._clock()
        if now - self._logged_at < _LOG_SECONDS:
            self._unlogged += 1
            return
        more = f" ({self._unlogged} more since the last line)" if self._unlogged else ""
        _log.warning("%s refused from %s: %s%s", method, peer, request.reason, more)
        self._logged_at, self._unlogged = now, 0
