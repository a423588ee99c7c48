"""How long to wait before a database is tried again."""

from collections.abc import Iterator

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 1.0


def pauses() -> Iterator[float]:
    """Seconds, twice as many each time up to one, for ever: what waits is one process or two, no crowd."""
    pause = FIRST_SECONDS
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_SECONDS)
