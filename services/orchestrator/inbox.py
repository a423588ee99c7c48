"""What waits for a symbol's loop: commands and order updates in order, of prices and ticks only that there is one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from decimal import Decimal

from gridcore.actions import OrderUpdate

Command = Callable[[], Awaitable[None]]

_BATCHES_AHEAD = 4


class TickDue:
    """Time to look, whatever the price does."""


Item = Command | tuple[OrderUpdate, ...] | TickDue | Decimal


class Inbox:
    """One queue per symbol. Taken first come commands, then order updates, then a tick, then the newest price."""

    def __init__(self, max_updates: int) -> None:
        self._max_updates = max_updates
        self._commands: deque[Command] = deque()
        self._updates: deque[OrderUpdate] = deque()
        self._tick = False
        self._price: Decimal | None = None
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    def put_command(self, command: Command) -> None:
        """A call that the loop makes between two steps."""
        self._commands.append(command)
        self._filled.set()

    async def put_update(self, update: OrderUpdate) -> None:
        """The log's next entry. Waits while several batches of them wait, so that a long log stays where it is."""
        while len(self._updates) >= _BATCHES_AHEAD * self._max_updates:
            self._room.clear()
            await self._room.wait()
        self._updates.append(update)
        self._filled.set()

    def put_tick(self) -> None:
        """Several ticks that nobody took are one."""
        self._tick = True
        self._filled.set()

    def put_price(self, price: Decimal) -> None:
        """Replaces a price that nobody took."""
        self._price = price
        self._filled.set()

    def drop_price(self) -> None:
        """A newer price that asks for nothing replaces it by none."""
        self._price = None

    @property
    def waiting_updates(self) -> int:
        """How many order updates nobody has taken yet."""
        return len(self._updates)

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self._commands or self._updates or self._tick or self._price is not None)

    async def take(self) -> Item:
        """The next thing to do; waits for one."""
        while True:
            item = self._next()
            if item is not None:
                return item
            self._filled.clear()
            await self._filled.wait()

    def _next(self) -> Item | None:
        if self._commands:
            return self._commands.popleft()
        if self._updates:
            self._room.set()
            count = min(len(self._updates), self._max_updates)
            return tuple(self._updates.popleft() for _ in range(count))
        if self._tick:
            self._tick = False
            return TickDue()
        price, self._price = self._price, None
        return price
