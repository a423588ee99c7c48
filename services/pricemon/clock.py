"""The service's time: a moment on two clocks, so that an age never depends on a clock that jumps."""

from collections.abc import Callable
from dataclasses import dataclass

from gridservice.clock import now_ms, steady_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """`wall_ms` is Unix time, for people and other processes; `steady_ms` is monotonic, for ages and timeouts."""

    wall_ms: int
    steady_ms: int


Clock = Callable[[], Moment]


def system_clock() -> Moment:
    """The current moment."""
    return Moment(now_ms(), steady_ms())
