"""The order book as the public sees it: numbered updates, so that a diff stream and a snapshot can be put together.

Every level that changes takes one update id, as on Binance. The ids are given when somebody looks, not when the book
changes: between two looks only the difference counts, and a book that nobody looks at costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gridsim.book import Book
from gridsim.orders import Side

SPEEDS_MS = (100, 1000)  # how often Binance's diff streams are sent
_GONE = Decimal(0)

Levels = Mapping[Decimal, Decimal]
"""Quantity by price, best price first."""


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """What changed from update `first_id` to `last_id`: the new quantities by price, 0 where a level has gone."""

    first_id: int
    last_id: int
    bids: Levels
    asks: Levels


class PublicBook:
    """One symbol's book. `update_id` numbers the last change that was looked at."""

    def __init__(self, update_id: int) -> None:
        self.update_id = update_id
        self._levels: dict[Side, Levels] = {Side.BUY: {}, Side.SELL: {}}
        self._pending = {speed_ms: _Pending(update_id) for speed_ms in SPEEDS_MS}

    def look(self, book: Book) -> None:
        """Sees the book as it is now."""
        for side in Side:
            levels = {level.price: level.quantity for level in book.levels(side)}
            changed = _difference(self._levels[side], levels)
            self._levels[side] = levels
            self.update_id += len(changed)
            for pending in self._pending.values():
                pending.changed[side].update(changed)

    def levels(self, side: Side) -> Levels:
        """The side's levels at `update_id`."""
        return self._levels[side]

    def take_update(self, speed_ms: int) -> BookUpdate | None:
        """What has changed since this was last asked for that stream, None where nothing has."""
        pending = self._pending[speed_ms]
        self._pending[speed_ms] = _Pending(self.update_id)
        if pending.after_id == self.update_id:
            return None
        changed = pending.changed
        return BookUpdate(pending.after_id + 1, self.update_id, changed[Side.BUY], changed[Side.SELL])


class _Pending:
    """What a diff stream has not told yet: all that changed after update `after_id`."""

    def __init__(self, after_id: int) -> None:
        self.after_id = after_id
        self.changed: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}


def _difference(before: Levels, now: Levels) -> dict[Decimal, Decimal]:
    changed = {price: quantity for price, quantity in now.items() if before.get(price) != quantity}
    return changed | {price: _GONE for price in before if price not in now}
