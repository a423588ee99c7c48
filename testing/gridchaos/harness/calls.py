"""Questions to services that may die while they are asked."""

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
    """The answer to what may be asked twice: asked again where the one asked has just died as ordered.

    Raises TimeoutError, and AioRpcError for any other refusal.
    """
    async with asyncio.timeout(deadline_seconds):
        while True:
            with while_down():
                return await ask()
            await asyncio.sleep(_AGAIN_SECONDS)


@contextlib.contextmanager
def while_down() -> Iterator[None]:
    """The block, which may be broken by a service that dies."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        if error.code() not in _DOWN:
            raise
