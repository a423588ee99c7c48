"""PositionManager: adjusts the slots to a price. It decides what to cancel and what to place, never both in one slot.

All decisions depend on the price only through the cell between two neighbouring levels that contains it. The quiet band
relies on that.
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
_OPEN, _OPENING, _BUY = OrderStatus.OPEN, Role.OPENING, Side.BUY  # hot path: enum attribute access is slow


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
    """The changes that adjust the slots to a price.

    Slots are added and dropped only together with orders; on their own they are not worth a commit.
    """

    cancels: tuple[SlotOrder, ...] = ()
    placements: tuple[Placement, ...] = ()
    new_slots: tuple[InventorySlot, ...] = ()
    dropped_slots: tuple[str, ...] = ()
    flipped_slots: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # slot keys of `cancels`, in the same order
    lacks: tuple[Shortage, ...] = ()  # orders not tried because funds or order places are short

    @property
    def idle(self) -> bool:
        """Reports whether there is nothing to send."""
        return not (self.cancels or self.placements)


class PositionManager:
    """Computes the adjustment at one price. `price` None: it is not known, and nothing is placed."""

    def __init__(
        self, state: State, market: MarketRules, config: GridConfig, *, price: Decimal | None, at_ms: int, fresh: bool
    ) -> None:
        self._state = state
        self._market = market
        self._config = config
        self._price = price
        self._at_ms = at_ms
        self._base_ms = config.retry_after_ms
        self._halted = market.halted  # the venue accepts no orders: none is tried until it does again
        self._may_place = fresh and price is not None and not market.halted
        self._running = state.risk.mode is Mode.RUNNING
        self._ladder: Ladder = ladder(config, market)
        self._slots = sorted(state.slots.values(), key=attrgetter("price"))
        # Orders at or beyond these prices are cancelled. Without a known price there is no limit.
        self._lowest_buy = -_INFINITE if price is None else self._farthest_limit(Side.BUY, price)
        self._highest_sell = _INFINITE if price is None else self._farthest_limit(Side.SELL, price)

    def adjust(self) -> Adjustment:
        """Returns the cancels and placements that are due at this price and in this mode."""
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

    def _must_cancel(self, slot: InventorySlot, wanted: bool) -> bool:  # noqa: FBT001  hot path, called for each slot
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
        """Returns the price at which orders of this side begin to be beyond window and slack.

        Comparing with it is faster than computing each order's rank.
        """
        reach = self._window(side) + self._config.window_slack
        if side is Side.BUY:
            return self._ladder.price(self._ladder.highest_below(price) - reach)
        return self._ladder.price(self._ladder.lowest_above(price) + reach)

    @staticmethod
    def _oversold(slot: InventorySlot, order: SlotOrder) -> bool:
        # A stray fill has closed part of what this order was placed to close. If it filled completely, it would sell
        # more than the slot holds.
        return order.quantity - order.executed > slot.position * slot.opening_side.sign

    def _mispriced(self, slot: InventorySlot, order: SlotOrder, price: Decimal) -> bool:
        # The order was placed beyond the slot's closing price, on the maker's side of a market that has come back
        # since. It would wait for a better price than the slot was opened for. An order at the closing price itself
        # stays, even if that price is not on the venue's new tick: it can fill as it is, and keeps its place in the
        # queue.
        if order.price == slot.closing_price or self._rank(order.side, slot.closing_price, price) <= 0:
            return False
        return order.price != self._on_tick(order.side, slot.closing_price)

    def _overtaken(self, slot: InventorySlot, price: Decimal) -> bool:
        # A slot has one order at a time. A partly filled opening order must be cancelled before the filled part can be
        # closed. That is done when the price has reached the slot's closing price.
        return (
            slot.closable(self._market) > 0 and self._rank(slot.opening_side.opposite, slot.closing_price, price) <= 0
        )

    # -- placements

    def _closings(self, allocation: Allocation) -> list[Placement]:
        """Returns the closing orders that are due and that the allocation allows, nearest first."""
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
        # Funds are allocated at the closing price, so that the result is the same for every price of the cell. A buy
        # costs no more than that.
        placed = [
            each for each in due if allocation.take(Role.CLOSING, each.side, each.quantity, each.slot.closing_price)
        ]
        allocation.reserve(waiting, {each.slot.key for each in placed})
        return placed

    def _reaches(self, side: Side, limit: Decimal) -> bool:
        """Reports whether the venue accepts an order of this price at the current market price (PERCENT_PRICE).

        Compares with the far ends of the cell that contains the price, so that the result is the same for the whole
        cell. The venue's reference price is an average of the last minutes, so near the limit it may still refuse.
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
        # If the market has passed the closing price, the order would trade at once, and a post-only order would be
        # refused. It is moved to the nearest price on the maker's side, which is better than the closing price.
        limit = self._on_tick(side, closing_price)
        if not self._config.post_only:
            return limit
        if side is Side.SELL:
            return max(limit, self._market.price_down(price) + self._market.tick_size)
        return min(limit, self._market.price_up(price) - self._market.tick_size)

    def _on_tick(self, side: Side, closing_price: Decimal) -> Decimal:
        # This changes the price only if the venue has changed its tick since the slot was created.
        return self._market.price_up(closing_price) if side is Side.SELL else self._market.price_down(closing_price)

    def _openings(self, taken: set[int], allocation: Allocation) -> Iterator[Placement]:
        """Yields opening orders for the levels in the window, except `taken` ones, whose slot already has an order."""
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
            # A slot that rests after a refusal still gets its allocation, so that no farther slot uses it up.
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
        # After a change of range, a slot of the other side can have the same price. It keeps its side while it holds
        # dust.
        return slot if slot.opening_side is side else None

    def _position_limit(self, side: Side) -> Decimal:
        """Returns how much base the slots of a side may hold. The venue's limit applies to buys only."""
        own, venue = self._config.risk.max_position, self._market.max_position if side is _BUY else None
        return min(_INFINITE if own is None else own, _INFINITE if venue is None else venue)

    def _exposure(self, side: Side) -> Decimal:
        """Returns the base that this side's slots would hold if all of their opening orders filled."""
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
        """Returns how many levels lie between the price and the limit, the limit's own level included."""
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
    """Returns the slot with `retiring` inverted."""
    return replace(slot, retiring=not slot.retiring)
