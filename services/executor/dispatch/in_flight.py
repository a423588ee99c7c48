"""Actions being sent right now. A fence waits for those of older epochs."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from gridservice.change_signal import ChangeSignal


class InFlight:
    """Counts sends by symbol and epoch.

    A send enters before the ledger says SENDING and leaves after its result is recorded.
    """

    def __init__(self) -> None:
        self._sending: Counter[tuple[str, int]] = Counter()
        self._landed = ChangeSignal()

    @contextlib.asynccontextmanager
    async def sending(self, symbol: str, epoch: int) -> AsyncIterator[None]:
        """Counts one action as in flight for the duration of the block."""
        self._sending[symbol, epoch] += 1
        try:
            yield
        finally:
            self._sending[symbol, epoch] -= 1
            self._landed.beat()

    async def wait_below(self, symbol: str, epoch: int) -> None:
        """Waits until no action of an older epoch is being sent."""
        await self._landed.until(lambda: not self._older(symbol, epoch))

    def _older(self, symbol: str, epoch: int) -> bool:
        return any(count and name == symbol and old < epoch for (name, old), count in self._sending.items())
