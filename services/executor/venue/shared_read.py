"""Questions that many ask at once and the venue answers once.

`Rounds`: each caller gets an answer to a question that was put after it came. `Fresh`: an answer that is young enough.
Whoever is cancelled leaves; the question that nobody waits for any more is cancelled too.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
T = TypeVar("T")

_GATHER_SECONDS = 0.02  # so that those who come together are answered together


class _Shared(Generic[T]):
    """A task that lives as long as somebody waits for it."""

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
    """Asks for all keys of a round in one go. Rounds of different `lane`s are kept apart."""

    def __init__(self, ask: Callable[[tuple[K, ...]], Awaitable[Mapping[K, V]]]) -> None:
        self._ask = ask
        self._open: dict[object, tuple[dict[K, None], _Shared[Mapping[K, V]]]] = {}

    async def read(self, keys: tuple[K, ...], lane: object = None) -> Mapping[K, V]:
        """The answers, of these keys and perhaps of others. Raises what the question raises."""
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
            self._open.pop(lane, None)  # whoever comes from here on is of the next round
        return await self._ask(tuple(wanted))


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    asked_at: float
    shared: _Shared[T]


class Fresh(Generic[T]):
    """One question whose answer is shared for a while."""

    def __init__(self, ask: Callable[[], Awaitable[T]], max_age_seconds: float = 1.0) -> None:
        self._ask = ask
        self._max_age_seconds = max_age_seconds
        self._last: _Answer[T] | None = None

    async def read(self) -> T:
        """The answer to a question that was put no longer ago than the age. A failure is shared with nobody later."""
        now = asyncio.get_running_loop().time()
        last = self._last
        if last is None or now - last.asked_at > self._max_age_seconds or _failed(last.shared.task):
            last = self._last = _Answer(now, _Shared(self._ask()))
        return await last.shared.result()


def _failed(task: "asyncio.Future[T]") -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
