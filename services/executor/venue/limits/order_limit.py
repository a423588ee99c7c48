"""Trouble for the account's order limit: begins when places wait for long, ends when the wait is over."""

from collections.abc import Callable

from executor.venue.limits.rate_limit import Need, Priority, Reason, Wait
from gridservice.troubles import Kind, Troubles

_A_MOMENT_MS = 10_000  # the shortest window of a venue: an opening that waits for its end is normal
_REMEDY = (
    "the account's count of orders is used up as far as openings may use it; cancels and reads go on; place fewer "
    "orders (smaller windows, wider intervals), or look for another program on this account"
)


class OrderLimitTrouble:
    """Collects places that found no room, and checks periodically whether that is over."""

    def __init__(self, troubles: Troubles, now_ms: Callable[[], int]) -> None:
        self._troubles = troubles
        self._now_ms = now_ms
        self._until_ms = 0

    def blocked(self, need: Need, wait: Wait) -> None:
        """Records a blocked place. It is a trouble if the venue refused, a closing is blocked, or the wait is long."""
        if wait.reason is not Reason.ORDER_LIMIT:
            return
        long = wait.until_ms - self._now_ms() > _A_MOMENT_MS
        if wait.silence or long or need.priority is Priority.CLOSING:
            self._until_ms = max(self._until_ms, wait.until_ms)
            sentence = f"no more orders before Unix time {wait.until_ms} ms: {_REMEDY}"
            self._troubles.begin(Kind.ORDER_LIMIT, sentence, retry_at_ms=wait.until_ms)

    def look(self) -> None:
        """Ends the trouble once the wait is over."""
        if self._until_ms and self._now_ms() >= self._until_ms:
            self._until_ms = 0
            self._troubles.end(Kind.ORDER_LIMIT)
