"""Who follows the update log of a symbol, and under which epoch: a sign that an orchestrator of that epoch lives."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from gridrpc.faults import FailedPrecondition


class Followers:
    """Counts the open streams. A process that is killed closes its own; one that is stopped does not."""

    def __init__(self) -> None:
        self._streams: Counter[tuple[str, int]] = Counter()

    @contextlib.contextmanager
    def following(self, symbol: str, epoch: int) -> Iterator[None]:
        """The block in which a stream is open."""
        self._streams[symbol, epoch] += 1
        try:
            yield
        finally:
            self._streams[symbol, epoch] -= 1

    def refuse_to_replace(self, symbol: str, epoch: int) -> None:
        """Raises FailedPrecondition while an orchestrator of this epoch is there: its state is the one that counts."""
        if epoch and self._streams[symbol, epoch]:
            raise FailedPrecondition(
                f"an orchestrator of epoch {epoch} follows the log of {symbol}: stop it first, and its state is taken "
                "for lost only then",
                reason="FOLLOWED",
            )
