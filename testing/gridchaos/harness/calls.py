"""Calls to services that may crash during the call."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import grpc

DEADLINE_SECONDS = 45.0
_DOWN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}
_AGAIN_SECONDS = 0.02

T = TypeVar("T")


async def answered(ask: Callable[[], Awaitable[T]], deadline_seconds: float = DEADLINE_SECONDS) -> T:
    """Returns the answer of an idempotent call, repeated while the service is down.

    Raises TimeoutError, and AioRpcError for any other error.
    """
    async with asyncio.timeout(deadline_seconds):
        while True:
            with while_down():
                return await ask()
            await asyncio.sleep(_AGAIN_SECONDS)


@contextlib.contextmanager
def while_down() -> Iterator[None]:
    """Suppresses the errors of a service that crashes during the block."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() not in _DOWN:
            raise
