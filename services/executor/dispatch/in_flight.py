"""Actions being sent right now. A fence waits for those of older epochs."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator


class InFlight:
    """Counts sends by symbol and epoch.

    A send enters before the ledger says SENDING and leaves after its result is recorded.
    """

    def __init__(self) -> None:
        self._sending: Counter[tuple[str, int]] = Counter()
        self._landed = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def sending(self, symbol: str, epoch: int) -> AsyncIterator[None]:
        """Counts one action as in flight for the duration of the block."""
        self._sending[symbol, epoch] += 1
        try:
            yield
        finally:
            self._sending[symbol, epoch] -= 1
            async with self._landed:
                self._landed.notify_all()

    async def wait_below(self, symbol: str, epoch: int) -> None:
        """Waits until no action of an older epoch is being sent."""
        async with self._landed:
            await self._landed.wait_for(lambda: not self._older(symbol, epoch))

    def _older(self, symbol: str, epoch: int) -> bool:
        return any(count and name == symbol and old < epoch for (name, old), count in self._sending.items())
