"""The others' side of one symbol's book: recorded where the market told it, made up around the last price elsewhere."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, islice

from gridsim.account import ZERO
from gridsim.market import Level, Liquidity, MarketQuote, MarketTrade, best_price, levels, made_up_quantity
from gridsim.orders import Side
from gridsim.rules import SymbolRules


class Others:
    """The market's last trade, and the quotes that stand since."""

    def __init__(self, rules: SymbolRules, liquidity: Liquidity, price: Decimal, taker: Side) -> None:
        self.price = price
        self._rules = rules
        self._liquidity = liquidity
        self._taker = taker
        self._quotes: MarketQuote | None = None  # as recorded; None: they are made up around the price

    @property
    def taker(self) -> Side:
        """Who took the last trade."""
        return self._taker

    def traded(self, trade: MarketTrade) -> None:
        """The price is theirs, and quotes that it contradicts are of the past."""
        self.price, self._taker = trade.price, trade.taker
        if self._quotes is not None and not self._quotes.holds(trade.price):
            self._quotes = None

    def quoted(self, quote: MarketQuote) -> None:
        """They quote anew."""
        self._quotes = quote

    def best(self, side: Side, bound: Decimal | None = None) -> Decimal:
        """The best bid (BUY) or ask (SELL); beyond a bound that it does not reach, where one is given."""
        best = self._quotes.best(side).price if self._quotes is not None else self._made_up_best(side)
        if bound is None or not side.reaches(best, bound):
            return best
        return bound - self._rules.tick_size if side is Side.BUY else bound + self._rules.tick_size

    def levels(self, side: Side, bound: Decimal | None = None) -> Iterator[Level]:
        """The bids (BUY) or asks (SELL), best first, none of which reaches the bound."""
        best = self.best(side, bound)
        made_up = levels(self._rules, self._liquidity, side, best)
        recorded = self.recorded(side, best)
        return made_up if recorded is None else chain([Level(best, recorded)], islice(made_up, 1, None))

    def recorded(self, side: Side, price: Decimal) -> Decimal | None:
        """The quantity at a price as the market told it, None where it did not: of quotes the best alone is known."""
        if self._quotes is None or self._quotes.best(side).price != price:
            return None
        return max(self._rules.lot_size, self._rules.floor_quantity(self._quotes.best(side).quantity))

    def displayed(self, side: Side, price: Decimal) -> Decimal:
        """What they have at a price, however far from the best: nothing only where it is better than the best."""
        if side.is_better(price, self.best(side)):
            return ZERO
        recorded = self.recorded(side, price)
        return made_up_quantity(self._rules, self._liquidity, price) if recorded is None else recorded

    def _made_up_best(self, side: Side) -> Decimal:
        return best_price(self._rules, self._liquidity, side, self.price, self._taker)
