"""Waiting in tests: for a condition with a deadline, never for a length of time."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], bool], what: str, deadline_seconds: float = 60.0) -> None:
    """Returns once the condition holds. Raises AssertionError naming `what` did not happen in time."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not happen within {deadline_seconds} s")
        await asyncio.sleep(0.002)
