"""The REST endpoints that anyone may call: time, rules, prices, the public's trades."""

import json
from collections.abc import Callable, Iterable
from typing import TypeVar

from gridsim.book import Book
from simex import market_payloads as payloads
from simex.call import Call
from simex.errors import ApiError
from simex.params import Params
from simex.payloads import Json, market_id
from simex.public_record import PublicRecord
from simex.venue import Venue

T = TypeVar("T")

_MINUTE_MS = 60_000
_INTERVALS_MS = {
    "1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "2h": 120, "4h": 240, "6h": 360, "8h": 480, "12h": 720,
    "1d": 1440,
}  # fmt: skip


class PublicApi:
    """Each method is an endpoint: a call in, JSON out."""

    def __init__(self, venue: Venue, record: PublicRecord) -> None:
        self._venue = venue
        self._record = record
        self._symbols = {market_id(symbol): symbol for symbol in venue.listings}

    def symbol(self, params: Params) -> str:
        """The market that the request names, as ccxt writes it."""
        return self._known(params.text("symbol"))

    def ping(self, call: Call) -> Json:
        """GET ping."""
        return {}

    def time(self, call: Call) -> Json:
        """GET time."""
        return {"serverTime": call.now_ms}

    def exchange_info(self, call: Call) -> Json:
        """GET exchangeInfo, of all symbols or those named."""
        return payloads.exchange_info((book.rules for book in self._books(call.params)), call.now_ms)

    def depth(self, call: Call) -> Json:
        """GET depth."""
        return payloads.depth(self._book(call.params), call.params.limit(100, 5000))

    def trades(self, call: Call) -> list[Json]:
        """GET trades."""
        prints = self._record.prints(self.symbol(call.params), call.params.limit(500, 1000))
        return [payloads.public_trade(each) for each in prints]

    def aggregate_trades(self, call: Call) -> list[Json]:
        """GET aggTrades, within what simex remembers."""
        first = call.params.optional_whole("fromId") or 0
        start_ms, end_ms = call.params.optional_whole("startTime") or 0, call.params.optional_whole("endTime") or 2**63
        prints = self._record.prints(self.symbol(call.params), 1000)
        found = [each for each in prints if each.trade_id >= first and start_ms <= each.time_ms <= end_ms]
        limit = call.params.limit(500, 1000)
        oldest_first = first or start_ms
        return [payloads.aggregate_trade(each) for each in (found[:limit] if oldest_first else found[-limit:])]

    def klines(self, call: Call) -> list[list[object]]:
        """GET klines, within the last day."""
        minutes = _INTERVALS_MS.get(call.params.text("interval"))
        if minutes is None:
            raise ApiError(-1120, "Invalid interval.")
        start_ms, end_ms = call.params.optional_whole("startTime") or 0, call.params.optional_whole("endTime") or 2**63
        interval_ms = minutes * _MINUTE_MS
        candles = self._record.candles(self.symbol(call.params)).every(interval_ms)
        found = [each for each in candles if start_ms <= each.opened_ms <= end_ms]
        limit = call.params.limit(500, 1000)
        return [payloads.kline(each, interval_ms) for each in (found[:limit] if start_ms else found[-limit:])]

    def price_ticker(self, call: Call) -> Json | list[Json]:
        """GET ticker/price, one symbol or all."""
        return self._one_or_all(call.params, payloads.price_ticker)

    def book_ticker(self, call: Call) -> Json | list[Json]:
        """GET ticker/bookTicker, one symbol or all."""
        return self._one_or_all(call.params, payloads.book_ticker)

    def day_ticker(self, call: Call) -> Json | list[Json]:
        """GET ticker/24hr, one symbol or all."""

        def ticker(book: Book) -> Json:
            symbol = book.rules.symbol
            return payloads.day_ticker(
                book, self._record.day(symbol, call.now_ms), self._record.last(symbol), call.now_ms
            )

        return self._one_or_all(call.params, ticker)

    def _one_or_all(self, params: Params, encode: Callable[[Book], T]) -> T | list[T]:
        books = [encode(book) for book in self._books(params)]
        return books[0] if "symbol" in params else books

    def _book(self, params: Params) -> Book:
        return self._venue.book(self.symbol(params))

    def _books(self, params: Params) -> Iterable[Book]:
        return [self._venue.book(self._known(name)) for name in self._names(params)]

    def _names(self, params: Params) -> Iterable[str]:
        if "symbol" in params:
            return [params.text("symbol")]
        listed = params.optional("symbols")
        if listed is None:
            return self._symbols
        try:
            names = json.loads(listed)
        except json.JSONDecodeError:
            names = None
        if not isinstance(names, list):
            raise ApiError(-1100, "Illegal characters found in parameter 'symbols'.")
        return [str(name) for name in names]

    def _known(self, name: str) -> str:
        try:
            return self._symbols[name]
        except KeyError:
            raise ApiError(-1121, "Invalid symbol.") from None
