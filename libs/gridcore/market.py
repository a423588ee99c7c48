"""The venue's rules for a symbol, and the only place that rounds. Every rounding says its direction."""

from dataclasses import dataclass
from decimal import Decimal


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
        return _step_down(price, self.tick_size)

    def price_up(self, price: Decimal) -> Decimal:
        """The lowest price on the tick grid that is not below."""
        return -_step_down(-price, self.tick_size)

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """The largest tradable quantity that is not above: never more than asked for or owned."""
        return _step_down(quantity, self.lot_size)

    def tradable(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether an order of this quantity at this price reaches the venue's minimums."""
        return quantity > 0 and quantity >= self.min_quantity and quantity * price >= self.min_notional


def _step_down(value: Decimal, step: Decimal) -> Decimal:
    # divmod is exact where a division is not: a quotient of more digits than a Decimal keeps could round up to a step.
    steps, rest = divmod(value, step)  # towards zero
    return (steps - 1 if rest < 0 else steps) * step
