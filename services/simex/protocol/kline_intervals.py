"""Binance's kline intervals, windows and time zones: their names, and when an interval opens and ends."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from gridsim.candles import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from simex.protocol.errors import ApiError

_MONTH_DAYS = 32  # from the first of any month this leads into the next month
_MONDAY_MS = 4 * DAY_MS  # the first Monday after the epoch, which was a Thursday
_WINDOW = re.compile(r"([1-9][0-9]?)([mhd])")
_WINDOW_UNITS = {"m": (MINUTE_MS, 59), "h": (HOUR_MS, 23), "d": (DAY_MS, 7)}
_ZONE = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-5][0-9]))?")


@dataclass(frozen=True, slots=True)
class Interval:
    """A kline's length. `span_ms` is 0 for the month; `anchor_ms` is a time at which one opens."""

    name: str
    span_ms: int
    anchor_ms: int = 0

    @property
    def by_second(self) -> bool:
        """Whether it needs a finer resolution than minutes."""
        return 0 < self.span_ms < MINUTE_MS

    def opening(self, time_ms: int, zone_ms: int = 0) -> int:
        """The opening time of the interval that contains a time, with clocks `zone_ms` ahead of UTC."""
        local_ms = time_ms + zone_ms
        if self.span_ms:
            return local_ms - (local_ms - self.anchor_ms) % self.span_ms - zone_ms
        first = datetime.fromtimestamp(local_ms // 1000, UTC).replace(day=1, hour=0, minute=0, second=0)
        return int(first.timestamp()) * 1000 - zone_ms

    def end(self, opened_ms: int, zone_ms: int = 0) -> int:
        """When the next one opens."""
        return opened_ms + self.span_ms if self.span_ms else self.opening(opened_ms + _MONTH_DAYS * DAY_MS, zone_ms)


INTERVALS = {
    each.name: each
    for each in (
        Interval("1s", SECOND_MS),
        *(Interval(f"{count}m", count * MINUTE_MS) for count in (1, 3, 5, 15, 30)),
        *(Interval(f"{count}h", count * HOUR_MS) for count in (1, 2, 4, 6, 8, 12)),
        *(Interval(f"{count}d", count * DAY_MS) for count in (1, 3)),
        Interval("1w", 7 * DAY_MS, _MONDAY_MS),
        Interval("1M", 0),
    )
}


def interval_of(text: str) -> Interval:
    """Parses an interval's name. Raises ApiError."""
    try:
        return INTERVALS[text]
    except KeyError:
        raise ApiError(-1120, "Invalid interval.") from None


def window_ms(text: str) -> int:
    """A rolling window's length: `1m` to `59m`, `1h` to `23h`, `1d` to `7d`. Raises ApiError."""
    match = _WINDOW.fullmatch(text)
    if match is not None:
        unit_ms, most = _WINDOW_UNITS[match[2]]
        if int(match[1]) <= most:
            return int(match[1]) * unit_ms
    raise ApiError(-1130, "Data sent for parameter 'windowSize' is not valid.")


def zone_ms(text: str) -> int:
    """Parses a time zone's offset from UTC: `8`, `-1:00`, `05:45`; from -12:00 to +14:00. Raises ApiError."""
    match = _ZONE.fullmatch(text)
    if match is not None:
        sign = -1 if match[1] == "-" else 1
        ahead_ms = sign * (int(match[2]) * HOUR_MS + int(match[3] or 0) * MINUTE_MS)
        if -12 * HOUR_MS <= ahead_ms <= 14 * HOUR_MS:
            return ahead_ms
    raise ApiError(-1130, "Data sent for parameter 'timeZone' is not valid.")
