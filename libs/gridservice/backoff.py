"""Computes the pauses between retries."""

from collections.abc import Iterator

FIRST_SECONDS = 0.05
MOST_SECONDS = 1.0


def backoff_seconds(first: float = FIRST_SECONDS, most: float = MOST_SECONDS) -> Iterator[float]:
    """Yields pauses that double from `first` to `most` and stay there. No jitter: the peers are our own services."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, most)
