"""The venue's rules for a symbol, and the only place that rounds. Every rounding says its direction."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class PriceRange:
    """Factors of the market's present price between which an order's price must lie; None: no limit."""

    lowest: Decimal | None = None
    highest: Decimal | None = None


@dataclass(frozen=True, slots=True)
class MarketRules:
    """Steps and limits in base or quote; fees are fractions (0.001 is 0.1 %). A limit of None is none."""

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
    max_position: Decimal | None = None  # base: what the account may hold, and still be buying, at most
    max_orders: int = 0  # open orders of the account in this market, others' included; 0: no limit
    buy_range: PriceRange = PriceRange()
    sell_range: PriceRange = PriceRange()
    halted: bool = False  # the venue takes no orders in this market at present

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
