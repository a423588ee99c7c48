"""Reads that many callers request at once and the venue answers once.

`Rounds`: each caller gets a reply to a read that began after its call. `Fresh`: a reply of limited age. A cancelled
caller leaves; a read without callers is cancelled too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_GATHER_SECONDS = 0.02  # so that concurrent callers share one read


class _Shared(Generic[T]):
    """A task that lives as long as a caller waits for it."""

    def __init__(self, work: Awaitable[T]) -> None:
        self.task: asyncio.Future[T] = asyncio.ensure_future(work)
        self._waiting = 0

    async def result(self) -> T:
        self._waiting += 1
        try:
            return await asyncio.shield(self.task)
        finally:
            self._waiting -= 1
            if self._waiting == 0 and not self.task.done():
                self.task.cancel()


class Rounds(Generic[K, V]):
    """Reads all keys of a round in one call. Rounds of different `lane`s are separate."""

    def __init__(self, ask: Callable[[tuple[K, ...]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._open: dict[object, tuple[dict[K, None], _Shared[Mapping[K, V]]]] = {}

    async def read(self, keys: tuple[K, ...], lane: object = None) -> Mapping[K, V]:
        """Returns the replies, for these keys and perhaps others. Raises what the read raises."""
        if lane not in self._open:
            wanted: dict[K, None] = {}
            self._open[lane] = wanted, _Shared(self._round(lane, wanted))
        wanted, shared = self._open[lane]
        wanted.update(dict.fromkeys(keys))
        return await shared.result()

    async def _round(self, lane: object, wanted: dict[K, None]) -> Mapping[K, V]:
        try:
            await asyncio.sleep(_GATHER_SECONDS)
        finally:
            self._open.pop(lane, None)  # later callers join the next round
        return await self._ask(tuple(wanted))


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    asked_at: float
    shared: _Shared[T]


class Fresh(Generic[T]):
    """One read whose reply is shared for a while."""

    def __init__(self, ask: Callable[[], Awaitable[T]], max_age_seconds: float = 1.0) -> None:
        self._ask = ask
        self._max_age_seconds = max_age_seconds
        self._last: _Answer[T] | None = None

    async def read(self) -> T:
        """Returns the reply to a read that is not older than the maximum age. A failure is not reused."""
        now = asyncio.get_running_loop().time()
        last = self._last
        if last is None or now - last.asked_at > self._max_age_seconds or _failed(last.shared.task):
            last = self._last = _Answer(now, _Shared(self._ask()))
        return await last.shared.result()


def _failed(task: "asyncio.Future[T]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
