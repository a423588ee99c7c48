"""Worst-case cost of the measurements: prices, quantities, and the text that is shown beforehand."""

from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.market_rules import MarketRules
from gridcore.model.money import canonical

_ABOVE_MINIMUM = Decimal("1.1")
_FAR = Decimal("0.9")  # of the price: not reached within a minute, and within the venues' price filters
_CROSSING = Decimal("1.005")  # of the best ask: trades at once
_ABOVE_FUNDS = Decimal("1.01")


@dataclass(frozen=True, slots=True)
class WorstCaseCost:
    """`ask` is the best ask in quote; `free_quote` is what the account can spend."""

    rules: MarketRules
    ask: Decimal
    free_quote: Decimal

    @property
    def far_price(self) -> Decimal:
        """Price where a buy rests and does not trade."""
        return self.rules.price_down(self.ask * _FAR)

    @property
    def crossing_price(self) -> Decimal:
        """Price where a buy trades at once."""
        return self.rules.price_up(self.ask * _CROSSING)

    @property
    def quantity(self) -> Decimal:
        """Quantity of every order: a tenth above the venue's minimum at the far price."""
        least = self.rules.min_notional * _ABOVE_MINIMUM / self.far_price
        return self._quantity_up(max(least, self.rules.min_quantity, self.rules.lot_size))

    @property
    def too_much(self) -> Decimal:
        """Quantity that the account cannot pay at the far price."""
        return self._quantity_up(self.free_quote * _ABOVE_FUNDS / self.far_price) + self.quantity

    @property
    def too_little(self) -> Decimal | None:
        """Quantity below the venue's minimum at the far price; None if the least step is not below the minimum."""
        least = max(self.rules.min_quantity, self.rules.lot_size)
        return least if least * self.far_price < self.rules.min_notional else None

    @property
    def needed(self) -> Decimal:
        """Quote that the account must have: one order that trades, and two that rest."""
        return self.quantity * (self.crossing_price * (1 + self.rules.taker_fee) + 2 * self.far_price)

    @property
    def worst_cost(self) -> str:
        """Text of what may happen to the account."""
        rules, quantity = self.rules, canonical(self.quantity)
        fill = self.quantity * self.crossing_price * (1 + rules.taker_fee)
        rest = self.quantity * self.far_price
        return (
            f"It buys {quantity} {rules.base} for at most {_money(fill)} {rules.quote}, which stay in the account; a "
            "second time, should the venue let an order trade that must not. "
            f"At most two orders of {_money(rest)} {rules.quote} rest at once, a tenth below the price, and are "
            f"cancelled. So at worst {_money(2 * (fill + rest))} {rules.quote} become {rules.base}. "
            "An order for more than the account holds, as far below the price, is sent to be refused."
        )

    def _quantity_up(self, quantity: Decimal) -> Decimal:
        down = self.rules.quantity_down(quantity)
        return down if down == quantity else down + self.rules.lot_size


def _money(amount: Decimal) -> str:
    return f"{amount:.2f}" if amount >= 1 else f"{amount:.8f}"
