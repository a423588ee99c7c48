"""Tells watchers that something changed; a slow one sees the newest and misses what lay between."""

import asyncio


class Pulse:
    """Beats on a change. A watcher waits for a beat after the last one that it saw."""

    def __init__(self) -> None:
        self.count = 0
        self._next = asyncio.Event()

    def beat(self) -> None:
        """Wakes everyone who waits."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def after(self, seen: int) -> int:
        """Waits until there was a beat after `seen`; returns the newest."""
        while self.count <= seen:
            await self._next.wait()
        return self.count
