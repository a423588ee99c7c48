"""Tells watchers that something changed; a slow one sees the newest and misses what lay between."""

import asyncio


class ChangeSignal:
    """Beats on a change. A watcher waits for a beat after the last one that it saw."""

    def __init__(self) -> None:
        self.count = 0
        self._next: asyncio.Event | None = None  # while somebody waits: most beats are heard by nobody

    def beat(self) -> None:
        """Wakes everyone who waits."""
        self.count += 1
        if self._next is not None:
            self._next.set()
            self._next = None

    async def after(self, seen: int) -> int:
        """Waits until there was a beat after `seen`; returns the newest."""
        while self.count <= seen:
            if self._next is None:
                self._next = asyncio.Event()
            await self._next.wait()
        return self.count
