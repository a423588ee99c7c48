"""Schedule for re-reading the venue's markets: periodically, and soon after a refusal that new rules may explain.

One read covers all symbols. Nothing that an exchange may change is treated as constant: steps, filters, status.
"""

from executor.venue.port import Refusal

EVERY_MS = 60_000  # the whole list, which is megabytes on a large exchange
SOME_EVERY_MS = 6_000  # where the traded symbols alone can be requested
SOON_MS = 3_000  # after a refusal
DOUBTFUL = frozenset({Refusal.INVALID_ORDER, Refusal.MARKET_CLOSED, Refusal.ORDER_PLACES, Refusal.SYMBOL_REFUSED})


class MarketRefresh:
    """Age of the market rules, and whether they may be outdated."""

    def __init__(self, every_ms: int = EVERY_MS) -> None:
        self._every_ms = every_ms
        self._read_ms: int | None = None
        self._doubted = False

    def due(self, now_ms: int) -> bool:
        """Returns whether the rules must be read again before they are used."""
        if self._read_ms is None:
            return False  # the connection setup has just read them
        age_ms = now_ms - self._read_ms
        return age_ms < 0 or age_ms >= (SOON_MS if self._doubted else self._every_ms)

    def read(self, now_ms: int) -> None:
        """Records that the rules were read, or that a read was tried."""
        self._read_ms, self._doubted = now_ms, False

    def refused(self, reason: Refusal) -> None:
        """Records that the venue has refused an order."""
        self._doubted = self._doubted or reason in DOUBTFUL
