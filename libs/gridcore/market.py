"""The venue's rules for a symbol, and the only place that rounds. Every rounding says its direction."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Steps and minimum in base or quote; fees are fractions (0.001 is 0.1 %)."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal

    def price_down(self, price: Decimal) -> Decimal:
        """The highest price on the tick grid that is not above."""
        return _to_step(price, self.tick_size, ROUND_FLOOR)

    def price_up(self, price: Decimal) -> Decimal:
        """The lowest price on the tick grid that is not below."""
        return _to_step(price, self.tick_size, ROUND_CEILING)

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """The largest tradable quantity that is not above: never more than asked for or owned."""
        return _to_step(quantity, self.lot_size, ROUND_FLOOR)

    def tradable(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether an order of this quantity at this price reaches the venue's minimums."""
        return quantity > 0 and quantity >= self.min_quantity and quantity * price >= self.min_notional


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step
