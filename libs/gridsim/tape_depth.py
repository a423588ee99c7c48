"""Rebuilds the others' book from a recording: Binance's depth updates applied to a snapshot of the book.

By the procedure that Binance documents for a local book: updates wait for the snapshot, those that it already contains
are dropped, and each further one must continue where the last one ended. After a gap nothing is known until the next
snapshot.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from gridsim.market import Level, MarketDepth
from gridsim.orders import Side

LEVELS = 50  # levels kept of each side: those around the price; an order far from it is filled by none of them

Quantities = Mapping[Decimal, Decimal]
"""Quantities by price; 0: the level is gone."""


class DepthUpdate(NamedTuple):
    """Changes from update `first_id` to `last_id`."""

    first_id: int
    last_id: int
    bids: Quantities
    asks: Quantities


class RecordedBook:
    """Local book, fed line by line. Each call returns what is known after it, None if that is unchanged."""

    def __init__(self) -> None:
        self._sides = {Side.BUY: _Side(), Side.SELL: _Side()}
        self._last_id: int | None = None  # None: no snapshot yet, or a gap since
        self._waiting: list[DepthUpdate] = []

    def snapshot(self, time_ms: int, last_id: int, bids: Quantities, asks: Quantities) -> MarketDepth | None:
        """Applies a snapshot: the whole book as of an update. One older than what is known is ignored."""
        if self._last_id is not None and last_id <= self._last_id:
            return None
        self._sides = {Side.BUY: _Side(bids), Side.SELL: _Side(asks)}
        self._last_id, waiting, self._waiting = last_id, self._waiting, []
        told: MarketDepth | None = self._told(time_ms)
        for update in waiting:
            told = self.update(time_ms, update) or told
        return told

    def update(self, time_ms: int, update: DepthUpdate) -> MarketDepth | None:
        """Applies the next changes."""
        if self._last_id is None:
            self._waiting.append(update)
            return None
        if update.last_id <= self._last_id:
            return None
        if update.first_id > self._last_id + 1:
            self._last_id = None
            return MarketDepth(time_ms, (), ())
        self._last_id = update.last_id
        self._sides[Side.BUY].change(update.bids)
        self._sides[Side.SELL].change(update.asks)
        return self._told(time_ms)

    def _told(self, time_ms: int) -> MarketDepth:
        bids, asks = self._sides[Side.BUY], self._sides[Side.SELL]
        return MarketDepth(
            time_ms, bids.levels(reversed(bids.prices[-LEVELS:])), asks.levels(asks.prices[:LEVELS])
        )  # fmt: skip


class _Side:
    """One side's prices in ascending order, and the quantities there."""

    def __init__(self, quantities: Quantities | None = None) -> None:
        self.prices: list[Decimal] = []
        self._quantities: dict[Decimal, Decimal] = {}
        self.change(quantities or {})

    def change(self, quantities: Quantities) -> None:
        for price, quantity in quantities.items():
            if quantity and price not in self._quantities:
                insort(self.prices, price)
            if quantity:
                self._quantities[price] = quantity
            elif self._quantities.pop(price, None):
                del self.prices[bisect_left(self.prices, price)]

    def levels(self, prices: Iterable[Decimal]) -> tuple[Level, ...]:
        return tuple(Level(price, self._quantities[price]) for price in prices)
