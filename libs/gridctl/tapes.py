"""What a recorded tape's file name tells: kind and symbol, and so the venue's rules, which a tape does not carry."""

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

from gridrpc.settings import ConfigError
from gridsim.rules import SymbolRules
from gridsim.tape import Tape
from gridsim.tape_lines import TapeError

_CSV_NAME = re.compile(r"(?:trades|quotes|candles1m)_.*?_(?P<market>[A-Z]{5,12})(?=_|\.)")
_FRAMES_NAME = re.compile(r".*_(?P<market>[a-z]{5,12})_[0-9]+(?=\.ws)")
_QUOTES = ("USDT", "BUSD", "USD", "PERP")


@dataclass(frozen=True, slots=True)
class TapeRules:
    """Steps and minimum as the venues stated them when the tape was recorded, decimal strings in base or quote."""

    tick_size: str
    lot_size: str
    min_notional: str = "5"


# A perpetual is replayed as if it were the spot market of its index.
_RULES = {
    "TRX/USDT": TapeRules("0.0001", "0.1"),
    "BTC/USDT": TapeRules("0.01", "0.00001"),
    "BTC/BUSD": TapeRules("0.01", "0.00001"),
    "BTC/USD": TapeRules("0.01", "0.00001"),
}


@dataclass(frozen=True, slots=True)
class TapeInfo:
    """One tape: its symbol as ccxt writes it, its rules, and the price that it opens with."""

    path: Path
    symbol: str
    rules: TapeRules
    first_price: Decimal


def tape_info(path: Path) -> TapeInfo:
    """Raises ConfigError where the file is not there, or its name or first line does not tell what is needed."""
    if not path.is_file():
        raise ConfigError("--replay", str(path), "there is no such file; give the path of a tape (.csv or .csv.gz)")
    symbol = tape_symbol(path.name)
    if symbol is None or symbol not in _RULES:
        known = ", ".join(name.replace("/", "") for name in _RULES)
        remedy = (
            f"the name must tell a symbol whose rules are known ({known}), as trades_VENUE_TRXUSDT_DATE.csv.gz does"
        )
        raise ConfigError("--replay", str(path), remedy)
    return TapeInfo(path, symbol, _RULES[symbol], _first_price(path, symbol, _RULES[symbol]))


def tape_kind(name: str) -> str | None:
    """The part of a tape's name that all tapes of its kind, venue and market share; None where it is no tape's name."""
    match = _match(name)
    return None if match is None else name[: match.end("market")]


def known_rules(symbol: str) -> TapeRules | None:
    """The rules of a market whose tapes are recorded; None for any other."""
    return _RULES.get(symbol)


def _match(name: str) -> re.Match[str] | None:
    return _CSV_NAME.match(name) or _FRAMES_NAME.match(name)


def tape_symbol(name: str) -> str | None:
    """The market that a tape's name tells, as ccxt writes it; None where it tells none."""
    match = _match(name)
    if match is None:
        return None
    market = match["market"].upper()
    quote = next((quote for quote in _QUOTES if market.endswith(quote)), None)
    if quote is None:
        return None
    return f"{market.removesuffix(quote)}/{'USD' if quote == 'PERP' else quote}"


def _first_price(path: Path, symbol: str, rules: TapeRules) -> Decimal:
    market = SymbolRules(symbol, Decimal(rules.tick_size), Decimal(rules.lot_size))
    try:
        return Tape(market, partial(lines_of, path)).opening().price
    except (OSError, EOFError, TapeError, UnicodeDecodeError) as error:
        remedy = f"it is no tape ({error}); docs/simex.md describes the lines of one"
        raise ConfigError("--replay", str(path), remedy) from None


def lines_of(path: Path) -> Iterator[str]:
    """The tape's lines, unpacked."""
    with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as lines:
        yield from lines
