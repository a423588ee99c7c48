"""What pricemon asks of a venue's feed, and the words the two share. The adapter is `ccxt_feed`.

A feed only reports. Whether a price is current, and when to ask or to reconnect, is decided by `price` and `feeder`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade took place. `venue_time_ms` is 0 where the venue does not say when."""

    symbol: str
    price: Decimal
    venue_time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """The best bid and ask are now these."""

    symbol: str
    bid: Decimal
    ask: Decimal
    venue_time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ticker:
    """A summary: the last trade's price and the best bid and ask, as far as the venue tells them."""

    symbol: str
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    venue_time_ms: int = 0


Observation = Trade | Quote | Ticker


class Part(Enum):
    """The two things a feed can be right or wrong about, each on its own."""

    PRICE = auto()  # the last trade
    BOOK = auto()  # the best bid and ask


class FeedLost(Exception):
    """The venue cannot be reached, or answers what cannot be read. Trying again later is right."""


class UnknownSymbol(Exception):
    """The venue does not trade the symbol; `alike` are symbols of it that look similar. Trying again is useless."""

    def __init__(self, symbol: str, venue: str, alike: Sequence[str] = ()) -> None:
        hint = f"did you mean {' or '.join(alike)}?" if alike else "write it as ccxt does, such as BTC/USDT"
        super().__init__(f"grids.symbol = {symbol!r}: {venue} does not trade it; {hint}")
        self.symbol = symbol
        self.alike = tuple(alike)


class PriceFeed(Protocol):
    """One venue's prices. Every method may be called again after FeedLost."""

    @property
    def pushes(self) -> frozenset[Part]:
        """What the websocket tells without being asked, once `open` returned; empty where there is only REST."""
        ...

    async def open(self, symbols: Sequence[str]) -> None:
        """Prepares for these symbols. Raises UnknownSymbol, or FeedLost where the venue cannot be reached."""
        ...

    async def watch(self, hear: Callable[[Observation], None]) -> None:
        """Connects the websocket and calls `hear` with everything it tells, oldest first per symbol.

        Ends by FeedLost or by cancellation only, and has closed its connections by then.
        """
        ...

    async def ask(self, symbols: Sequence[str]) -> Sequence[Ticker]:
        """The present ticker of each symbol by REST; a symbol without an answer is left out. Raises FeedLost."""
        ...

    async def close(self) -> None:
        """Gives everything back."""
        ...
