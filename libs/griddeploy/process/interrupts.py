"""Handles Ctrl-C and SIGTERM of a command: the first requests a clean stop, the second cancels at once."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.asynccontextmanager
async def until_interrupted() -> AsyncIterator[asyncio.Event]:
    """Yields an event that the first signal sets; a second signal cancels the task that runs the block."""
    interrupted = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def note() -> None:
        if interrupted.is_set() and task is not None:
            task.cancel()
        interrupted.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, note)
    try:
        yield interrupted
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def first(event: asyncio.Event, seconds: float) -> bool:
    """Waits for the event, at most `seconds`. Returns whether it was set."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
