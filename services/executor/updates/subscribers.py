"""Orchestrators that stream the update log of a symbol: a sign that one is running and that its state is not lost."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from gridrpc.errors import FailedPrecondition


class Subscribers:
    """Counts the open streams. A killed process closes its streams; a stopped (SIGSTOP) one does not."""

    def __init__(self) -> None:
        self._streams: Counter[str] = Counter()

    @contextlib.contextmanager
    def following(self, symbol: str, epoch: int) -> Iterator[None]:
        """Counts a stream as open for the duration of the block. A stream without an epoch is not an orchestrator's."""
        self._streams[symbol] += epoch > 0
        try:
            yield
        finally:
            self._streams[symbol] -= epoch > 0

    def refuse_to_replace(self, symbol: str) -> None:
        """Raises FailedPrecondition while an orchestrator is connected: its state is the valid one."""
        if self._streams[symbol]:
            raise FailedPrecondition(
                f"an orchestrator follows the log of {symbol}: stop it first; its state is not lost",
                reason="FOLLOWED",
            )
