"""Simulated market: a mean-reverting random walk in ticks, with bursts; the same for the same seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from gridsim import chance
from gridsim.market import MarketPoint, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules

START_TIME_MS = 1_700_000_000_000  # the simulation's own time begins here; it is unrelated to the current time
BURST_EVENTS = 20  # how long a burst lasts
BURST_FACTOR = 5  # factor on the volatility in a burst


@dataclass(frozen=True, slots=True)
class Simulation:
    """Parameters of the walk. Each event depends only on the point before it and on the seed.

    `volatility` is the standard deviation of one event's move as a fraction of the price; `reversion` the fraction of
    the way back to the anchor that an event moves on average; `burst_chance` the probability that a group of 20 events
    is a burst of five times the volatility; `trade_notional` the mean size of a trade in quote.
    """

    rules: SymbolRules
    seed: int
    start_price: Decimal
    volatility: Decimal = Decimal("0.0001")
    reversion: Decimal = Decimal("0.005")
    burst_chance: Decimal = Decimal("0.02")
    events_per_second: Decimal = Decimal(20)
    trade_notional: Decimal = Decimal(2000)

    def opening(self) -> MarketPoint:
        """Returns the point at the start price, before the first event."""
        return MarketPoint(0, START_TIME_MS, self.start_price, Side.BUY, self.start_price)

    def after(self, point: MarketPoint) -> Iterator[MarketTrade]:
        """Yields the walk from the point on. It has no end."""
        while True:
            trade = self._next(point)
            yield trade
            point = point.after(trade)

    def _next(self, point: MarketPoint) -> MarketTrade:
        event = point.events_done + 1
        price = self._price(point, event)
        coin = chance.bits(self.seed, event, 1)
        taker = Side.BUY if (price, coin & 1) > (point.price, 0) else Side.SELL
        time_ms = START_TIME_MS + int(event * 1000 / self.events_per_second)
        return MarketTrade(time_ms, price, self._quantity(price, event), taker)

    def _price(self, point: MarketPoint, event: int) -> Decimal:
        tick = self.rules.tick_size
        sigma = self.volatility * point.price
        if chance.uniform(chance.bits(self.seed, event // BURST_EVENTS, 0)) < self.burst_chance:
            sigma *= BURST_FACTOR
        pull = self.reversion * (point.anchor - point.price)
        move = chance.normal(chance.bits(self.seed, event, 2)) * sigma + pull
        return max(tick, point.price + round(move / tick) * tick)

    def _quantity(self, price: Decimal, event: int) -> Decimal:
        """Returns a fraction of the mean to a few times it: the product of two uniforms favours small quantities."""
        first, second = (chance.uniform(chance.bits(self.seed, event, draw)) for draw in (3, 4))
        quantity = self.rules.floor_quantity(4 * first * second * self.trade_notional / price)
        return max(self.rules.lot_size, quantity)
