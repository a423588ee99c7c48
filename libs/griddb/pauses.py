"""Pauses between retries during a database outage."""

from collections.abc import Iterator

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 1.0


def pauses() -> Iterator[float]:
    """Yields pauses in seconds without end, doubling from 0.05 up to 1. Only a few processes retry, so no jitter."""
    pause = FIRST_SECONDS
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_SECONDS)
