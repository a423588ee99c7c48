"""Orders of others in the same market: looked at from time to time, noted in the state where they have changed (P6).

They are never touched. What they mean for the budget, `gridcore.budget` says.
"""

import asyncio

from gridcore.state import Foreign
from gridcore.triggers import ForeignSeen
from orchestrator.clock import now_ms
from orchestrator.desk import Desk
from orchestrator.loop import SymbolLoop


class Bystanders:
    """The others of one symbol."""

    def __init__(self, desk: Desk, loop: SymbolLoop) -> None:
        self._desk = desk
        self._loop = loop

    async def look(self) -> None:
        """Asks the venue; a change is in the inbox when this returns, before any price that comes later."""
        foreign = (await self._desk.executor.open_orders(self._desk.symbol)).foreign
        if foreign != self._desk.state.foreign:
            self._desk.inbox.put_command(lambda: self._note(foreign))

    async def watch(self, pause_seconds: float) -> None:
        """Looks again and again."""
        while True:
            await asyncio.sleep(pause_seconds)
            await self.look()

    async def _note(self, foreign: Foreign) -> None:
        await self._loop.step(ForeignSeen(now_ms(), foreign))
