"""Wall clock of the orchestrator. The core reads no clock; it receives times as arguments."""

import time


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def now_ns() -> int:
    """Unix time in nanoseconds."""
    return time.time_ns()
