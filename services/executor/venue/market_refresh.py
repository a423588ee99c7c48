"""When the venue's list of markets is read again: every so often, and soon after a refusal that its rules may explain.

One reading is for all symbols. What an exchange may change is never taken for constant: steps, filters, status.
"""

from executor.venue.port import Refusal

EVERY_MS = 60_000  # the whole list, which is megabytes on a large exchange
SOME_EVERY_MS = 6_000  # where one may ask for the symbols that are traded here alone
SOON_MS = 3_000  # after a refusal
DOUBTFUL = frozenset({Refusal.INVALID_ORDER, Refusal.MARKET_CLOSED, Refusal.ORDER_PLACES, Refusal.SYMBOL_REFUSED})


class MarketRefresh:
    """How old the rules are, and whether they may be wrong by now."""

    def __init__(self, every_ms: int = EVERY_MS) -> None:
        self._every_ms = every_ms
        self._read_ms: int | None = None
        self._doubted = False

    def due(self, now_ms: int) -> bool:
        """Whether they are to be read before they are used again."""
        if self._read_ms is None:
            return False  # the connecting has read them just now
        age_ms = now_ms - self._read_ms
        return age_ms < 0 or age_ms >= (SOON_MS if self._doubted else self._every_ms)

    def read(self, now_ms: int) -> None:
        """They were read, or it was tried."""
        self._read_ms, self._doubted = now_ms, False

    def refused(self, reason: Refusal) -> None:
        """The venue has refused an order."""
        self._doubted = self._doubted or reason in DOUBTFUL
