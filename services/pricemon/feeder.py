"""Keeps the board current: reads the websocket, polls REST while it is silent, reconnects when it is lost or stale.

Both run concurrently while the service runs, so that a price is current while either connection to the venue works.
While neither works, the board keeps the last price and its age grows.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from gridservice.troubles import Kind, Troubles
from pricemon.board import PriceBoard
from pricemon.clock import Clock, Moment
from pricemon.config import FeedTimeouts
from pricemon.doubt import StaleFeedDetector
from pricemon.ports import FeedLost, Observation, Part, PriceFeed, Ticker, UnknownSymbol
from pricemon.price import Price

logger = logging.getLogger(__name__)

_GLANCES = 10  # checks of the ages per REST poll interval


class Feeder:
    """Passes the feed's observations to the board. `run` is its whole life."""

    def __init__(
        self, feed: PriceFeed, board: PriceBoard, patience: FeedTimeouts, clock: Clock, troubles: Troubles
    ) -> None:
        self._troubles = troubles
        self._feed = feed
        self._board = board
        self._patience = patience
        self._clock = clock
        self._doubt = StaleFeedDetector(frozenset(), patience)
        self._connection: asyncio.Timeout | None = None  # expires when the websocket is found stale
        self._speaks = False  # the current connection has reported something
        self._untold: set[str] = set()  # symbols for which the last REST poll returned nothing
        self._said: dict[str, bool] = {}  # per connection to the venue: the state that was logged
        self._broken: dict[str, str] = {}  # per connection that does not work: why

    def broken(self) -> str:
        """Which connection to the venue does not work, and why; empty if REST polls can succeed."""
        return "; ".join(f"{way} {why}" for way, why in self._broken.items() if way != "websocket")

    async def run(self, opened: Callable[[], Awaitable[None]]) -> None:
        """Runs until cancelled. Awaits `opened` once the venue's list of markets has been read.

        Raises UnknownSymbol if it lists none of the symbols.
        """
        async for attempt in self._retrying(self._patience.reconnect_first_ms):
            with attempt:
                await self._open()
        await opened()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep_asking())
            tasks.create_task(self._keep_looking_at_list())
            if self._feed.pushes:
                tasks.create_task(self._keep_listening())

    async def _open(self) -> None:
        try:
            missing = await self._feed.open(self._board.symbols)
        except FeedLost as lost:
            self._say("venue", works=False, why=f"unreachable: {lost}")
            raise
        if len(missing) == len(self._board.symbols):
            raise UnknownSymbol("; ".join(missing.values()))
        self._doubt = StaleFeedDetector(self._feed.pushes, self._patience)
        self._say(
            "venue", works=True, why=f"trades {', '.join(each for each in self._board.symbols if each not in missing)}"
        )
        self._take_in(missing)

    # The list of markets

    async def _keep_looking_at_list(self) -> None:
        """Reads the list again while a symbol is not in it, or while REST returns nothing for a symbol."""
        while True:
            await asyncio.sleep(self._patience.list_ms / 1_000)
            if self._board.refused or self._untold:
                with contextlib.suppress(FeedLost):  # retried after a pause
                    self._take_in(await self._feed.open(self._board.symbols, anew=True))

    def _take_in(self, missing: Mapping[str, str]) -> None:
        """Handles a symbol that was listed or delisted: the websocket must subscribe again."""
        before = set(self._board.refused)
        self._board.refuse(missing)
        for symbol in self._board.symbols:
            if symbol in missing:
                self._troubles.begin(Kind.SYMBOL_REFUSED, missing[symbol], symbol=symbol)
            else:
                self._troubles.end(Kind.SYMBOL_REFUSED, symbol=symbol)
        self._untold -= set(missing)
        if before != set(missing) and self._connection is not None:
            self._reconnect()

    # Listening

    async def _keep_listening(self) -> None:
        async for attempt in self._retrying(self._patience.reconnect_first_ms):
            with attempt:
                began_ms = self._clock().steady_ms
                try:
                    await self._listen()
                except FeedLost as lost:
                    self._say("websocket", works=False, why=f"lost, REST is asked meanwhile: {lost}")
                    if self._clock().steady_ms - began_ms >= self._patience.reconnect_most_ms:
                        attempt.retry_state.attempt_number = 1  # the connection lasted: the back-off starts again
                    raise
                finally:
                    self._speaks, self._connection = False, None

    async def _listen(self) -> None:
        self._doubt.connect(self._clock().steady_ms)
        try:
            async with asyncio.timeout(None) as self._connection:
                await self._feed.watch(self._told)
        except TimeoutError:
            raise FeedLost("it is silent while the venue's prices move") from None
        raise FeedLost("it ended")

    def _told(self, observation: Observation) -> None:
        now = self._clock()
        self._speaks = True
        self._say("websocket", works=True, why="is received")
        self._doubt.told(observation, now.steady_ms)
        self._board.hear(observation, now)

    # Polling

    async def _keep_asking(self) -> None:
        while True:
            asked = False
            async for attempt in self._retrying(self._patience.poll_ms):
                with attempt:
                    asked = await self._ask_about_silent()
            await asyncio.sleep(self._patience.poll_ms / (1_000 if asked else _GLANCES * 1_000))

    async def _ask_about_silent(self) -> bool:
        asked = self._clock()
        listed = [symbol for symbol in self._board.symbols if symbol not in self._board.refused]
        silent = [symbol for symbol in listed if self._is_silent(self._board.price(symbol), asked)]
        if not silent:
            return False
        try:
            tickers = await self._feed.ask(silent)
        except FeedLost as lost:
            self._say("REST", works=False, why=f"does not answer: {lost}")
            raise
        self._say("REST", works=True, why="answers")
        self._untold = (self._untold | set(silent)) - {ticker.symbol for ticker in tickers}
        for ticker in tickers:
            self._answered(ticker, asked)
        return True

    def _is_silent(self, price: Price, now: Moment) -> bool:
        patience_ms = self._patience.stale_after_ms if self._speaks else self._patience.poll_ms
        since_ms = price.proved_ms if price.bid is None else min(price.proved_ms, price.book_ms)
        return price.seq == 0 or now.steady_ms - since_ms >= patience_ms

    def _answered(self, ticker: Ticker, asked: Moment) -> None:
        now = self._clock()
        before = self._board.price(ticker.symbol)
        # The answer's age counts from its request: the venue may have composed it right after that.
        self._board.hear(self._doubt.news(ticker, asked.steady_ms), Moment(now.wall_ms, asked.steady_ms))
        after = self._board.price(ticker.symbol)
        moved = {Part.PRICE: before.last != after.last, Part.BOOK: (before.bid, before.ask) != (after.bid, after.ask)}
        convicted = [part for part in moved if moved[part] and self._doubt.moved(ticker.symbol, part, now.steady_ms)]
        if convicted and self._connection is not None:
            self._reconnect()

    # Both

    def _reconnect(self) -> None:
        assert self._connection is not None
        self._connection.reschedule(asyncio.get_running_loop().time())

    def _retrying(self, first_ms: int) -> AsyncRetrying:
        pause = wait_random_exponential(multiplier=first_ms / 1_000, max=self._patience.reconnect_most_ms / 1_000)
        return AsyncRetrying(retry=retry_if_exception_type(FeedLost), wait=pause)

    def _say(self, way: str, *, works: bool, why: str) -> None:
        """Logs a change of state, and nothing while it stays the same."""
        if works:
            self._broken.pop(way, None)
        else:
            self._broken[way] = why
        if self._said.get(way) != works:
            self._said[way] = works
            logger.log(logging.INFO if works else logging.WARNING, "%s %s", way, why)
