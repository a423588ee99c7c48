"""What pricemon asks of a venue's feed, and the words the two share. The adapter is `ccxt_feed`.

A feed only reports. Whether a price is current, and when to ask or to reconnect, is decided by `price` and `feeder`.
"""

from collections.abc import Callable, Mapping, Sequence
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
    """The venue lists none of the symbols. Trying again is useless, unless it did list them before."""


def not_listed(symbol: str, venue: str, alike: Sequence[str] = ()) -> str:
    """The sentence for a symbol that the venue does not list; `alike` are symbols of it that look similar.

    pricemon remembers nothing, so whether it was ever listed it cannot tell: the executor can.
    """
    hint = f"did you mean {' or '.join(alike)}?" if alike else "write it as ccxt does, such as BTC/USDT"
    return f"grids.symbol = {symbol!r}: {venue} does not trade it; {hint}"


class PriceFeed(Protocol):
    """One venue's prices. Every method may be called again after FeedLost."""

    @property
    def pushes(self) -> frozenset[Part]:
        """What the websocket tells without being asked, once `open` returned; empty where there is only REST."""
        ...

    async def open(self, symbols: Sequence[str], *, anew: bool = False) -> Mapping[str, str]:
        """Prepares for those of the symbols that the venue lists; `anew` asks it also where it has told.

        Returns a sentence for each that it does not list. Raises FeedLost where it cannot be reached.
        """
        ...

    async def watch(self, hear: Callable[[Observation], None]) -> None:
        """Connects the websocket and calls `hear` with everything it tells, oldest first per symbol.

        Ends by FeedLost or by cancellation only, and has closed its connections by then.
        """
        ...

    async def ask(self, symbols: Sequence[str]) -> Sequence[Ticker]:
        """The present ticker of each symbol by REST; a symbol without an answer is left out.

        Raises FeedLost where there is an answer for none of them.
        """
        ...

    def silence(self) -> tuple[str, int]:
        """RATE_LIMITED or BANNED, and until when (Unix milliseconds) the venue wants silence; past: it does not."""
        ...

    async def close(self) -> None:
        """Gives everything back."""
        ...
