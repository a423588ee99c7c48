"""One token bucket per account: pure arithmetic, then the queue that lets cancels pass before places and reads."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from enum import IntEnum


class TokenBucket:
    """`per_second` tokens flow in, at most `burst` are kept. Times are milliseconds of any steady clock."""

    def __init__(self, per_second: float, burst: int, now_ms: int) -> None:
        self._per_ms = per_second / 1000
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at_ms = now_ms
        self._blocked_until_ms = 0

    @property
    def blocked_until_ms(self) -> int:
        """The venue asked for silence until then."""
        return self._blocked_until_ms

    def take(self, now_ms: int) -> int:
        """Takes a token and returns 0, or returns how many milliseconds to wait before asking again."""
        if now_ms < self._blocked_until_ms:
            return self._blocked_until_ms - now_ms
        self._tokens = min(self._burst, self._tokens + max(0, now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        if self._tokens >= 1:
            self._tokens -= 1
            return 0
        return max(1, round((1 - self._tokens) / self._per_ms))

    def block_until(self, until_ms: int) -> None:
        """Gives nothing out before this time (429's Retry-After, 418's ban)."""
        self._blocked_until_ms = max(self._blocked_until_ms, until_ms)


class Priority(IntEnum):
    """Who goes first when tokens are scarce."""

    CANCEL = 0
    PLACE = 1
    READ = 2


class BlockedError(Exception):
    """The venue wants silence for longer than the caller can wait."""

    def __init__(self, until_ms: int) -> None:
        super().__init__(f"the venue asked for silence until Unix time {until_ms} ms: it is kept")
        self.until_ms = until_ms


class Throttle:
    """A queue before the bucket: by priority, then by arrival."""

    def __init__(self, bucket: TokenBucket, now_ms: Callable[[], int]) -> None:
        self._bucket = bucket
        self._now_ms = now_ms
        self._waiting: list[tuple[Priority, int]] = []
        self._numbers = itertools.count()
        self._changed = asyncio.Condition()

    async def acquire(self, priority: Priority, patience_ms: int = 10_000) -> None:
        """Returns when one request may be sent. Raises BlockedError where the venue's silence outlasts the patience."""
        ticket = (priority, next(self._numbers))
        heapq.heappush(self._waiting, ticket)
        try:
            async with self._changed:
                while True:
                    await self._changed.wait_for(lambda: self._waiting[0] == ticket)
                    if self._bucket.blocked_until_ms > self._now_ms() + patience_ms:
                        raise BlockedError(self._bucket.blocked_until_ms)
                    wait_ms = self._bucket.take(self._now_ms())
                    if wait_ms == 0:
                        return
                    await self._pause(wait_ms)
        finally:
            self._waiting.remove(ticket)
            heapq.heapify(self._waiting)
            await self._wake()

    def block_until(self, until_ms: int) -> None:
        """Stops everything until a local Unix time; 0 is no wish."""
        if until_ms:
            self._bucket.block_until(until_ms)

    async def _pause(self, wait_ms: int) -> None:
        """Waits for tokens; a more urgent request that arrives meanwhile goes first."""
        try:
            async with asyncio.timeout(wait_ms / 1000):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
