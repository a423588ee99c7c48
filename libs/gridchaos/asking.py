"""Questions to services that may die while they are asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

_DEADLINE_SECONDS = 45.0
_AGAIN_SECONDS = 0.1

T = TypeVar("T")


async def answered(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer to what may be asked twice: asked again where the one asked has just died as ordered.

    Raises TimeoutError, and AioRpcError for any other refusal.
    """
    async with asyncio.timeout(_DEADLINE_SECONDS):
        while True:
            try:
                return await ask()
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                await asyncio.sleep(_AGAIN_SECONDS)
