"""Reads CSV tapes: trades, quotes and 1-minute candles as events. docs/simex.md describes the lines."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from gridsim.market import MarketEvent, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.tape_lines import (
    MAX_QUANTITY,
    TapeError,
    check_price,
    check_quantity,
    numbers,
    quote_of,
    rows,
    time_of,
)

TRADES_HEADER = "ts_ms,price,qty,side"
QUOTES_HEADER = "ts_ms,bid,bid_qty,ask,ask_qty"
CANDLES_HEADER = "ts_ms,open,high,low,close,volume"
_CANDLE_OFFSETS_MS = (0, 20_000, 40_000, 59_999)


def trades(rules: SymbolRules, lines: Iterable[str]) -> Iterator[MarketTrade]:
    """Yields one trade per line; `side` is the taker's."""
    last_ms = 0
    for number, line, fields in rows(lines, width=4):
        time_ms, price, quantity = time_of(number, line, fields[0], last_ms), *numbers(number, line, fields[1:3])
        if fields[3] not in {"buy", "sell"}:
            raise TapeError(number, line, "side must be buy or sell")
        check_price(rules, number, line, price)
        check_quantity(number, line, quantity)
        yield MarketTrade(time_ms, price, quantity, Side[fields[3].upper()])
        last_ms = time_ms


def quotes(rules: SymbolRules, lines: Iterable[str]) -> Iterator[MarketEvent]:
    """Yields one quote per line, and a trade of one lot wherever the quotes have moved past the last price.

    A top-of-book recording has no trades, yet a market has a last price: it moves with the quote that has reached it.
    """
    last_ms, price = 0, Decimal(0)
    for number, line, fields in rows(lines, width=5):
        time_ms = time_of(number, line, fields[0], last_ms)
        quote = quote_of(rules, number, line, time_ms, fields[1:])
        yield quote
        if not quote.holds(price):
            taker = Side.SELL if price < quote.bid.price else Side.BUY  # a seller trades at the bid, a buyer at the ask
            price = quote.best(taker.opposite).price
            yield MarketTrade(time_ms, price, rules.lot_size, taker)
        last_ms = time_ms


def candles(rules: SymbolRules, lines: Iterable[str], *, volume_in_quote: bool) -> Iterator[MarketTrade]:
    """Yields four trades per candle: open, adverse extreme, other extreme, close, each of a quarter of the volume.

    A candle that closes at or above its open first goes to its low, any other first to its high, so that a grid meets
    the worse half of the minute first.
    """
    last_ms, taker, before = 0, Side.BUY, Decimal(0)
    for number, line, fields in rows(lines, width=6):
        time_ms = time_of(number, line, fields[0], last_ms)
        opened, high, low, closed, volume = numbers(number, line, fields[1:])
        if not low <= min(opened, closed) <= max(opened, closed) <= high:
            raise TapeError(number, line, "open and close must lie between low and high")
        if not 0 <= volume <= MAX_QUANTITY:
            raise TapeError(number, line, f"volume must be 0 to {MAX_QUANTITY}")
        extremes = (low, high) if closed >= opened else (high, low)
        for offset_ms, price in zip(_CANDLE_OFFSETS_MS, (opened, *extremes, closed), strict=True):
            check_price(rules, number, line, price)
            if price != before:
                taker = Side.BUY if price > before else Side.SELL
            quantity = rules.floor_quantity(volume / 4 / price if volume_in_quote else volume / 4)
            yield MarketTrade(time_ms + offset_ms, price, max(rules.lot_size, quantity), taker)
            before = price
        last_ms = time_ms
