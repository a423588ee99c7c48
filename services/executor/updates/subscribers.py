"""Which orchestrators follow the update log of a symbol: a sign that one lives, and that its state is not lost."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from gridrpc.errors import FailedPrecondition


class Subscribers:
    """Counts the open streams. A process that is killed closes its own; one that is stopped does not."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()

    @contextlib.contextmanager
    def following(self, symbol: str, epoch: int) -> Iterator[None]:
        """The block in which a stream is open; without an epoch it is no orchestrator's."""
        self._streams[symbol] += epoch > 0
        try:
            yield
        finally:
            self._streams[symbol] -= epoch > 0

    def refuse_to_replace(self, symbol: str) -> None:
        """Raises FailedPrecondition while an orchestrator is there: its state is the one that counts."""
        if self._streams[symbol]:
            raise FailedPrecondition(
                f"an orchestrator follows the log of {symbol}: stop it first; its state is not lost",
                reason="FOLLOWED",
            )
