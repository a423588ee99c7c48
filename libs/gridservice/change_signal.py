"""Notifies watchers of changes. A slow watcher sees the newest change and misses those in between."""

import asyncio
from collections.abc import Callable


class ChangeSignal:
    """Counts changes. A watcher waits until the count is above the last one that it saw."""

    def __init__(self) -> None:
        self.count = 0
        self._next: asyncio.Event | None = None  # created only if a watcher waits: most changes have none

    def beat(self) -> None:
        """Counts a change and wakes all waiting watchers."""
        self.count += 1
        if self._next is not None:
            self._next.set()
            self._next = None

    async def after(self, seen: int) -> int:
        """Waits until the count is above `seen`; returns the current count."""
        while self.count <= seen:
            if self._next is None:
                self._next = asyncio.Event()
            await self._next.wait()
        return self.count

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until the condition holds. It is evaluated now and after each change."""
        while not condition():
            await self.after(self.count)
