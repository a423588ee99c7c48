"""The port to a venue's feed, and its observations. The adapter is `ccxt_feed`.

A feed only reports. `price` and `feeder` decide whether a price is current, and when to poll or to reconnect.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Trade:
    """A trade. `venue_time_ms` is 0 if the venue gives no time."""

    symbol: str
    price: Decimal
    venue_time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """The current best bid and ask."""

    symbol: str
    bid: Decimal
    ask: Decimal
    venue_time_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ticker:
    """A summary: the last trade's price and the best bid and ask, as far as the venue gives them."""

    symbol: str
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    venue_time_ms: int = 0


Observation = Trade | Quote | Ticker


class Part(Enum):
    """The two parts of a price that a feed can have current or stale independently."""

    PRICE = auto()  # the last trade
    BOOK = auto()  # the best bid and ask


class FeedLost(Exception):
    """The venue cannot be reached, or its answer cannot be parsed. A later retry may succeed."""


class UnknownSymbol(Exception):
    """The venue lists none of the symbols. A retry is useless, unless it listed them before."""


def not_listed(symbol: str, venue: str, alike: Sequence[str] = ()) -> str:
    """The sentence for a symbol that the venue does not list; `alike` are similar symbols of the venue.

    pricemon stores nothing, so it cannot know whether the symbol was ever listed. The executor can.
    """
    hint = f"did you mean {' or '.join(alike)}?" if alike else "write it as ccxt does, such as BTC/USDT"
    return f"grids.symbol = {symbol!r}: {venue} does not trade it; {hint}"


class PriceFeed(Protocol):
    """One venue's prices. Every method may be called again after FeedLost."""

    @property
    def pushes(self) -> frozenset[Part]:
        """The parts that the websocket reports, known after `open`; empty if there is only REST."""
        ...

    async def open(self, symbols: Sequence[str], *, anew: bool = False) -> Mapping[str, str]:
        """Prepares for those of the symbols that the venue lists; `anew` requests the list again even if it is known.

        Returns a sentence for each symbol that is not listed. Raises FeedLost if the venue cannot be reached.
        """
        ...

    async def watch(self, hear: Callable[[Observation], None]) -> None:
        """Connects the websocket and calls `hear` with every observation, oldest first per symbol.

        Ends only by FeedLost or cancellation, with its connections closed.
        """
        ...

    async def ask(self, symbols: Sequence[str]) -> Sequence[Ticker]:
        """Requests the current ticker of each symbol by REST; a symbol without an answer is left out.

        Raises FeedLost if no symbol has an answer.
        """
        ...

    def silence(self) -> tuple[str, int]:
        """RATE_LIMITED or BANNED, and until when (Unix milliseconds) the venue demands silence; past: no silence."""
        ...

    async def close(self) -> None:
        """Closes all connections."""
        ...
