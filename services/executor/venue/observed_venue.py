"""Wrapper of a venue that reports the result of each request to the health."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from executor.venue.health import VenueHealth
from executor.venue.port import Venue, VenueError

# A failure of these says something about the venue. A success says nothing about the keys, because they may be public.
_UNSIGNED = frozenset({"connect", "time_ms", "market_rules"})
_WRITES = frozenset({"place", "cancel"})
_SILENT = frozenset({"close"})


def observed(venue: Venue, health: VenueHealth, now_ms: Callable[[], int]) -> Venue:
    """Returns the venue that all parts of the executor use."""
    return cast("Venue", _Observed(venue, health, now_ms))


class _Observed:
    """Forwards everything to the venue. Calls that are not listed as public are signed."""

    def __init__(self, venue: Venue, health: VenueHealth, now_ms: Callable[[], int]) -> None:
        self._venue = venue
        self._health = health
        self._now_ms = now_ms

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._venue, name)
        if name in _SILENT or not inspect.iscoroutinefunction(found):
            return found
        if name in _WRITES:
            return self._write(found, place=name == "place")
        return self._read(found, signed=name not in _UNSIGNED)

    def _read(self, ask: Callable[..., Awaitable[Any]], *, signed: bool) -> Callable[..., Awaitable[Any]]:
        async def read(*args: Any, **kwargs: Any) -> Any:
            began_ms = self._now_ms()
            try:
                answer = await ask(*args, **kwargs)
            except VenueError as error:
                self._health.read_failed(error, began_ms)
                raise
            if signed:
                self._take(answer, began_ms)
            return answer

        return read

    def _take(self, answer: Any, began_ms: int) -> None:
        """Records a signed read.

        A reply per symbol may contain failures; it counts as failed only if all of them are.
        """
        if not isinstance(answer, Mapping):
            self._health.read_succeeded(began_ms)
            return
        failures = [each for each in answer.values() if isinstance(each, VenueError)]
        if len(failures) < len(answer):
            self._health.read_succeeded(began_ms)
        elif failures:
            self._health.read_failed(failures[0], began_ms)

    def _write(self, send: Callable[..., Awaitable[Any]], *, place: bool) -> Callable[..., Awaitable[Any]]:
        async def write(symbol: str, *args: Any, **kwargs: Any) -> Any:
            began_ms = self._now_ms()
            try:
                answer = await send(symbol, *args, **kwargs)
            except VenueError as error:
                self._health.write_failed(symbol, error, began_ms, place=place)
                raise
            self._health.placed()
            return answer

        return write
