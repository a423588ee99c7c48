"""Recorded markets as Binance's websocket sent them: one line per frame, the recorder's nanoseconds, then the JSON.

Of the combined stream's frames those of `@trade` and `@bookTicker` are events. Depth updates and REST snapshots of the
book lie between them in a recording and are passed over: the matching rules know the best quotes and no more.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from gridsim.market import MarketEvent, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.tape_lines import TapeError, check_price, check_quantity, numbers, quote_of, time_of

_LINE = re.compile(r"(?P<ns>[0-9]+) (?P<frame>\{.*\})")
_STREAM = re.compile(r'\{"stream":"[^"@]+@(?P<kind>\w+)')
_SNAPSHOT = '{"lastUpdateId":'
_NS_IN_MS = 1_000_000


def is_frame(line: str) -> bool:
    """Whether a tape that begins with this line is one of frames."""
    return re.match(r"[0-9]+ \{", line) is not None


def frames(rules: SymbolRules, lines: Iterable[str]) -> Iterator[MarketEvent]:
    """The trades and quotes among the frames, at the recorder's time."""
    last_ms = 0
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text:
            continue
        match = _LINE.fullmatch(text)
        if match is None:
            raise TapeError(number, text, "there must be nanoseconds, a space and a JSON object")
        time_ms = time_of(number, text, str(int(match["ns"]) // _NS_IN_MS), last_ms)
        event = _event(rules, number, time_ms, match["frame"])
        if event is not None:
            yield event
        last_ms = time_ms


def _event(rules: SymbolRules, number: int, time_ms: int, frame: str) -> MarketEvent | None:
    stream = _STREAM.match(frame)
    if stream is None and not frame.startswith(_SNAPSHOT):
        raise TapeError(number, frame, 'the frame must be one of a combined stream: {"stream":…,"data":…}')
    match stream["kind"] if stream else "":
        case "trade":
            return _trade(rules, number, time_ms, frame)
        case "bookTicker":
            return quote_of(rules, number, frame, time_ms, _texts(rules, number, frame, "bBaA"))
        case _:
            return None


def _trade(rules: SymbolRules, number: int, time_ms: int, frame: str) -> MarketTrade:
    price, quantity = numbers(number, frame, _texts(rules, number, frame, "pq"))
    check_price(rules, number, frame, price)
    check_quantity(number, frame, quantity)
    buyer_is_maker = _data(number, frame).get("m") is True
    return MarketTrade(time_ms, price, quantity, Side.SELL if buyer_is_maker else Side.BUY)


def _texts(rules: SymbolRules, number: int, frame: str, keys: str) -> list[str]:
    """The frame's values by their one-letter keys."""
    data, market = _data(number, frame), rules.symbol.replace("/", "")
    if data.get("s") != market:
        raise TapeError(number, frame, f"the frame must be of {market}, the market that the tape is played for")
    return [str(data.get(key)) for key in keys]


def _data(number: int, frame: str) -> Mapping[str, object]:
    try:
        parsed: object = json.loads(frame)
    except ValueError:
        parsed = None
    data: object = parsed.get("data") if isinstance(parsed, dict) else None
    if not isinstance(data, dict):
        raise TapeError(number, frame, 'the frame must be JSON with an object "data"')
    return data
