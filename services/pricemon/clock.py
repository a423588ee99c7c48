"""The service's time: a moment on two clocks, so that an age never depends on a clock that jumps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gridservice.steady import steady_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """`wall_ms` is Unix time, for people and other processes; `steady_ms` is monotonic, for ages and timeouts."""

    wall_ms: int
    steady_ms: int


Clock = Callable[[], Moment]


def system_clock() -> Moment:
    """The current moment."""
    return Moment(time.time_ns() // 1_000_000, steady_ms())
