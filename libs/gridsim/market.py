"""What a market is to the exchange: a sequence of trades between others, and quotes that are recorded or implied."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Protocol

from gridsim.orders import Side
from gridsim.rules import SymbolRules


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """Others traded. The time is the market's own, a tape's or a simulation's."""

    market_time_ms: int
    price: Decimal
    quantity: Decimal
    taker: Side


@dataclass(frozen=True, slots=True)
class Level:
    """A price of the book and the quantity waiting there."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class MarketQuote:
    """The others' best bid and ask became these, as a recording tells. They stand until the next quote."""

    market_time_ms: int
    bid: Level
    ask: Level

    def best(self, side: Side) -> Level:
        """The bid (BUY) or the ask (SELL)."""
        return self.bid if side is Side.BUY else self.ask

    def holds(self, price: Decimal) -> bool:
        """Whether a trade at the price fits them."""
        return self.bid.price <= price <= self.ask.price


@dataclass(frozen=True, slots=True)
class MarketDepth:
    """What is known of the others' book around the price, best first; it stands until the next. Empty: nothing is."""

    market_time_ms: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def side(self, side: Side) -> tuple[Level, ...]:
        """The bids (BUY) or the asks (SELL)."""
        return self.bids if side is Side.BUY else self.asks


MarketEvent = MarketTrade | MarketQuote | MarketDepth


@dataclass(frozen=True, slots=True)
class MarketPoint:
    """How far a market has come: all that is needed to go on from here.

    `anchor` is the price that a simulation returns to; a tape has no use for it.
    """

    events_done: int
    market_time_ms: int
    price: Decimal
    taker: Side
    anchor: Decimal

    def after(self, event: MarketEvent) -> "MarketPoint":
        """The point once that event has happened. The price is the last trade's: the others leave it alone."""
        done, time_ms = self.events_done + 1, event.market_time_ms
        if isinstance(event, MarketTrade):
            return MarketPoint(done, time_ms, event.price, event.taker, self.anchor)
        return MarketPoint(done, time_ms, self.price, self.taker, self.anchor)

    def displaced(self, price: Decimal, taker: Side) -> "MarketPoint":
        """The point after a trade that is none of the market's own: the price is there, and stays around it."""
        return MarketPoint(self.events_done, self.market_time_ms, price, taker, price)


def on_tick(price: Decimal, tick: Decimal) -> Decimal:
    """The price rounded down to a multiple of the tick, one tick at least."""
    return max(tick, price - price % tick)


def on_steps(event: MarketEvent, tick: Decimal) -> MarketEvent:
    """The event as it happens on a market whose tick is another than its source's: its prices lie on that tick.

    A bid moves down and an ask moves up. A recorded depth is left alone: it only stands behind the quotes.
    """
    if isinstance(event, MarketTrade):
        return event if not event.price % tick else replace(event, price=on_tick(event.price, tick))
    if isinstance(event, MarketQuote) and (event.bid.price % tick or event.ask.price % tick):
        above = tick - event.ask.price % tick if event.ask.price % tick else Decimal(0)
        bid = replace(event.bid, price=on_tick(event.bid.price, tick))
        return replace(event, bid=bid, ask=replace(event.ask, price=event.ask.price + above))
    return event


class Source(Protocol):
    """Where a market's events come from. The same point always gives the same events."""

    def opening(self) -> MarketPoint:
        """The point before the first event, at the market's first price."""
        ...

    def after(self, point: MarketPoint) -> Iterator[MarketEvent]:
        """The events that follow, to the market's end if it has one."""
        ...


class Queue(Enum):
    """Where an order that comes to rest stands among the others at its price: behind them all, or before them."""

    BACK = "back"
    FRONT = "front"


@dataclass(frozen=True, slots=True)
class Liquidity:
    """The others' book that is made up around the last price: `levels` a tick apart, each worth `depth_notional`."""

    spread_ticks: int = 1
    levels: int = 20
    depth_notional: Decimal = Decimal(100_000)
    queue: Queue = Queue.BACK


def best_price(rules: SymbolRules, liquidity: Liquidity, side: Side, price: Decimal, taker: Side) -> Decimal:
    """The best bid (BUY) or ask (SELL) after a trade: its price on the maker's side, a spread away on the taker's."""
    if taker is not side:
        return price
    spread = rules.tick_size * liquidity.spread_ticks
    return price - spread if side is Side.BUY else price + spread


def levels(rules: SymbolRules, liquidity: Liquidity, side: Side, best: Decimal) -> Iterator[Level]:
    """The bids (BUY) or asks (SELL) from the best one outwards."""
    step = -rules.tick_size if side is Side.BUY else rules.tick_size
    for number in range(liquidity.levels):
        price = best + step * number
        if price <= 0:
            return
        yield Level(price, made_up_quantity(rules, liquidity, price))


def made_up_quantity(rules: SymbolRules, liquidity: Liquidity, price: Decimal) -> Decimal:
    """What the others have at a price of which nothing is recorded, a lot at least."""
    return max(rules.lot_size, rules.floor_quantity(liquidity.depth_notional / price))
