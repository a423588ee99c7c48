"""Computes the pauses between retries."""

from collections.abc import Iterator

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 1.0


def backoff_seconds(first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> Iterator[float]:
    """Yields pauses without end that double from `first` to `longest`. No jitter: only a few processes retry."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, longest)
