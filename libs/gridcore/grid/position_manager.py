"""PositionManager: adjusts the slots to a price. Says what to cancel and what to place, and never both in one slot.

Everything here depends on the price only through the cell between two neighbouring levels that it lies in; the quiet
band rests on that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import compress
from operator import attrgetter

from gridcore.grid.allocation import Allocation, Shortage, allocation_of
from gridcore.grid.budget import budget_left
from gridcore.grid.grid_checks import refusal
from gridcore.grid.ladder import Ladder, ladder
from gridcore.grid.preemption import preempted
from gridcore.model.config import GridConfig
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.refusals import waits
from gridcore.model.slots import InventorySlot, PositionStatus, SlotOrder
from gridcore.model.state import Mode, State

_INFINITE = Decimal("Infinity")
_OPEN, _OPENING, _BUY = OrderStatus.OPEN, Role.OPENING, Side.BUY  # each slot, each step: an enum's attribute is slow


@dataclass(frozen=True, slots=True)
class Placement:
    """An order to place for a slot."""

    slot: InventorySlot
    role: Role
    side: Side
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What fits the slots to the price. Slots come and go only along with orders: alone they are not worth a commit."""

    cancels: tuple[SlotOrder, ...] = ()
    placements: tuple[Placement, ...] = ()
    new_slots: tuple[InventorySlot, ...] = ()
    dropped_slots: tuple[str, ...] = ()
    flipped_slots: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # of the cancels' slots, in their order
    lacks: tuple[Shortage, ...] = ()  # what is not tried, for want of funds or of order places

    @property
    def idle(self) -> bool:
        """Whether there is nothing to send."""
        return not (self.cancels or self.placements)


