"""The public streams sent at fixed times: book updates ten times a second, tickers and klines every second or two.

Each has the speed that Binance documents (web-socket-streams.md of binance/binance-spot-api-docs).
"""

from collections.abc import Mapping

from gridsim.candles import HOUR_MS, MINUTE_MS
from simex.market_data import stream_payloads
from simex.market_data.market import PublicMarket
from simex.market_data.payloads import depth
from simex.protocol.formats import Json, market_id
from simex.protocol.kline_intervals import INTERVALS, Interval
from simex.streams.subscriptions import Subscriptions

TICK_SECONDS = 0.1
_SECOND, _TWO_SECONDS = 10, 20  # in ticks
_DEPTHS = (5, 10, 20)
_WINDOWS_MS = {"1h": HOUR_MS, "4h": 4 * HOUR_MS, "1d": 24 * HOUR_MS}
_ZONES_MS = {"": 0, "@+08:00": 8 * HOUR_MS}
_MOST_KLINES = 100  # per stream at once, after a suspension in which many closed


class TimedStreams:
    """Sends what is due at each tick to its listeners; a stream without listeners is not built."""

    def __init__(self, markets: Mapping[str, PublicMarket], audience: Subscriptions) -> None:
        self._markets = {market_id(symbol).lower(): market for symbol, market in markets.items()}
        self._audience = audience
        self._ticks = 0
        self._moved: set[str] = set()
        self._kline_opened: dict[str, int] = {}  # by stream: the last kline that it sent

    def note_move(self, symbol: str) -> None:
        """The market has moved: its tickers are due."""
        self._moved.add(symbol)

    def tick(self, now_ms: int) -> None:
        """Processes the tick of a tenth of a second."""
        self._ticks += 1
        second, two_seconds = self._ticks % _SECOND == 0, self._ticks % _TWO_SECONDS == 0
        for name, market in self._markets.items():
            self._books(name, market, "@100ms", 100, now_ms)
            if second:
                self._books(name, market, "", 1000, now_ms)
                self._average(name, market, now_ms)
                for interval in INTERVALS.values():
                    if two_seconds or interval.by_second:
                        self._klines(name, market, interval, now_ms)
        if second:
            self._tickers(now_ms)

    def _books(self, name: str, market: PublicMarket, suffix: str, speed_ms: int, now_ms: int) -> None:
        diffs = f"{name}@depth{suffix}"
        levels = [count for count in _DEPTHS if f"{name}@depth{count}{suffix}" in self._audience]
        if diffs not in self._audience and not levels:
            market.forget_update(speed_ms)
            return
        book = market.look()
        update = book.take_update(speed_ms)
        if update is not None and diffs in self._audience:
            self._audience.tell(diffs, stream_payloads.depth_update(market.symbol, update, now_ms))
        for count in levels:
            self._audience.tell(f"{name}@depth{count}{suffix}", depth(book, count))

    def _average(self, name: str, market: PublicMarket, now_ms: int) -> None:
        stream = f"{name}@avgPrice"
        if stream in self._audience:
            self._audience.tell(
                stream, stream_payloads.average_price(market.symbol, market.average_price(now_ms), now_ms)
            )

    def _klines(self, name: str, market: PublicMarket, interval: Interval, now_ms: int) -> None:
        for zone, zone_ms in _ZONES_MS.items():
            stream = f"{name}@kline_{interval.name}{zone}"
            last_ms = self._kline_opened.pop(stream, None)
            if stream not in self._audience:
                continue
            opened_ms = interval.opening(now_ms, zone_ms)
            due = [opened_ms] if last_ms is None else _openings(interval, last_ms, opened_ms, zone_ms)
            self._kline_opened[stream] = opened_ms
            for each_ms in due:
                kline = market.kline(interval, each_ms, zone_ms)
                self._audience.tell(stream, stream_payloads.kline(market.symbol, kline, interval, now_ms))

    def _tickers(self, now_ms: int) -> None:
        moved = {name: market for name, market in self._markets.items() if market.symbol in self._moved}
        self._moved.clear()
        heard = {name: market for name, market in moved.items() if self._heard(name, "ticker", "miniTicker")}
        full = {name: market.day_ticker(now_ms) for name, market in heard.items()}
        self._tell_each("ticker", {name: stream_payloads.ticker(told, now_ms) for name, told in full.items()})
        self._tell_each("miniTicker", {name: stream_payloads.mini_ticker(told, now_ms) for name, told in full.items()})
        for window, window_ms in _WINDOWS_MS.items():
            kind, start_ms = f"ticker_{window}", now_ms - window_ms
            opened_ms = start_ms - start_ms % MINUTE_MS
            heard = {name: market for name, market in moved.items() if self._heard(name, kind)}
            told = {name: market.statistics(opened_ms, now_ms) for name, market in heard.items()}
            self._tell_each(
                kind, {name: stream_payloads.window_ticker(it, window, now_ms) for name, it in told.items()}
            )

    def _heard(self, name: str, *kinds: str) -> bool:
        return any(stream in self._audience for kind in kinds for stream in (f"{name}@{kind}", f"!{kind}@arr"))

    def _tell_each(self, kind: str, events: Mapping[str, Json]) -> None:
        for name, event in events.items():
            stream = f"{name}@{kind}"
            if stream in self._audience:
                self._audience.tell(stream, event)
        if events and f"!{kind}@arr" in self._audience:
            self._audience.tell(f"!{kind}@arr", list(events.values()))


def _openings(interval: Interval, last_ms: int, now_opened_ms: int, zone_ms: int) -> list[int]:
    """The klines from the last one sent to the current one."""
    if last_ms > now_opened_ms:  # the clock was set back
        return [now_opened_ms]
    openings = [last_ms]
    while openings[-1] < now_opened_ms:
        openings.append(interval.end(openings[-1], zone_ms))
    return openings[-_MOST_KLINES:]
