"""The feed of a real exchange (or of simex) through ccxt. No other module of pricemon uses ccxt's terms.

One task per symbol reads trades: ccxt's call for many symbols returns one of them when two have news at once, and the
news of the other is lost until its next. Quotes come by one call for all symbols, read from ccxt's cache.
"""

import asyncio
import difflib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import ccxt.async_support as ccxt_rest  # noqa: TID251 – this is the adapter

from gridservice.backoff import backoff_seconds
from gridservice.clock import now_ms
from gridservice.shared_settings import Venue
from gridservice.silence import SharedSilence, address_of
from gridservice.tasks import cancel_and_wait
from gridservice.venue_client import load_spot_only, new_client
from pricemon.ports import FeedLost, Observation, Part, Quote, Ticker, Trade, not_listed
from pricemon.silence import SilentError, check_silence, keep_silences

REST_TIMEOUT_MS = 5_000

# ccxt raises its own errors, and whatever its parsers raise for an answer of an unexpected shape.
_CCXT_ERRORS = (ccxt_rest.BaseError, SilentError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)

_NO_MARKETS = "a list of markets without any"
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 30.0  # between two tries of one symbol's channel

Hear = Callable[[Observation], None]


class CcxtFeed:
    """Implements `PriceFeed` with a ccxt exchange from `build_exchange`."""

    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._silence = SharedSilence(address_of(exchange.urls["api"]), "pricemon")
        keep_silences(exchange, self._silence)
        self._symbols: tuple[str, ...] = ()
        self._alone: set[str] = set()  # symbols because of which the request for all was refused
        self._told: dict[tuple[str, str], Any] = {}  # by channel and symbol: the last row of ccxt that was reported

    @property
    def pushes(self) -> frozenset[Part]:
        """The parts that the websocket reports."""
        tells_price = self._has("watchTrades") or self._has_tickers
        return frozenset(
            part for part, told in ((Part.PRICE, tells_price), (Part.BOOK, self._has("watchBidsAsks"))) if told
        )

    async def open(self, symbols: Sequence[str], *, anew: bool = False) -> Mapping[str, str]:
        """Loads the venue's markets and looks up the symbols."""
        if not any(":" in symbol for symbol in symbols):  # the venue's derivatives need not be reachable for spot
            load_spot_only(self._exchange)
        if anew and self._exchange.markets:
            await self._read_markets()
        # Forced if there are none: ccxt also caches its result of a malformed reply.
        await self._calling(self._exchange.load_markets(not self._exchange.markets))
        markets = self._exchange.markets  # the call returns its first result
        if not markets:
            raise FeedLost(_NO_MARKETS)
        missing = [symbol for symbol in symbols if symbol not in markets]
        self._symbols = tuple(symbol for symbol in symbols if symbol in markets)
        venue = str(self._exchange.id)
        return {each: not_listed(each, venue, difflib.get_close_matches(each.upper(), markets)) for each in missing}

    async def _read_markets(self) -> None:
        """Replaces the markets by the venue's current ones; a reply without markets replaces nothing."""
        markets = await self._calling(self._exchange.fetch_markets())
        if not markets:
            raise FeedLost(_NO_MARKETS)
        self._exchange.set_markets(markets)

    def silence(self) -> tuple[str, int]:
        """The silence that this process, or another one at this address, has recorded."""
        return self._silence.read(now_ms())

    async def watch(self, hear: Hear) -> None:
        """Runs one task per channel, and ends with the first that fails."""
        try:
            check_silence(self._silence)  # connecting is a request too
        except SilentError as error:
            raise FeedLost(str(error)) from error
        tasks = [asyncio.create_task(channel) for channel in self._channels(hear)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await cancel_and_wait(tasks)
            await self._hang_up()

    async def ask(self, symbols: Sequence[str]) -> Sequence[Ticker]:
        """Requests all symbols in one call if the venue supports it. If the venue refuses, requests each separately.

        A symbol that then fails is requested separately from now on, until it succeeds.
        """
        together = [symbol for symbol in symbols if symbol not in self._alone]
        if len(together) < 2 or not self._has("fetchTickers"):  # a single symbol needs no list
            return await self._ask_each(symbols)
        try:
            rows = await self._calling(self._exchange.fetch_tickers(together))
        except FeedLost as lost:
            if _concerns_all(lost):
                raise
            return await self._ask_each(symbols)
        found = [ticker_of(rows[symbol], symbol) for symbol in together if symbol in rows]
        alone = [symbol for symbol in symbols if symbol in self._alone]
        return found + (await self._ask_each(alone, some=False) if alone else [])

    async def _ask_each(self, symbols: Sequence[str], *, some: bool = True) -> list[Ticker]:
        """The tickers that are available. Raises FeedLost if there is none and `some` are required.

        A venue that refuses some of our symbols is not lost: the other symbols must not wait longer because of them.
        """
        found: list[Ticker] = []
        last: FeedLost | None = None
        for symbol in symbols:
            try:
                found.append(ticker_of(await self._calling(self._exchange.fetch_ticker(symbol)), symbol))
                self._alone.discard(symbol)
            except FeedLost as lost:
                last = lost
                if _concerns_all(lost):
                    break
                self._alone.add(symbol)
        if last is not None and isinstance(last.__cause__, ccxt_rest.BadSymbol):
            return found  # none is listed: the venue is not lost, whichever other symbols it lists
        if last is not None and not found and some and (_concerns_all(last) or len(symbols) >= len(self._symbols)):
            raise last
        return found

    async def close(self) -> None:
        """Closes every connection."""
        await self._exchange.close()

    def _has(self, capability: str) -> bool:
        return bool(self._exchange.has.get(capability))

    @property
    def _has_tickers(self) -> bool:
        return self._has("watchTicker") or self._has("watchTickers")

    def _channels(self, hear: Hear) -> list[Any]:
        trades, quotes = self._has("watchTrades"), self._has("watchBidsAsks")
        channels = [self._by_itself(self._listen_to_trades, symbol, hear) for symbol in self._symbols] if trades else []
        if quotes:
            channels.append(self._listen_to_quotes(hear))
        if not (trades and quotes):
            channels += self._ticker_channels(hear)
        return channels

    def _ticker_channels(self, hear: Hear) -> list[Any]:
        if self._has("watchTickers"):
            return [self._listen_to_tickers(hear)]
        if self._has("watchTicker"):
            return [self._by_itself(self._listen_to_ticker, symbol, hear) for symbol in self._symbols]
        return []

    async def _by_itself(self, listen: Callable[[str, Hear], Awaitable[None]], symbol: str, hear: Hear) -> None:
        """Runs a symbol's channel. A failure of one symbol is retried after a pause and does not end other channels."""
        for pause in backoff_seconds(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS):
            try:
                await listen(symbol, hear)
            except FeedLost as lost:
                if len(self._symbols) == 1 or _concerns_all(lost):
                    raise
            await asyncio.sleep(pause)

    async def _listen_to_trades(self, symbol: str, hear: Hear) -> None:
        while True:
            rows = await self._calling(self._exchange.watch_trades(symbol))
            for row in self._unheard("trades", symbol, rows):
                price = number(row.get("price"))
                if price is not None:
                    hear(Trade(symbol, price, int(row.get("timestamp") or 0)))

    async def _listen_to_quotes(self, hear: Hear) -> None:
        while True:
            rows = await self._calling(self._exchange.watch_bids_asks(list(self._symbols)))
            for symbol in self._symbols:
                for row in self._unheard("quotes", symbol, [rows[symbol]] if symbol in rows else []):
                    bid, ask = number(row.get("bid")), number(row.get("ask"))
                    if bid is not None and ask is not None:
                        hear(Quote(symbol, bid, ask, int(row.get("timestamp") or 0)))

    async def _listen_to_tickers(self, hear: Hear) -> None:
        while True:
            rows = await self._calling(self._exchange.watch_tickers(list(self._symbols)))
            for symbol in self._symbols:
                for row in self._unheard("tickers", symbol, [rows[symbol]] if symbol in rows else []):
                    hear(ticker_of(row, symbol))

    async def _listen_to_ticker(self, symbol: str, hear: Hear) -> None:
        while True:
            hear(ticker_of(await self._calling(self._exchange.watch_ticker(symbol)), symbol))

    def _unheard(self, channel: str, symbol: str, rows: Sequence[Any]) -> Sequence[Any]:
        """The rows after the last one reported. ccxt returns its whole caches, the same rows repeatedly."""
        told = self._told.get((channel, symbol))
        fresh: list[Any] = []
        for row in reversed(rows):
            if row is told:
                break
            fresh.append(row)
        if fresh:
            self._told[channel, symbol] = fresh[0]
        return fresh[::-1]

    async def _hang_up(self) -> None:
        await self._exchange.close_ws_clients()
        # ccxt would wait before it reconnects, up to 30 s and without jitter; the feeder decides when to reconnect.
        self._exchange.ws_dial_backoff = {}

    async def _calling(self, call: Awaitable[Any]) -> Any:
        try:
            return await call
        except _CCXT_ERRORS as error:
            raise FeedLost(f"{type(error).__name__}: {str(error)[:200]}") from error


def _concerns_all(lost: FeedLost) -> bool:
    """Whether the venue could not be reached at all. Otherwise its answer concerns one symbol."""
    return isinstance(lost.__cause__, ccxt_rest.NetworkError | SilentError)


def build_exchange(venue: Venue) -> Any:
    """ccxt's object for the venue, without keys: with websockets if ccxt supports them there, else REST only.

    Raises ConfigError as `new_client` does.
    """
    return new_client(venue, {"enableRateLimit": True, "timeout": REST_TIMEOUT_MS, "newUpdates": False}, rest=True)


def ticker_of(row: Mapping[str, Any], symbol: str) -> Ticker:
    """Converts a ticker of ccxt."""
    bid, ask = number(row.get("bid")), number(row.get("ask"))
    if bid is None or ask is None:
        bid = ask = None
    return Ticker(symbol, number(row.get("last")), bid, ask, int(row.get("timestamp") or 0))


def number(value: Any) -> Decimal | None:
    """Parses a price; None for anything else. A float's shortest digits are the ones that the venue wrote."""
    try:
        parsed = Decimal(str(value))
    except InvalidOperation:
        return None
    return parsed if parsed.is_finite() and parsed > 0 else None
