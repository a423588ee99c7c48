"""Handles Ctrl-C and SIGTERM: the first requests a clean stop."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.asynccontextmanager
async def until_signal(*, second_cancels: bool = False) -> AsyncIterator[asyncio.Event]:
    """Yields an event that the first signal sets. With `second_cancels` a second one cancels the block's task."""
    stop = asyncio.Event()
    task = asyncio.current_task()
    loop = asyncio.get_running_loop()

    def note() -> None:
        if second_cancels and stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, note)
    try:
        yield stop
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
