"""How long to wait before the next try."""

from collections.abc import Iterator

FIRST_SECONDS = 0.05
MOST_SECONDS = 1.0


def backoff_seconds(first: float = FIRST_SECONDS, most: float = MOST_SECONDS) -> Iterator[float]:
    """Doubles from `first` up to `most`, for ever. The peers are our own services: no crowd to spread out."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 2, most)
