"""The time as the service reads it: one moment on two clocks, so that an age never depends on a clock that jumps."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from gridservice.steady import steady_ms


@dataclass(frozen=True, slots=True)
class Moment:
    """`wall_ms` is Unix time, for people and other processes; `steady_ms` only ever rises, for ages and waits."""

    wall_ms: int
    steady_ms: int


Clock = Callable[[], Moment]


def system_clock() -> Moment:
    """Now."""
    return Moment(time.time_ns() // 1_000_000, steady_ms())
