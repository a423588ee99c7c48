"""Shared by the tape readers: parses fields, and reports a line that cannot be parsed."""

from collections.abc import Iterable, Iterator
from decimal import Decimal, InvalidOperation

from gridsim.market import Level, MarketQuote
from gridsim.rules import SymbolRules

MAX_QUANTITY = Decimal(10**15)  # above it, products with a price would no longer be exact
_SHOWN = 120  # characters of a bad line: a depth frame has thousands


class TapeError(ValueError):
    """Line that cannot be parsed; the message gives its number, its text and what it should be."""

    def __init__(self, number: int, line: str, remedy: str) -> None:
        shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
        super().__init__(f"line {number} of the tape, {shown!r}: {remedy}")


def rows(lines: Iterable[str], *, width: int) -> Iterator[tuple[int, str, list[str]]]:
    """Yields number, text and fields of each non-empty line after the header."""
    for number, line in enumerate(lines, start=2):
        text = line.strip()
        if not text:
            continue
        fields = text.split(",")
        if len(fields) != width:
            raise TapeError(number, text, f"there must be {width} fields, here are {len(fields)}")
        yield number, text, fields


def time_of(number: int, line: str, text: str, last_ms: int) -> int:
    """Parses a time in milliseconds, not before the last one."""
    if not text.isascii() or not text.isdigit():
        raise TapeError(number, line, "ts_ms must be a whole number of milliseconds")
    if int(text) < last_ms:
        raise TapeError(number, line, f"ts_ms goes back from {last_ms}; sort the tape by time")
    return int(text)


def numbers(number: int, line: str, texts: Iterable[str]) -> list[Decimal]:
    """Parses finite decimals, in E-notation too."""
    try:
        values = [Decimal(text) for text in texts]
    except InvalidOperation:
        values = []
    if not values or not all(value.is_finite() for value in values):
        raise TapeError(number, line, "prices and quantities must be decimals, such as 0.2312 or 3.844E-5")
    return values


def check_price(rules: SymbolRules, number: int, line: str, price: Decimal) -> None:
    """Raises TapeError for a price that the market cannot have."""
    if not 0 < price <= rules.max_price:
        raise TapeError(number, line, f"price {price} must be above 0, at most {rules.max_price:f} with this tick_size")
    if price % rules.tick_size:
        raise TapeError(number, line, f"price {price} is no multiple of tick_size {rules.tick_size}; set tick_size")


def check_quantity(number: int, line: str, quantity: Decimal) -> None:
    """Raises TapeError for a quantity of zero or below, or above MAX_QUANTITY."""
    if not 0 < quantity <= MAX_QUANTITY:
        raise TapeError(number, line, f"qty must be above 0, at most {MAX_QUANTITY}")


def quote_of(rules: SymbolRules, number: int, line: str, time_ms: int, texts: Iterable[str]) -> MarketQuote:
    """Parses bid, its quantity, ask, its quantity."""
    bid, bid_quantity, ask, ask_quantity = numbers(number, line, texts)
    for price, quantity in ((bid, bid_quantity), (ask, ask_quantity)):
        check_price(rules, number, line, price)
        check_quantity(number, line, quantity)
    if bid >= ask:
        raise TapeError(number, line, "bid must lie below ask")
    return MarketQuote(time_ms, Level(bid, bid_quantity), Level(ask, ask_quantity))