class PositionManager:
    """The grid as it should stand at one price. `price` None: nothing is known, and nothing is placed."""

    def __init__(
        self, state: State, market: MarketRules, config: GridConfig, *, price: Decimal | None, at_ms: int, fresh: bool
    ) -> None:
        self._state = state
        self._market = market
        self._config = config
        self._price = price
        self._at_ms = at_ms
        self._base_ms = config.retry_after_ms
        self._halted = market.halted  # the venue takes no orders: none is tried until it does again
        self._may_place = fresh and price is not None and not market.halted
        self._running = state.risk.mode is Mode.RUNNING
        self._ladder: Ladder = ladder(config, market)
        self._slots = sorted(state.slots.values(), key=attrgetter("price"))
        # Beyond these, orders are out of reach; where no price is known none is.
        self._lowest_buy = -_INFINITE if price is None else self._farthest_limit(Side.BUY, price)
        self._highest_sell = _INFINITE if price is None else self._farthest_limit(Side.SELL, price)

    def adjust(self) -> Adjustment:
        """The cancels and placements that the price and the mode ask for."""
        if self._state.risk.mode is Mode.PAUSED or (self._halted and self._running):
            return Adjustment()
        wanted = [self._ladder.wants(slot) for slot in self._slots]
        cancelled = [slot for slot, stays in zip(self._slots, wanted, strict=True) if self._must_cancel(slot, stays)]
        taken = {slot.level for slot in compress(self._slots, wanted) if slot.order is not None}
        allocation = allocation_of(self._state, self._market, self._slots)
        closings = self._closings(allocation) if self._may_place else []
        openings = list(self._openings(taken, allocation)) if self._may_place else []
        if allocation.lacks:
            gone = {slot.key for slot in cancelled}
            cancelled += preempted(self._slots, allocation, self._known_price(), gone, self._at_ms, self._base_ms)
        return Adjustment(
            cancels=tuple(slot.order for slot in cancelled if slot.order is not None),
            keys=tuple(slot.key for slot in cancelled),
            placements=(*closings, *openings),
            new_slots=tuple(each.slot for each in openings if each.slot.key not in self._state.slots),
            dropped_slots=tuple(self._dropped({each.slot.key for each in openings})),
            flipped_slots=tuple(
                slot.key for slot, stays in zip(self._slots, wanted, strict=True) if slot.retiring is stays
            ),
            lacks=tuple(allocation.lacks),
        )

    def _resting(self, slot: InventorySlot, role: Role) -> bool:
        return slot.retry_after_ms > self._at_ms and waits(slot, role, self._at_ms, self._base_ms)

    # -- cancels

    def _must_cancel(self, slot: InventorySlot, wanted: bool) -> bool:  # noqa: FBT001  asked of each slot at each step
        order = slot.order
        if order is None or order.status is not _OPEN or self._resting(slot, Role.CLOSING):
            return False
        if order.role is _OPENING and not self._running:
            return True
        if self._price is None:
            return False
        if order.price <= self._lowest_buy if order.side is _BUY else order.price >= self._highest_sell:
            return True
        if order.role is not _OPENING:
            return self._oversold(slot, order) or self._mispriced(slot, order, self._price)
        return not wanted or (bool(slot.position) and self._overtaken(slot, self._price))

    def _farthest_limit(self, side: Side, price: Decimal) -> Decimal:
        """Where orders of this side begin to rank beyond window and slack: one comparison each, instead of a rank."""
        reach = self._window(side) + self._config.window_slack
        if side is Side.BUY:
            return self._ladder.price(self._ladder.highest_below(price) - reach)
        return self._ladder.price(self._ladder.lowest_above(price) + reach)

    @staticmethod
    def _oversold(slot: InventorySlot, order: SlotOrder) -> bool:
        # A stray fill has closed what this order was placed to close: filled, it would sell what is not the grid's.
        return order.quantity - order.executed > slot.position * slot.opening_side.sign

    def _mispriced(self, slot: InventorySlot, order: SlotOrder, price: Decimal) -> bool:
        # Placed beyond the slot's closing price, on the maker's side of a market that has come back since: there it
        # would wait for a better price than the slot was opened for. One that rests at the closing price itself stays,
        # also where the venue's new tick has no such price any more: it fills as it is, and keeps its turn in the book.
        if order.price == slot.closing_price or self._rank(order.side, slot.closing_price, price) <= 0:
            return False
        return order.price != self._on_tick(order.side, slot.closing_price)

    def _overtaken(self, slot: InventorySlot, price: Decimal) -> bool:
        # A slot has one order at a time, so a part already bought can be sold only once the rest of its opening order
        # is out of the way; it is worth that when the price stands where the part would be sold.
        return (
            slot.closable(self._market) > 0 and self._rank(slot.opening_side.opposite, slot.closing_price, price) <= 0
        )

    # -- placements

    def _closings(self, allocation: Allocation) -> list[Placement]:
        """Closing orders that are due, nearest first, as far as the purse reaches."""
        price = self._known_price()
        due: list[Placement] = []
        waiting = 0
        for slot in self._slots:
            if slot.order is not None:
                continue
            quantity = slot.closable(self._market)
            if quantity == 0:
                continue
            side = slot.opening_side.opposite
            limit = self._closing_limit(side, slot.closing_price, price)
            if self._rank(side, limit, price) > self._window(side):
                continue
            if self._resting(slot, Role.CLOSING) or not self._reaches(side, limit):
                waiting += 1
            else:
                due.append(Placement(slot, Role.CLOSING, side, limit, quantity))
        due.sort(key=lambda each: (abs(each.price - price), each.price))
        if allocation.unlimited:
            return due
        # At the closing price, which no price of the cell exceeds where it buys, so that they all say the same.
        placed = [
            each for each in due if allocation.take(Role.CLOSING, each.side, each.quantity, each.slot.closing_price)
        ]
        allocation.reserve(waiting, {each.slot.key for each in placed})
        return placed

    def _reaches(self, side: Side, limit: Decimal) -> bool:
        """Whether the venue takes an order of this price while the market is where it is (PERCENT_PRICE).

        Held against the far ends of the cell that the price lies in, so that it is the same for every price of it. What
        the venue measures from is an average of the last minutes, so near the limit it may still refuse.
        """
        allowed = self._market.buy_range if side is Side.BUY else self._market.sell_range
        if allowed.lowest is None and allowed.highest is None:
            return True
        price = self._known_price()
        below = self._ladder.price(self._ladder.highest_below(price))
        above = self._ladder.price(self._ladder.lowest_above(price))
        too_low = allowed.lowest is not None and limit < allowed.lowest * above
        return not (too_low or (allowed.highest is not None and limit > allowed.highest * below))

    def _closing_limit(self, side: Side, closing_price: Decimal, price: Decimal) -> Decimal:
        # A closing price that the market has passed would trade at once, and a post-only order would be refused: it is
        # moved to the nearest price on the maker's side, which is better than what the slot hoped for.
        limit = self._on_tick(side, closing_price)
        if not self._config.post_only:
            return limit
        if side is Side.SELL:
            return max(limit, self._market.price_down(price) + self._market.tick_size)
        return min(limit, self._market.price_up(price) - self._market.tick_size)

    def _on_tick(self, side: Side, closing_price: Decimal) -> Decimal:
        # It is there already, unless the venue has changed its tick since the slot was made.
        return self._market.price_up(closing_price) if side is Side.SELL else self._market.price_down(closing_price)

    def _openings(self, taken: set[int], allocation: Allocation) -> Iterator[Placement]:
        """Opening orders for the levels in the window, but for those of which is known that their slot has an order."""
        if not self._running:
            return
        slots = self._opening_slots(taken)
        if not slots:
            return
        limits = {side: self._position_limit(side) for side in Side}
        exposure = {side: self._exposure(side) if limits[side] < _INFINITE else ZERO for side in Side}
        budget = budget_left(self._state, self._config)
        left = _INFINITE if budget is None else budget
        for slot in slots:
            side, quantity = slot.opening_side, self._ladder.opening_quantity(slot.price)
            cost, exposed = quantity * slot.price, exposure[side] + quantity
            if cost > left or exposed > limits[side] or not self._reaches(side, slot.price):
                continue
            # A slot that rests takes from the purse all the same: what it will need, none farther may have.
            if not allocation.take(_OPENING, side, quantity, slot.price) or self._resting(slot, _OPENING):
                continue
            exposure[side], left = exposed, left - cost
            yield Placement(slot, _OPENING, side, slot.price, quantity)

    def _opening_slots(self, taken: set[int]) -> list[InventorySlot]:
        price = self._known_price()
        below, above = self._ladder.highest_below(price), self._ladder.lowest_above(price)
        buys = range(below, below - self._config.buy_window, -1)
        sells = range(above, above + self._config.sell_window)
        sides = [(level, Side.BUY) for level in buys if level not in taken]
        sides += [(level, Side.SELL) for level in sells if level not in taken]
        slots = [slot for level, side in sides if (slot := self._free_slot(level, side)) is not None]
        return sorted(slots, key=lambda slot: (abs(slot.price - price), slot.price))

    def _free_slot(self, level: int, side: Side) -> InventorySlot | None:
        wanted = self._ladder.slot(level)
        if wanted is None or wanted.opening_side is not side:
            return None
        slot = self._state.slots.get(wanted.key, wanted)
        if slot.order is not None or slot.closable(self._market) > 0:
            return None
        if refusal(wanted, self._ladder, self._market):
            return None
        # The other side's slot can have the same price after a change of range; it keeps its side while it holds dust.
        return slot if slot.opening_side is side else None

    def _position_limit(self, side: Side) -> Decimal:
        """How much base the slots of a side may hold. The venue's limit is about what may be bought."""
        own, venue = self._config.risk.max_position, self._market.max_position if side is _BUY else None
        return min(_INFINITE if own is None else own, _INFINITE if venue is None else venue)

    def _exposure(self, side: Side) -> Decimal:
        """What this side's slots would hold if all of their opening orders filled and the other side's were closed."""
        slots = [slot for slot in self._state.slots.values() if slot.opening_side is side]
        orders = [slot.order for slot in slots if slot.order is not None and slot.order.role is Role.OPENING]
        held = side.sign * sum((slot.position for slot in slots), ZERO)
        return held + sum((order.quantity - order.executed for order in orders), ZERO)

    # -- the window

    def _known_price(self) -> Decimal:
        if self._price is None:
            raise AssertionError("placements are only asked for at a known price")
        return self._price

    def _window(self, side: Side) -> int:
        return self._config.buy_window if side is Side.BUY else self._config.sell_window

    def _rank(self, side: Side, limit: Decimal, price: Decimal) -> int:
        """How many levels lie from the price up to (or down to) the limit, the limit's own included."""
        if side is Side.BUY:
            return self._ladder.highest_below(price) - (self._ladder.highest_below(limit) + 1) + 1
        return self._ladder.lowest_above(limit) - 1 - self._ladder.lowest_above(price) + 1

    def _dropped(self, opening: set[str]) -> Iterator[str]:
        if self._price is None:
            return
        reach = max(self._config.buy_window, self._config.sell_window) + self._config.window_slack
        nearest = self._ladder.highest_below(self._price)
        for slot in self._slots:
            unused = slot.order is None and slot.position_status is PositionStatus.EMPTY and slot.key not in opening
            if unused and (abs(slot.level - nearest) > reach or not self._ladder.wants(slot)):
                yield slot.key


def retired(slot: InventorySlot) -> InventorySlot:
    """The slot with its `retiring` turned over."""
    return replace(slot, retiring=not slot.retiring)
