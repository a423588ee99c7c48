"""Market as the exchange sees it: a sequence of trades between others, and quotes that are recorded or generated."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import Enum
from typing import Annotated, Protocol

from gridcore.model.setting import Setting
from gridsim.orders import Side
from gridsim.rules import SymbolRules


@dataclass(frozen=True, slots=True)
class MarketTrade:
    """Trade between others. The time is the market's own: a tape's or a simulation's."""

    market_time_ms: int
    price: Decimal
    quantity: Decimal
    taker: Side


@dataclass(frozen=True, slots=True)
class Level:
    """Price of the book and the quantity resting there."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class MarketQuote:
    """New best bid and ask of the others, from a recording. They hold until the next quote."""

    market_time_ms: int
    bid: Level
    ask: Level

    def best(self, side: Side) -> Level:
        """Returns the bid (BUY) or the ask (SELL)."""
        return self.bid if side is Side.BUY else self.ask

    def holds(self, price: Decimal) -> bool:
        """Whether a trade at the price is consistent with the quote."""
        return self.bid.price <= price <= self.ask.price


@dataclass(frozen=True, slots=True)
class MarketDepth:
    """Known part of the others' book around the price, best first; holds until the next. Empty: nothing is known."""

    market_time_ms: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    def side(self, side: Side) -> tuple[Level, ...]:
        """Returns the bids (BUY) or the asks (SELL)."""
        return self.bids if side is Side.BUY else self.asks


MarketEvent = MarketTrade | MarketQuote | MarketDepth


@dataclass(frozen=True, slots=True)
class MarketPoint:
    """Position in a market: everything needed to continue from there.

    `anchor` is the price that a simulation returns to; a tape does not use it.
    """

    events_done: int
    market_time_ms: int
    price: Decimal
    taker: Side
    anchor: Decimal

    def after(self, event: MarketEvent) -> "MarketPoint":
        """Returns the point after the event. The price is the last trade's: quotes and depth do not change it."""
        done, time_ms = self.events_done + 1, event.market_time_ms
        if isinstance(event, MarketTrade):
            return MarketPoint(done, time_ms, event.price, event.taker, self.anchor)
        return MarketPoint(done, time_ms, self.price, self.taker, self.anchor)

    def displaced(self, price: Decimal, taker: Side) -> "MarketPoint":
        """Returns the point after an injected trade: the price moves there and stays around it."""
        return MarketPoint(self.events_done, self.market_time_ms, price, taker, price)


def on_tick(price: Decimal, tick: Decimal) -> Decimal:
    """Rounds the price down to a multiple of the tick, at least one tick."""
    return max(tick, price - price % tick)


def on_steps(event: MarketEvent, tick: Decimal) -> MarketEvent:
    """Returns the event with its prices on the market's tick, if that differs from the source's.

    A bid moves down and an ask moves up. A recorded depth is not changed: it only lies behind the quotes.
    """
    if isinstance(event, MarketTrade):
        return event if not event.price % tick else replace(event, price=on_tick(event.price, tick))
    if isinstance(event, MarketQuote) and (event.bid.price % tick or event.ask.price % tick):
        above = tick - event.ask.price % tick if event.ask.price % tick else Decimal(0)
        bid = replace(event.bid, price=on_tick(event.bid.price, tick))
        return replace(event, bid=bid, ask=replace(event.ask, price=event.ask.price + above))
    return event


class Source(Protocol):
    """Source of a market's events. The same point always gives the same events."""

    def opening(self) -> MarketPoint:
        """Returns the point before the first event, at the market's first price."""
        ...

    def after(self, point: MarketPoint) -> Iterator[MarketEvent]:
        """Yields the events that follow, to the market's end if it has one."""
        ...


class Queue(Enum):
    """Queue position of an order that comes to rest at a price: behind all the others, or before them."""

    BACK = "back"
    FRONT = "front"


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Generated book of the others around the last price: `levels` a tick apart, each worth `depth_notional`."""

    spread_ticks: Annotated[int, Setting("ticks between the others' best bid and ask", least=1)] = 1
    levels: Annotated[int, Setting("levels on each side of the others' book", key="depth_levels", least=1)] = 20
    depth_notional: Annotated[Decimal, Setting("what each level is worth, in quote", above=0)] = Decimal(100_000)
    queue: Annotated[
        Queue,
        Setting("whether an order that comes to rest joins behind what the others show at its price, or before it"),
    ] = Queue.BACK


def best_price(rules: SymbolRules, liquidity: Liquidity, side: Side, price: Decimal, taker: Side) -> Decimal:
    """Returns the best bid (BUY) or ask (SELL) after a trade: its price on the maker's side, else a spread away."""
    if taker is not side:
        return price
    spread = rules.tick_size * liquidity.spread_ticks
    return price - spread if side is Side.BUY else price + spread


def levels(rules: SymbolRules, liquidity: Liquidity, side: Side, best: Decimal) -> Iterator[Level]:
    """Yields the bids (BUY) or asks (SELL) from the best one outwards."""
    step = -rules.tick_size if side is Side.BUY else rules.tick_size
    for number in range(liquidity.levels):
        price = best + step * number
        if price <= 0:
            return
        yield Level(price, made_up_quantity(rules, liquidity, price))


def made_up_quantity(rules: SymbolRules, liquidity: Liquidity, price: Decimal) -> Decimal:
    """Returns the others' generated quantity at a price without a recording, at least one lot."""
    return max(rules.lot_size, rules.floor_quantity(liquidity.depth_notional / price))
