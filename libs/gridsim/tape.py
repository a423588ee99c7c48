"""A market that was recorded: CSV lines of trades or of 1-minute candles as a sequence of market trades.

Trades: `ts_ms,price,qty,side` (side of the taker). Candles: `ts_ms,open,high,low,close,volume`, walked as open, adverse
extreme, other extreme, close: a candle that closes at or above its open first goes to its low, any other first to its
high, so that a grid meets the worse half of the minute first. Each of the four trades a quarter of the volume.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import islice

from gridsim.market import MarketPoint, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules

TRADES_HEADER = "ts_ms,price,qty,side"
CANDLES_HEADER = "ts_ms,open,high,low,close,volume"
MAX_QUANTITY = Decimal(10**15)  # beyond it, products with a price would no longer be exact
_CANDLE_OFFSETS_MS = (0, 20_000, 40_000, 59_999)


class TapeError(ValueError):
    """A line that cannot be read; the sentence gives its number, its text and what it should be."""

    def __init__(self, number: int, line: str, remedy: str) -> None:
        super().__init__(f"line {number} of the tape, {line!r}: {remedy}")


@dataclass(frozen=True, slots=True)
class Tape:
    """A recorded market. `open_lines` gives the tape's lines from its header on, afresh at every call."""

    rules: SymbolRules
    open_lines: Callable[[], Iterable[str]]

    def opening(self) -> MarketPoint:
        """At the first price of the tape, before its first event. Raises TapeError for an empty tape."""
        first = next(self._walk(), None)
        if first is None:
            raise TapeError(2, "", "there is no event; give a tape with at least one line after its header")
        return MarketPoint(0, first.market_time_ms, first.price, first.taker, first.price)

    def after(self, point: MarketPoint) -> Iterator[MarketTrade]:
        """The events that the point has not seen. Raises TapeError at the first line that is no event."""
        return islice(self._walk(), point.events_done, None)

    def _walk(self) -> Iterator[MarketTrade]:
        lines = iter(self.open_lines())
        header = next(lines, "").strip()
        match header:
            case "ts_ms,price,qty,side":
                return _trades(self.rules, lines)
            case "ts_ms,open,high,low,close,volume":
                return _candles(self.rules, lines)
            case _:
                raise TapeError(1, header, f"the header must be {TRADES_HEADER!r} or {CANDLES_HEADER!r}")


def _trades(rules: SymbolRules, lines: Iterable[str]) -> Iterator[MarketTrade]:
    last_ms = 0
    for number, line, fields in _rows(lines, width=4):
        time_ms, price, quantity = _time(number, line, fields[0], last_ms), *_numbers(number, line, fields[1:3])
        if fields[3] not in {"buy", "sell"}:
            raise TapeError(number, line, "side must be buy or sell")
        _check(rules, number, line, price)
        if not 0 < quantity <= MAX_QUANTITY:
            raise TapeError(number, line, f"qty must be above 0, at most {MAX_QUANTITY}")
        yield MarketTrade(time_ms, price, quantity, Side[fields[3].upper()])
        last_ms = time_ms


def _candles(rules: SymbolRules, lines: Iterable[str]) -> Iterator[MarketTrade]:
    last_ms, taker, before = 0, Side.BUY, Decimal(0)
    for number, line, fields in _rows(lines, width=6):
        time_ms = _time(number, line, fields[0], last_ms)
        opened, high, low, closed, volume = _numbers(number, line, fields[1:])
        if not low <= min(opened, closed) <= max(opened, closed) <= high:
            raise TapeError(number, line, "open and close must lie between low and high")
        if not 0 <= volume <= MAX_QUANTITY:
            raise TapeError(number, line, f"volume must be 0 to {MAX_QUANTITY}")
        quantity = max(rules.lot_size, rules.floor_quantity(volume / 4))
        extremes = (low, high) if closed >= opened else (high, low)
        for offset_ms, price in zip(_CANDLE_OFFSETS_MS, (opened, *extremes, closed), strict=True):
            _check(rules, number, line, price)
            if price != before:
                taker = Side.BUY if price > before else Side.SELL
            yield MarketTrade(time_ms + offset_ms, price, quantity, taker)
            before = price
        last_ms = time_ms


def _rows(lines: Iterable[str], *, width: int) -> Iterator[tuple[int, str, list[str]]]:
    for number, line in enumerate(lines, start=2):
        text = line.strip()
        if not text:
            continue
        fields = text.split(",")
        if len(fields) != width:
            raise TapeError(number, text, f"there must be {width} fields, here are {len(fields)}")
        yield number, text, fields


def _time(number: int, line: str, text: str, last_ms: int) -> int:
    if not text.isascii() or not text.isdigit():
        raise TapeError(number, line, "ts_ms must be a whole number of milliseconds")
    if int(text) < last_ms:
        raise TapeError(number, line, f"ts_ms goes back from {last_ms}; sort the tape by time")
    return int(text)


def _numbers(number: int, line: str, texts: list[str]) -> list[Decimal]:
    try:
        values = [Decimal(text) for text in texts]
    except InvalidOperation:
        values = []
    if not values or not all(value.is_finite() for value in values):
        raise TapeError(number, line, "prices and quantities must be decimals, such as 0.2312 or 3.844E-5")
    return values


def _check(rules: SymbolRules, number: int, line: str, price: Decimal) -> None:
    if not 0 < price <= rules.max_price:
        raise TapeError(number, line, f"price {price} must be above 0, at most {rules.max_price:f} with this tick_size")
    if price % rules.tick_size:
        raise TapeError(number, line, f"price {price} is no multiple of tick_size {rules.tick_size}; set tick_size")
