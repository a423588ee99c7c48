"""A monotonic clock for ages and timeouts: corrections of the host's time do not change the age of a price."""

import time

# CLOCK_BOOTTIME, where it exists, also counts while the host sleeps: data from before the sleep is old after it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_ms() -> int:
    """Milliseconds since a fixed moment in the past, the same while the process lives."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000
