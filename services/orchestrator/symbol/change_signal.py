"""Notifies watchers of changes. A slow watcher sees the newest change and misses those in between."""

import asyncio


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
