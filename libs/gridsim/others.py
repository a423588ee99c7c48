"""The others' side of one symbol's book: recorded where the market told it, made up around the last price elsewhere."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import chain, islice

from gridsim.account import ZERO
from gridsim.market import (
    Level,
    Liquidity,
    MarketDepth,
    MarketQuote,
    MarketTrade,
    best_price,
    levels,
    made_up_quantity,
    on_tick,
)
from gridsim.orders import Side
from gridsim.rules import SymbolRules


class Others:
    """The market's last trade, the quotes that stand since, and the depth behind them as it was last told."""

    def __init__(self, rules: SymbolRules, liquidity: Liquidity, price: Decimal, taker: Side) -> None:
        self.price = price
        self._rules = rules
        self._liquidity = liquidity
        self._taker = taker
        self._quotes: MarketQuote | None = None  # as recorded; None: they are made up around the price
        self._depth: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}  # best first; empty: not known

    @property
    def taker(self) -> Side:
        """Who took the last trade."""
        return self._taker

    def change(self, rules: SymbolRules) -> None:
        """Other rules are in force: what is made up lies on the new steps, and so does the price."""
        self._rules = rules
        self.price = on_tick(self.price, rules.tick_size)

    def traded(self, trade: MarketTrade) -> None:
        """The price is theirs, and quotes that it contradicts are of the past."""
        self.price, self._taker = trade.price, trade.taker
        if self._quotes is not None and not self._quotes.holds(trade.price):
            self._quotes = None

    def quoted(self, quote: MarketQuote) -> None:
        """They quote anew."""
        self._quotes = quote

    def told(self, depth: MarketDepth) -> None:
        """Their book around the price is known anew."""
        self._depth = {
            side: {level.price: self._rules.floor_quantity(level.quantity) for level in depth.side(side)}
            for side in Side
        }

    def best(self, side: Side, bound: Decimal | None = None) -> Decimal:
        """The best bid (BUY) or ask (SELL); beyond a bound that it does not reach, where one is given."""
        best = self._quotes.best(side).price if self._quotes is not None else self._made_up_best(side)
        if bound is None or not side.reaches(best, bound):
            return best
        return bound - self._rules.tick_size if side is Side.BUY else bound + self._rules.tick_size

    def levels(self, side: Side, bound: Decimal | None = None) -> Iterator[Level]:
        """The bids (BUY) or asks (SELL), best first, none of which reaches the bound."""
        best, depth = self.best(side, bound), self._depth[side]
        if best <= ZERO:
            return iter(())
        made_up = levels(self._rules, self._liquidity, side, best)
        first = Level(best, max(self._rules.lot_size, self.displayed(side, best)))
        if not depth:
            return chain([first], islice(made_up, 1, None))
        behind = (Level(price, quantity) for price, quantity in depth.items() if quantity)
        return chain([first], (level for level in behind if side.is_better(best, level.price)))

    def shown(self, side: Side, price: Decimal) -> Decimal | None:
        """What they have at a price as far as that is known, None where nothing tells it.

        Nothing is better than the best; the best is told by quotes, what is behind it by the depth, as far as it goes.
        """
        if side.is_better(price, self.best(side)):
            return ZERO
        if self._quotes is not None and self._quotes.best(side).price == price:
            return max(self._rules.lot_size, self._rules.floor_quantity(self._quotes.best(side).quantity))
        depth = self._depth[side]
        if price in depth:
            return depth[price]
        between = depth and side.is_better(next(iter(depth)), price) and side.is_better(price, next(reversed(depth)))
        return ZERO if between else None

    def displayed(self, side: Side, price: Decimal) -> Decimal:
        """The same, with what is made up where nothing tells it, however far from the best."""
        shown = self.shown(side, price)
        return made_up_quantity(self._rules, self._liquidity, price) if shown is None else shown

    def _made_up_best(self, side: Side) -> Decimal:
        return best_price(self._rules, self._liquidity, side, self.price, self._taker)
