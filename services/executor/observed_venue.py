"""A venue that tells its health how each request ended, and is otherwise the venue itself."""

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, cast

from executor.ports import Venue, VenueError
from executor.venue_health import VenueHealth

_PUBLIC = frozenset(
    {"connect", "time_ms"}
)  # their failure says something about the venue, their success not of the keys
_WRITES = frozenset({"place", "cancel"})
_SILENT = frozenset({"close"})


def observed(venue: Venue, health: VenueHealth, now_ms: Callable[[], int]) -> Venue:
    """The venue as all parts of the executor are to use it."""
    return cast("Venue", _Observed(venue, health, now_ms))


class _Observed:
    """Whatever is asked of it is the venue's. What the port does not say is public is signed."""

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
        return self._read(found, signed=name not in _PUBLIC)

    def _read(self, ask: Callable[..., Awaitable[Any]], *, signed: bool) -> Callable[..., Awaitable[Any]]:
        async def read(*args: Any, **kwargs: Any) -> Any:
            began_ms = self._now_ms()
            try:
                answer = await ask(*args, **kwargs)
            except VenueError as error:
                self._health.read_failed(error, began_ms)
                raise
            if signed:
                self._health.read_succeeded()
            return answer

        return read

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
