"""Reads kind and symbol from a tape's file name. The rules of an unknown market are guessed."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path

from griddeploy.demo.tape_scan import scan
from gridservice.config_file import ConfigError
from gridsim.rules import SymbolRules
from gridsim.tape import Tape
from gridsim.tape_lines import TapeError

_QUOTES = ("FDUSD", "USDT", "USDC", "BUSD", "TUSD", "USD", "PERP", "EUR", "TRY", "BTC", "ETH", "BNB")
_ANY_QUOTE = "|".join(_QUOTES)
_CSV_NAME = re.compile(rf"(?:trades|quotes|candles1m)_.*?_(?P<market>[A-Z0-9]{{2,10}}(?:{_ANY_QUOTE}))(?=_|\.)")
_FRAMES_NAME = re.compile(r".*_(?P<market>[a-z0-9]{5,14})_[0-9]+(?=\.ws)")
_ANY_NAME = re.compile(rf"(?<![A-Za-z0-9])(?P<base>[A-Z0-9]{{2,10}}?)[-_]?(?P<quote>{_ANY_QUOTE})(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class TapeRules:
    """Steps and minimum at the time of the recording, as decimal strings in base or quote."""

    tick_size: str
    lot_size: str
    min_notional: str = "5"


_MOST_DECIMALS = 8
_COARSEST = Decimal(
    "0.001"
)  # largest guessed tick, as a fraction of the price: a quiet tape may have only round prices
_LOT_WORTH = Decimal("0.1")  # value of a lot in quote, if the tape has no quantities
_SOME_DOLLARS = {"BTC": "0.00005", "ETH": "0.001", "BNB": "0.005"}

# A perpetual is replayed as the spot market of its index.
_RULES = {
    "TRX/USDT": TapeRules("0.0001", "0.1"),
    "BTC/USDT": TapeRules("0.01", "0.00001"),
    "BTC/BUSD": TapeRules("0.01", "0.00001"),
    "BTC/USD": TapeRules("0.01", "0.00001"),
}


@dataclass(frozen=True, slots=True)
class TapeInfo:
    """A tape: its symbol as ccxt writes it, its market rules, and its first price."""

    path: Path
    symbol: str
    rules: TapeRules
    first_price: Decimal


def tape_info(path: Path, symbol: str = "", tick_size: str = "", lot_size: str = "") -> TapeInfo:
    """Derives the facts of a tape: given values first, then the market's known rules, then the tape's numbers.

    Raises ConfigError if the file does not exist, its name contains no symbol, or its first line is malformed.
    """
    if not path.is_file():
        raise ConfigError("--replay", str(path), "there is no such file; give the path of a tape (.csv or .csv.gz)")
    named = symbol or tape_symbol(path.name)
    if named is None:
        raise ConfigError("--replay", str(path), "its name has no symbol; add --symbol, such as ETH/USDT")
    base, _, quote = named.partition("/")
    if not base or not quote:
        raise ConfigError("--symbol", named, "write it as ccxt does, such as ETH/USDT")
    rules = known_rules(named)
    if rules is None or tick_size or lot_size:
        rules = _guessed(path, quote, rules, tick_size, lot_size)
    return TapeInfo(path, named, rules, _first_price(path, named, rules))


def _guessed(path: Path, quote: str, known: TapeRules | None, tick_size: str, lot_size: str) -> TapeRules:
    try:
        found = scan(lines_of(path))
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise _no_tape(path, error) from None
    tick = tick_size or (known.tick_size if known else found.tick_size)
    lot = lot_size or (known.lot_size if known else found.lot_size)
    least = known.min_notional if known else least_notional(quote)
    price = found.low or Decimal(1)
    if not tick_size and not known:
        tick = f"{min(Decimal(tick or 1), _power_below(price * _COARSEST)):f}"
    return TapeRules(tick or "0.01", lot or f"{_power_below(_LOT_WORTH / price):f}", least)


def tape_kind(name: str) -> str | None:
    """The part of a file name that tapes of the same kind, venue and market share; None if it is no tape's name."""
    match = _match(name)
    return None if match is None else name[: match.end("market")]


def known_rules(symbol: str) -> TapeRules | None:
    """The rules of a market with recorded tapes; None for any other."""
    return _RULES.get(symbol)


def _match(name: str) -> re.Match[str] | None:
    return _CSV_NAME.match(name) or _FRAMES_NAME.match(name)


def tape_symbol(name: str) -> str | None:
    """The symbol in a tape's file name, as ccxt writes it; None if there is none."""
    match = _match(name)
    found = _ANY_NAME.search(name if match is None else match["market"].upper())
    if found is None:
        return None
    return f"{found['base']}/{'USD' if found['quote'] == 'PERP' else found['quote']}"


def _first_price(path: Path, symbol: str, rules: TapeRules) -> Decimal:
    try:
        market = SymbolRules(symbol, Decimal(rules.tick_size), Decimal(rules.lot_size))
        return Tape(market, partial(lines_of, path)).opening().price
    except (OSError, EOFError, TapeError, UnicodeDecodeError) as error:
        raise _no_tape(path, error) from None


def _no_tape(path: Path, error: Exception) -> ConfigError:
    return ConfigError("--replay", str(path), f"it is no tape ({error}); docs/simex.md describes the lines of one")


def least_notional(quote: str) -> str:
    """A guess of the minimum notional if the venue's is unknown: a few dollars in the quote asset."""
    return _SOME_DOLLARS.get(quote, "5")


def is_step(text: str) -> bool:
    """Whether the text is a finite decimal above 0."""
    try:
        step = Decimal(text)
    except InvalidOperation:
        return False
    return step.is_finite() and step > 0


def _power_below(value: Decimal) -> Decimal:
    """The greatest power of ten not above the value, from 1 down to the smallest that Binance's API carries."""
    return Decimal(1).scaleb(min(0, max(-_MOST_DECIMALS, value.adjusted())))


def lines_of(path: Path) -> Iterator[str]:
    """Yields the tape's lines, decompressed."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from lines
