"""Prioritised events for a symbol's loop. Commands and order updates keep their order; ticks are merged into one.

Prices are conflated: the queue keeps the newest one and the extremes of those that it replaced.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from gridcore.model.actions import OrderUpdate
from gridcore.risk.passed_prices import extremes

Command = Callable[[], Awaitable[None]]

_BATCHES_AHEAD = 4


class TickDue:
    """A tick is due: risk is checked even if the price does not change."""


@dataclass(frozen=True, slots=True)
class PriceDue:
    """The newest price and the extremes of the skipped prices before it, the first received at `since_ms`."""

    heard_ms: int
    price: Decimal
    passed: tuple[Decimal, ...] = ()
    since_ms: int = 0


Item = Command | tuple[OrderUpdate, ...] | TickDue | PriceDue


class EventQueue:
    """One queue per symbol. Priority: commands, then order updates, then a tick, then the newest price."""

    def __init__(self, max_updates: int) -> None:
        self._max_updates = max_updates
        self._commands: deque[Command] = deque()
        self._updates: deque[OrderUpdate] = deque()
        self._tick = False
        self._price: PriceDue | None = None
        self._passed: tuple[Decimal, ...] = ()
        self._passed_since_ms = 0
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    def put_command(self, command: Command) -> None:
        """Adds a call that the loop makes between two steps."""
        self._commands.append(command)
        self._filled.set()

    async def put_update(self, update: OrderUpdate) -> None:
        """Adds the log's next entry. Blocks while four batches wait, so that a long log is not read into memory."""
        while len(self._updates) >= _BATCHES_AHEAD * self._max_updates:
            self._room.clear()
            await self._room.wait()
        self._updates.append(update)
        self._filled.set()

    def put_tick(self) -> None:
        """Adds a tick, unless one waits already."""
        self._tick = True
        self._filled.set()

    def put_price(self, price: Decimal, heard_ms: int) -> None:
        """Adds a price. It replaces a waiting one, which counts as skipped."""
        if self._price is not None:
            self.pass_over(self._price.price, self._price.heard_ms)
        self._price = PriceDue(heard_ms, price)
        self._filled.set()

    def pass_over(self, price: Decimal, heard_ms: int) -> None:
        """Records a skipped price; the next price event carries it."""
        self._passed_since_ms = min(self._passed_since_ms, heard_ms) if self._passed else heard_ms
        self._passed = extremes((*self._passed, price))

    def put_back(self, price: PriceDue) -> None:
        """Returns a price event that became too old to process: its price and those it carries count as skipped."""
        self._passed_since_ms = price.since_ms if price.passed else price.heard_ms
        self._passed = extremes((*price.passed, price.price, *self._passed))

    @property
    def waiting_price(self) -> PriceDue | None:
        """The next price event, without taking it."""
        if self._price is None:
            return None
        return replace(self._price, passed=self._passed, since_ms=self._passed_since_ms)

    @property
    def price_waits(self) -> bool:
        """Whether a price waits, or prices were skipped since the last one taken."""
        return self._price is not None or bool(self._passed)

    @property
    def waiting_updates(self) -> int:
        """How many order updates wait."""
        return len(self._updates)

    @property
    def empty(self) -> bool:
        """Whether no event waits."""
        return not (self._commands or self._updates or self._tick or self._price is not None)

    async def take(self) -> Item:
        """Removes and returns the next event; waits for one."""
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
        if self._price is None:
            return None
        price, self._price = replace(self._price, passed=self._passed, since_ms=self._passed_since_ms), None
        self._passed, self._passed_since_ms = (), 0
        return price
