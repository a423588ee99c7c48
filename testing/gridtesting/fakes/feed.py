"""A scripted price feed for tests: it obeys the rules of `pricemon.ports.PriceFeed`, and fails as feeds do."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

from pricemon.ports import FeedLost, Observation, Part, Quote, Ticker, Trade, not_listed

Hear = Callable[[Observation], None]


class ScriptedFeed:
    """A venue with a websocket and REST, each of which can be cut; the websocket can also fall silent.

    `trade` and `quote` move the market. REST always reports it; the websocket does unless it is cut or silent.
    """

    def __init__(self, *traded: str, pushes: frozenset[Part] = frozenset(Part)) -> None:
        self._tickers = {symbol: Ticker(symbol) for symbol in traded}
        self._pushes = pushes
        self._opened: tuple[str, ...] = ()
        self._hear: Hear | None = None
        self._cut = asyncio.Event()
        self._delivery = asyncio.Event()
        self._delivery.set()
        self.venue_up = True
        self.socket_up = True
        self.socket_silent = False
        self.rest_up = True
        self.connections = 0  # websockets ever connected
        self.refusals = 0  # websockets ever refused
        self.questions = 0  # REST requests ever answered
        self.closed = False
        self.wanted_silence = ("RATE_LIMITED", 0)
        self.unlisted: set[str] = set()  # symbols that its list of markets lacks now

    # The port

    @property
    def pushes(self) -> frozenset[Part]:
        """The parts that the websocket reports."""
        return self._pushes

    async def open(self, symbols: Sequence[str], *, anew: bool = False) -> Mapping[str, str]:
        """Confirms the listed symbols."""
        del anew
        if not self.venue_up:
            raise FeedLost("the venue is down")
        listed = [symbol for symbol in self._tickers if symbol not in self.unlisted]
        self._opened = tuple(symbol for symbol in symbols if symbol in listed)
        missing = [symbol for symbol in symbols if symbol not in listed]
        return {symbol: not_listed(symbol, "the scripted venue", listed) for symbol in missing}

    async def watch(self, hear: Hear) -> None:
        """Reports the test's trades and quotes until the socket is cut."""
        if not (self.venue_up and self.socket_up):
            self.refusals += 1
            raise FeedLost("connection refused")
        assert self._hear is None, "the feed is watched already"
        self._cut.clear()
        self._hear = hear
        self.connections += 1
        try:
            await self._cut.wait()
            raise FeedLost("connection reset")
        finally:
            self._hear = None

    async def ask(self, symbols: Sequence[str]) -> Sequence[Ticker]:
        """The current tickers of the market."""
        if not (self.venue_up and self.rest_up):
            raise FeedLost("REST is down")
        self.questions += 1
        tickers = [self._tickers[symbol] for symbol in symbols if symbol not in self.unlisted]
        await asyncio.sleep(0)
        await self._delivery.wait()
        return [ticker for ticker in tickers if ticker.last is not None or ticker.bid is not None]

    def silence(self) -> tuple[str, int]:
        """The silence that the test has set."""
        return self.wanted_silence

    async def close(self) -> None:
        """Records that it was closed."""
        self.closed = True

    # Control by the test

    @property
    def is_watched(self) -> bool:
        """Whether a websocket is connected now."""
        return self._hear is not None

    def listens_to(self, symbol: str) -> bool:
        """Whether a websocket that reports the symbol is connected now."""
        return self._hear is not None and symbol in self._opened

    def trade(self, symbol: str, price: str, venue_time_ms: int = 0) -> None:
        """Makes a trade."""
        self._move(Trade(symbol, Decimal(price), venue_time_ms))

    def quote(self, symbol: str, bid: str, ask: str, venue_time_ms: int = 0) -> None:
        """Sets the best bid and ask."""
        self._move(Quote(symbol, Decimal(bid), Decimal(ask), venue_time_ms))

    def cut_socket(self, *, for_good: bool = False) -> None:
        """Resets the websocket; with `for_good` also refuses new ones."""
        self.socket_up = not for_good
        self._cut.set()

    def hold_rest(self) -> None:
        """Holds REST answers from now on, with the content of their request time, until `release_rest`."""
        self._delivery.clear()

    def release_rest(self) -> None:
        """Delivers the held answers, and later ones at once."""
        self._delivery.set()

    def _move(self, observation: Trade | Quote) -> None:
        known = self._tickers[observation.symbol]
        match observation:
            case Trade():
                moved = Ticker(known.symbol, observation.price, known.bid, known.ask, observation.venue_time_ms)
            case Quote():
                moved = Ticker(known.symbol, known.last, observation.bid, observation.ask, observation.venue_time_ms)
        self._tickers[observation.symbol] = moved
        part = Part.PRICE if isinstance(observation, Trade) else Part.BOOK
        if self._hear and not self.socket_silent and part in self._pushes and observation.symbol in self._opened:
            self._hear(observation)
