"""The public order book with numbered updates, so that clients can combine a diff stream and a snapshot.

Every changed level takes one update id, as on Binance. The ids are assigned when the book is read, not when it changes:
between two reads only the difference counts, and a book that nobody reads costs nothing.
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
    """The changes from update `first_id` to `last_id`: the new quantities by price, 0 for a removed level."""

    first_id: int
    last_id: int
    bids: Levels
    asks: Levels


class PublicBook:
    """One symbol's book. `update_id` numbers the last change that was read."""

    def __init__(self, update_id: int) -> None:
        self.update_id = update_id
        self._levels: dict[Side, Levels] = {Side.BUY: {}, Side.SELL: {}}
        self._pending = {speed_ms: _Pending(update_id) for speed_ms in SPEEDS_MS}

    def look(self, book: Book) -> None:
        """Updates it from the current book."""
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
        """The changes since the last call for that stream, None if there are none."""
        pending = self._pending[speed_ms]
        self._pending[speed_ms] = _Pending(self.update_id)
        if pending.after_id == self.update_id:
            return None
        changed = pending.changed
        return BookUpdate(pending.after_id + 1, self.update_id, changed[Side.BUY], changed[Side.SELL])


class _Pending:
    """The changes that a diff stream has not sent yet: all after update `after_id`."""

    def __init__(self, after_id: int) -> None:
        self.after_id = after_id
        self.changed: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}


def _difference(before: Levels, now: Levels) -> dict[Decimal, Decimal]:
    changed = {price: quantity for price, quantity in now.items() if before.get(price) != quantity}
    return changed | {price: _GONE for price in before if price not in now}
