"""The others' part of one symbol's book: recorded if there is a recording, else generated around the last price."""

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
    """The market's last trade, the quotes in force since, and the last recorded depth behind them."""

    def __init__(self, rules: SymbolRules, liquidity: Liquidity, price: Decimal, taker: Side) -> None:
        self.price = price
        self._rules = rules
        self._liquidity = liquidity
        self._taker = taker
        self._quotes: MarketQuote | None = None  # as recorded; None: they are generated around the price
        self._depth: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}  # best first; empty: not known

    @property
    def taker(self) -> Side:
        """Taker side of the last trade."""
        return self._taker

    def change(self, rules: SymbolRules) -> None:
        """Applies other rules: generated levels and the price are moved to the new steps."""
        self._rules = rules
        self.price = on_tick(self.price, rules.tick_size)

    def traded(self, trade: MarketTrade) -> None:
        """Records a trade: its price is the last price, and quotes that contradict it are dropped."""
        self.price, self._taker = trade.price, trade.taker
        if self._quotes is not None and not self._quotes.holds(trade.price):
            self._quotes = None

    def quoted(self, quote: MarketQuote) -> None:
        """Records new quotes."""
        self._quotes = quote

    def told(self, depth: MarketDepth) -> None:
        """Records new depth around the price."""
        self._depth = {
            side: {level.price: self._rules.floor_quantity(level.quantity) for level in depth.side(side)}
            for side in Side
        }

    def best(self, side: Side, bound: Decimal | None = None) -> Decimal:
        """Returns the best bid (BUY) or ask (SELL); if a bound is given, one that does not reach it."""
        best = self._quotes.best(side).price if self._quotes is not None else self._made_up_best(side)
        if bound is None or not side.reaches(best, bound):
            return best
        return bound - self._rules.tick_size if side is Side.BUY else bound + self._rules.tick_size

    def levels(self, side: Side, bound: Decimal | None = None) -> Iterator[Level]:
        """Yields the bids (BUY) or asks (SELL), best first, none of which reaches the bound."""
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
        """Returns the recorded quantity at a price; None if it is not known.

        Nothing is better than the best. Quotes give the best; the depth gives what is behind it, as far as it reaches.
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
        """Returns the quantity at a price, generated if none is recorded, at any distance from the best."""
        shown = self.shown(side, price)
        return made_up_quantity(self._rules, self._liquidity, price) if shown is None else shown

    def _made_up_best(self, side: Side) -> Decimal:
        return best_price(self._rules, self._liquidity, side, self.price, self._taker)
