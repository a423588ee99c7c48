"""The host's two clocks: Unix time for people and other processes, a monotonic one for ages and timeouts."""

import time

# CLOCK_BOOTTIME, where it exists, also counts while the host sleeps: data from before the sleep is old after it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def now_ns() -> int:
    """Unix time in nanoseconds."""
    return time.time_ns()


def steady_ms() -> int:
    """Milliseconds since a fixed moment in the past, the same while the process lives, whatever corrects Unix time."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000
