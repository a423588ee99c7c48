"""Derives market facts from a tape's numbers: the steps of price and quantity, and the price range.

A tape does not contain the market's rules. The finest decimals of its prices and quantities are usable as steps.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from itertools import chain

from gridsim.tape_frames import is_frame

_PRICES = frozenset({"price", "bid", "ask", "open", "high", "low", "close"})
_QUANTITIES = frozenset({"qty", "bid_qty", "ask_qty"})
_OF_FRAMES = {"p": "price", "b": "bid", "a": "ask", "q": "qty", "B": "bid_qty", "A": "ask_qty"}
_FRAME_FIELD = re.compile(r'"([pbaqBA])":"([0-9.]+)"')
_FRAME_LEVEL = re.compile(r'\["([0-9.]+)","([0-9.]+)"\]')
_MOST_DECIMALS = 8  # what Binance's API carries


@dataclass(frozen=True, slots=True)
class Scan:
    """Steps, lowest and highest price as decimal strings; None if the tape has no such number."""

    tick_size: str | None
    lot_size: str | None
    low: Decimal | None
    high: Decimal | None


def scan(lines: Iterable[str]) -> Scan:
    """Reads a whole tape of any kind. Lines are not validated here; the tape's reader does that.

    The volume of a candle is a sum and does not show the lot size.
    """
    decimals: dict[bool, int] = {}
    seen: set[tuple[bool, str]] = set()
    prices: list[Decimal] = []
    for is_price, text in _numbers(iter(lines)):
        if (is_price, text) in seen:
            continue
        seen.add((is_price, text))
        number = _number(text)
        decimals[is_price] = max(decimals.get(is_price, 0), _places(number))
        if is_price and number > 0:
            prices = [min([*prices, number]), max([*prices, number])]
    tick, lot = (_step(decimals.get(is_price)) for is_price in (True, False))
    return Scan(tick, lot, *(prices or (None, None)))


def guess_steps(lines: Iterable[str]) -> dict[str, str]:
    """Returns tick and lot size by the names of simex's settings. What the tape lacks is left out."""
    found = scan(lines)
    steps = {"tick_size": found.tick_size, "lot_size": found.lot_size}
    return {name: step for name, step in steps.items() if step is not None}


def _numbers(lines: Iterator[str]) -> Iterator[tuple[bool, str]]:
    """Yields each price (True) and quantity (False) as the tape writes it."""
    first = next(lines, "").strip()
    if is_frame(first):
        for line in chain([first], lines):
            for name, text in _FRAME_FIELD.findall(line):
                yield _OF_FRAMES[name] in _PRICES, text
            for price, quantity in _FRAME_LEVEL.findall(line):
                yield from ((True, price), (False, quantity))
        return
    columns = [
        (number, name in _PRICES) for number, name in enumerate(first.split(",")) if name in _PRICES | _QUANTITIES
    ]
    for line in lines:
        fields = line.strip().split(",")
        yield from ((is_price, fields[number]) for number, is_price in columns if number < len(fields))


def _number(text: str) -> Decimal:
    """Parses a number; 0 for text that is none."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return number if number.is_finite() else Decimal(0)


def _places(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _step(places: int | None) -> str | None:
    return None if places is None else f"{Decimal(1).scaleb(-min(places, _MOST_DECIMALS)):f}"
