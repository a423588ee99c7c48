"""One symbol's price, and how observations update it. Pure: time is an argument.

The price is the last trade's, else the middle of bid and ask. It is *proved* current by a trade, by a ticker with the
last trade, or by a quote whose spread still contains it. A quote that has moved past the last trade proves nothing:
either there was no trade since, or the trades stream is dead while quotes arrive, and only the venue can show which.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import assert_never

from pricemon.clock import Moment
from pricemon.ports import Observation, Quote, Ticker, Trade


@dataclass(frozen=True, slots=True)
class Price:
    """A symbol's last known price. `seq` counts its changes and is 0 before the first price."""

    symbol: str
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    seq: int = 0
    venue_time_ms: int = 0  # of the observation that changed it; 0 if that has none
    received_time_ms: int = 0  # Unix time of its arrival
    heard_ms: int = 0  # steady time of its arrival
    proved_ms: int = 0  # steady time at which the price was last proved current
    book_ms: int = 0  # steady time at which bid and ask were last proved current
    trade_time_ms: int = 0  # the venue's, of the newest trade seen

    @property
    def price(self) -> Decimal | None:
        """The last trade's price, else the middle of bid and ask, else None: nothing was received yet."""
        if self.last is not None:
            return self.last
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2

    def age_ms(self, now: Moment) -> int:
        """How long ago the price was last proved current."""
        return max(0, now.steady_ms - self.proved_ms)


def observe(known: Price, observation: Observation, now: Moment) -> Price:
    """The price after an observation at `now`. The seq rises by one if price, bid or ask changed."""
    match observation:
        case Trade():
            heard = _after_trade(known, observation, now)
        case Quote():
            heard = _after_book(known, observation.bid, observation.ask, now)
        case Ticker():
            heard = _after_ticker(known, observation, now)
        case _:
            assert_never(observation)
    if (heard.price, heard.bid, heard.ask) == (known.price, known.bid, known.ask):
        return heard
    return replace(
        heard,
        seq=known.seq + 1 if heard.price is not None else 0,
        venue_time_ms=observation.venue_time_ms,
        received_time_ms=now.wall_ms,
        heard_ms=now.steady_ms,
    )


def _after_trade(known: Price, trade: Trade, now: Moment) -> Price:
    # Some venues answer a subscription with their last trades: trades older than the newest known one are ignored.
    if 0 < trade.venue_time_ms < known.trade_time_ms:
        return known
    newest_ms = max(known.trade_time_ms, trade.venue_time_ms)
    return _proved(replace(known, last=trade.price, trade_time_ms=newest_ms), now)


def _after_book(known: Price, bid: Decimal, ask: Decimal, now: Moment) -> Price:
    heard = replace(known, bid=bid, ask=ask, book_ms=max(known.book_ms, now.steady_ms))
    return _proved(heard, now) if known.last is None or bid <= known.last <= ask else heard


def _after_ticker(known: Price, ticker: Ticker, now: Moment) -> Price:
    heard = known
    if ticker.last is not None:
        heard = _proved(replace(heard, last=ticker.last), now)
    if ticker.bid is not None and ticker.ask is not None:
        heard = _after_book(heard, ticker.bid, ticker.ask, now)
    return heard


def _proved(price: Price, now: Moment) -> Price:
    # A REST answer counts from its request, which may be before the websocket's latest report.
    return replace(price, proved_ms=max(price.proved_ms, now.steady_ms))
