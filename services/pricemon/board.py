"""Holds the newest price of each symbol, and wakes the readers that wait for it.

`feeder` supplies the prices, the servicer sends them.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from gridcore.risk.passed_prices import extremes
from gridservice.change_signal import ChangeSignal
from pricemon.clock import Moment
from pricemon.ports import Observation
from pricemon.price import Price, observe


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A price message for one reader. `skipped`: changes since the last message about the symbol that were left out.

    `extremes` are the relevant prices among those; `skipped_since_ms` (steady) is when the first of them was received.
    """

    price: Price
    skipped: int
    heartbeat: bool
    extremes: tuple[Decimal, ...] = ()
    skipped_since_ms: int = 0


class PriceBoard:
    """The prices of the monitored symbols, written by the feed and read by any number of readers."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._prices = {symbol: Price(symbol) for symbol in symbols}
        self._refused: dict[str, str] = {}
        self._readers: set[Reader] = set()
        self.changes = ChangeSignal()
        self.closed = False

    @property
    def symbols(self) -> tuple[str, ...]:
        """The monitored symbols."""
        return tuple(self._prices)

    @property
    def refused(self) -> Mapping[str, str]:
        """By symbol that the venue does not list, a sentence about it: it has no price."""
        return self._refused

    def refuse(self, sentences: Mapping[str, str]) -> None:
        """Replaces the symbols that the venue does not list; it lists all others."""
        self._refused = dict(sentences)

    @property
    def readers(self) -> int:
        """The number of current readers."""
        return len(self._readers)

    def price(self, symbol: str) -> Price:
        """The price of a monitored symbol; its seq is 0 before the first price. KeyError for any other symbol."""
        return self._prices[symbol]

    def hear(self, observation: Observation, now: Moment) -> bool:
        """Applies an observation of a monitored symbol. Wakes the readers and returns True if it changed something."""
        known = self._prices[observation.symbol]
        heard = observe(known, observation, now)
        self._prices[observation.symbol] = heard
        if heard.seq == known.seq:
            return False
        for reader in self._readers:
            reader.pass_over(known)
        self.changes.beat()
        return True

    def close(self) -> None:
        """Ends all waiting: there are no more prices."""
        self.closed = True
        self.changes.beat()

    @contextlib.contextmanager
    def reading(self, symbols: Sequence[str], heartbeat_ms: int) -> Iterator["Reader"]:
        """Yields a reader of these symbols for the block."""
        reader = Reader(self, symbols, heartbeat_ms)
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)


class Reader:
    """A reader's position: by symbol the change that was sent last, and when.

    There is no queue that could overflow. A slow reader gets the newest price of each symbol whenever it reads; the
    gap in seq shows how much it missed, and the message has the extremes of it.
    """

    def __init__(self, board: PriceBoard, symbols: Sequence[str], heartbeat_ms: int) -> None:
        self._board = board
        self._heartbeat_ms = heartbeat_ms
        self._seen = board.changes.count
        self._passed: dict[str, tuple[int, tuple[Decimal, ...]]] = {}  # since when (steady), and the extremes
        # Ordered by the last message, so that a busy symbol cannot starve a quiet one.
        self._told: dict[str, tuple[int, int]] = dict.fromkeys(symbols, (0, 0))  # seq, steady_ms

    def pass_over(self, replaced: Price) -> None:
        """Records a price that a newer one replaces, if this reader follows the symbol and did not get that price."""
        told = self._told.get(replaced.symbol)
        if told is None or told[0] in {0, replaced.seq} or replaced.price is None:
            return
        since_ms, passed = self._passed.get(replaced.symbol, (replaced.heard_ms, ()))
        self._passed[replaced.symbol] = since_ms, extremes((*passed, replaced.price))

    def take(self, now: Moment) -> Outgoing | None:
        """The next message; None if all symbols are up to date. A symbol has no message before its first price."""
        for symbol, (seq, told_ms) in self._told.items():
            price = self._board.price(symbol)
            heartbeat = price.seq == seq
            if price.seq == 0 or (heartbeat and now.steady_ms - told_ms < self._heartbeat_ms):
                continue
            del self._told[symbol]
            self._told[symbol] = (price.seq, now.steady_ms)
            skipped = price.seq - seq - 1 if seq and not heartbeat else 0
            since_ms, passed = self._passed.pop(symbol, (0, ()))
            return Outgoing(price, skipped, heartbeat, passed, since_ms)
        return None

    async def wait(self, now: Moment) -> None:
        """Waits until `take` may return a message: after a change, for a heartbeat, or when the board closes."""
        due_ms = min((told_ms for seq, told_ms in self._told.values() if seq), default=now.steady_ms)
        timeout_ms = max(1, due_ms + self._heartbeat_ms - now.steady_ms)
        if not self._board.closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_ms / 1000):
                    await self._board.changes.after(self._seen)
        self._seen = self._board.changes.count
