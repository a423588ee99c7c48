"""Reads tapes of Binance's websocket frames: one line per frame, the recorder's nanoseconds, then the JSON.

The combined stream's frames of `@trade`, `@bookTicker` and `@depth` are events; depth updates only from the first
REST snapshot of the book between them on (see tape_depth).
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

from gridsim.market import MarketEvent, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.tape_depth import DepthUpdate, RecordedBook
from gridsim.tape_lines import TapeError, check_price, check_quantity, numbers, quote_of, time_of

_LINE = re.compile(r"(?P<ns>[0-9]+) (?P<frame>\{.*\})")
_STREAM = re.compile(r'\{"stream":"[^"@]+@(?P<kind>\w+)')
_SNAPSHOT = '{"lastUpdateId":'
_NS_IN_MS = 1_000_000


def is_frame(line: str) -> bool:
    """Whether a tape that begins with this line is a tape of frames."""
    return re.match(r"[0-9]+ \{", line) is not None


def frames(rules: SymbolRules, lines: Iterable[str]) -> Iterator[MarketEvent]:
    """Yields the trades, quotes and depths among the frames, at the recorder's time."""
    last_ms, book = 0, RecordedBook()
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise TapeError(number, text, "there must be nanoseconds, a space and a JSON object")
        time_ms = time_of(number, text, str(int(match["ns"]) // _NS_IN_MS), last_ms)
        event = _event(rules, book, number, time_ms, match["frame"])
        if event is not None:
            yield event
        last_ms = time_ms


def _event(rules: SymbolRules, book: RecordedBook, number: int, time_ms: int, frame: str) -> MarketEvent | None:
    stream = _STREAM.match(frame)
    if stream is None and not frame.startswith(_SNAPSHOT):
        raise TapeError(number, frame, 'the frame must be one of a combined stream: {"stream":…,"data":…}')
    match stream["kind"] if stream else "":
        case "trade":
            return _trade(rules, number, time_ms, frame)
        case "bookTicker":
            return quote_of(rules, number, frame, time_ms, _texts(rules, number, frame, "bBaA"))
        case "depth":
            data = _data(number, frame)
            _check_market(rules, number, frame, data)
            first_id, last_id = (_whole(number, frame, data, key) for key in "Uu")
            sides = (_quantities(rules, number, frame, data, key) for key in "ba")
            return book.update(time_ms, DepthUpdate(first_id, last_id, *sides))
        case "":
            data = _object(number, frame)
            bids, asks = (_quantities(rules, number, frame, data, key) for key in ("bids", "asks"))
            return book.snapshot(time_ms, _whole(number, frame, data, "lastUpdateId"), bids, asks)
        case _:
            return None


def _trade(rules: SymbolRules, number: int, time_ms: int, frame: str) -> MarketTrade:
    price, quantity = numbers(number, frame, _texts(rules, number, frame, "pq"))
    check_price(rules, number, frame, price)
    check_quantity(number, frame, quantity)
    buyer_is_maker = _data(number, frame).get("m") is True
    return MarketTrade(time_ms, price, quantity, Side.SELL if buyer_is_maker else Side.BUY)


def _texts(rules: SymbolRules, number: int, frame: str, keys: str) -> list[str]:
    """Returns the frame's values by their one-letter keys."""
    data = _data(number, frame)
    _check_market(rules, number, frame, data)
    return [str(data.get(key)) for key in keys]


def _quantities(
    rules: SymbolRules, number: int, frame: str, data: Mapping[str, object], key: str
) -> dict[Decimal, Decimal]:
    """Returns levels, as Binance writes them: `[["61837.63", "3.78"], …]`."""
    levels = data.get(key)
    if not isinstance(levels, list) or not all(isinstance(level, list) and len(level) == 2 for level in levels):
        raise TapeError(number, frame, f'"{key}" must be a list of pairs of price and quantity')
    found: dict[Decimal, Decimal] = {}
    for level in levels:
        price, quantity = numbers(number, frame, map(str, level))
        check_price(rules, number, frame, price)
        found[price] = quantity
    return found


def _whole(number: int, frame: str, data: Mapping[str, object], key: str) -> int:
    value = data.get(key)
    if not isinstance(value, int):
        raise TapeError(number, frame, f'"{key}" must be a whole number')
    return value


def _check_market(rules: SymbolRules, number: int, frame: str, data: Mapping[str, object]) -> None:
    market = rules.symbol.replace("/", "")
    if data.get("s") != market:
        raise TapeError(number, frame, f"the frame must be of {market}, the market that the tape is played for")


def _data(number: int, frame: str) -> Mapping[str, object]:
    data = _object(number, frame).get("data")
    if not isinstance(data, dict):
        raise TapeError(number, frame, 'the frame must be JSON with an object "data"')
    return data


def _object(number: int, frame: str) -> Mapping[str, object]:
    try:
        parsed: object = json.loads(frame)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise TapeError(number, frame, 'the frame must be JSON with an object "data"')
    return parsed
