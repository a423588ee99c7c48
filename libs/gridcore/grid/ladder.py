"""The ladder: the price of each level and the slot that opens there. It depends on config and market rules only.

Level 0 is the anchor. Arithmetic levels lie `interval` apart, geometric ones a factor of 1 + `interval`. Every price is
rounded down to the tick. Far below the anchor a geometric interval can be smaller than a tick, so that several levels
share a price. Only one of these has a slot.
"""

import math
from decimal import Decimal
from functools import lru_cache

from gridcore.model.config import GridConfig, GridMode, Spacing
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import Side
from gridcore.model.slots import InventorySlot


class Ladder:
    """The levels of one grid. Use `ladder`, which caches one instance per config and market."""

    def __init__(self, config: GridConfig, market: MarketRules) -> None:
        self._config = config
        self._market = market
        self._prices: dict[int, Decimal] = {}
        self._slots: dict[int, InventorySlot | None] = {}
        self._log_step = math.log1p(config.interval)  # of a geometric ladder

    def price(self, level: int) -> Decimal:
        """Returns the level's price, in quote."""
        known = self._prices.get(level)
        if known is None:
            known = self._prices[level] = self._market.price_down(self._exact(level))
        return known

    def highest_below(self, price: Decimal) -> int:
        """Returns the highest level whose price is strictly below `price`."""
        level = self._estimate(price)
        while self.price(level) >= price:
            level -= 1
        while self.price(level + 1) < price:
            level += 1
        return level

    def lowest_above(self, price: Decimal) -> int:
        """Returns the lowest level whose price is strictly above `price`."""
        level = self.highest_below(price) + 1
        while self.price(level) <= price:
            level += 1
        return level

    def slot(self, level: int) -> InventorySlot | None:
        """Returns the empty slot that the config wants at this level; None if none or the tick is too large."""
        try:
            return self._slots[level]
        except KeyError:
            wanted = self._slots[level] = self._wanted(level)
            return wanted

    def slot_of_side(self, level: int, opening_side: Side) -> InventorySlot:
        """Returns an empty slot of this side at this level. It is retiring if the config does not want it."""
        wanted = self.slot(level)
        if wanted is not None and wanted.opening_side is opening_side:
            return wanted
        closing_price = self.price(level + opening_side.sign)
        return InventorySlot(self.price(level), level, opening_side, closing_price, retiring=True)

    def wants(self, slot: InventorySlot) -> bool:
        """Reports whether the slot is the one wanted at its level. A new tick_size can move the level's price away."""
        wanted = self._slots[slot.level] if slot.level in self._slots else self.slot(slot.level)
        return wanted is not None and wanted.price == slot.price

    def _wanted(self, level: int) -> InventorySlot | None:
        side = self._opening_side(level)
        price = self.price(level)
        if side is None or not self._in_range(price):
            return None
        closing_price = self.price(level + side.sign)
        if min(price, closing_price) <= 0 or price == closing_price:
            return None
        return InventorySlot(price=price, level=level, opening_side=side, closing_price=closing_price)

    def opening_quantity(self, price: Decimal) -> Decimal:
        """Returns how much base a slot at this price opens, rounded down to the lot."""
        if self._config.base_per_slot is not None:
            return self._market.quantity_down(self._config.base_per_slot)
        if self._config.quote_per_slot is None:
            raise AssertionError("check_grid lets no config pass without a size")
        return self._market.quantity_down(self._config.quote_per_slot / price)

    def _exact(self, level: int) -> Decimal:
        if self._config.spacing is Spacing.ARITHMETIC:
            return self._config.anchor + level * self._config.interval
        return self._config.anchor * (1 + self._config.interval) ** level

    def _estimate(self, price: Decimal) -> int:
        if self._config.spacing is Spacing.ARITHMETIC:
            return int((price - self._config.anchor) / self._config.interval)
        # Float precision suffices: the caller corrects the estimate by exact comparisons. It takes a hundredth of the
        # time of Decimal.ln.
        return int(math.log(price / self._config.anchor) / self._log_step)

    def _opening_side(self, level: int) -> Side | None:
        match self._config.mode:
            case GridMode.LONG:
                return Side.BUY
            case GridMode.SHORT:
                return Side.SELL
            case GridMode.NEUTRAL:
                # Level 0 opens nothing: the first slots on either side close at its price.
                return None if level == 0 else Side.BUY if level < 0 else Side.SELL

    def _in_range(self, price: Decimal) -> bool:
        lower, upper = self._config.lower, self._config.upper
        return (lower is None or price >= lower) and (upper is None or price <= upper)


@lru_cache(maxsize=256)
def ladder(config: GridConfig, market: MarketRules) -> Ladder:
    """Returns the cached ladder of this config on this market."""
    return Ladder(config, market)
