"""A clock that only ever rises, for ages and waits: no correction of the host's time makes a price young or old."""

import time

# It goes on while the host sleeps, where there is such a clock: what was heard before the sleep is old after it.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def steady_ms() -> int:
    """Milliseconds since some moment that stays the same while the process lives."""
    return time.clock_gettime_ns(_CLOCK) // 1_000_000
