"""Waiting in tests: for a condition with a deadline, never for a fixed time."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], what: str, deadline_seconds: float = 60.0) -> None:
    """Waits until the condition holds. Raises AssertionError with `what` at the deadline."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {deadline_seconds} s")
        await asyncio.sleep(0.002)
