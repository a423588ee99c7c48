"""The venue's rules for a symbol, and rounding to its steps. Every rounding method names its direction."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Limits of an order's price, as factors of the market's current price; None: no limit."""

    lowest: Decimal | None = None
    highest: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Steps and limits in base or quote; fees are fractions (0.001 is 0.1 %). None: no limit."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_size: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    max_quantity: Decimal | None = None
    max_notional: Decimal | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_position: Decimal | None = None  # base: the most that the account may hold, open buy orders included
    max_orders: int = 0  # open orders of the account in this market, foreign ones included; 0: no limit
    buy_range: PriceRange = PriceRange()
    sell_range: PriceRange = PriceRange()
    halted: bool = False  # the venue currently accepts no orders in this market

    def price_down(self, price: Decimal) -> Decimal:
        """Rounds down to a multiple of tick_size."""
        return _step_down(price, self.tick_size)

    def price_up(self, price: Decimal) -> Decimal:
        """Rounds up to a multiple of tick_size."""
        return -_step_down(-price, self.tick_size)

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """Rounds down to a multiple of lot_size, so that an order never exceeds what is wanted or held."""
        return _step_down(quantity, self.lot_size)

    def tradable(self, quantity: Decimal, price: Decimal) -> bool:
        """Reports whether an order of this quantity at this price reaches the venue's minimums."""
        return quantity > 0 and quantity >= self.min_quantity and quantity * price >= self.min_notional


def _step_down(value: Decimal, step: Decimal) -> Decimal:
    # divmod is exact. A division is not: a quotient with more digits than the Decimal precision could round up a step.
    steps, rest = divmod(value, step)  # towards zero
    return (steps - 1 if rest < 0 else steps) * step
