"""Counts limits as Binance does: in windows aligned to the clock's seconds, minutes and days.

Source: web-socket-api.md of binance/binance-spot-api-docs, "How to interpret rate limits". `limits.py` decides what is
counted for whom.
"""

from dataclasses import dataclass
from enum import Enum

from simex.protocol.formats import Json


class Interval(Enum):
    """A window's unit; the value is its length in milliseconds."""

    SECOND = 1_000
    MINUTE = 60_000
    DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` in each window of `number` intervals. `kind` is Binance's rateLimitType."""

    kind: str
    interval: Interval
    number: int
    most: int

    @property
    def window_ms(self) -> int:
        """The window within which requests are counted, in milliseconds."""
        return self.number * self.interval.value

    @property
    def window(self) -> str:
        """The window as Binance's messages write it: `10 SECOND`."""
        return f"{self.number} {self.interval.name}"

    @property
    def json(self) -> Json:
        """The limit in exchangeInfo."""
        return {
            "rateLimitType": self.kind, "interval": self.interval.name, "intervalNum": self.number, "limit": self.most,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """The usage of a limit, as answers report it."""

    limit: Limit
    used: int

    @property
    def json(self) -> Json:
        """An entry of `rateLimits`."""
        return {**self.limit.json, "count": self.used}

    @property
    def headers(self) -> dict[str, str]:
        """`X-MBX-USED-WEIGHT-1M`, also under its former name, or `X-MBX-ORDER-COUNT-10S`."""
        window = f"{self.limit.number}{self.limit.interval.name[0]}"
        if self.limit.kind == "ORDERS":
            return {f"X-MBX-ORDER-COUNT-{window}": str(self.used)}
        return {"X-MBX-USED-WEIGHT": str(self.used), f"X-MBX-USED-WEIGHT-{window}": str(self.used)}


@dataclass(frozen=True, slots=True)
class Wait:
    """How long a client over a limit has to wait."""

    now_ms: int
    until_ms: int

    @property
    def headers(self) -> dict[str, str]:
        """`Retry-After`, in whole seconds."""
        return {"Retry-After": str(-(-(self.until_ms - self.now_ms) // 1000))}

    @property
    def json(self) -> Json:
        """The `data` of an error of the websocket API."""
        return {"serverTime": self.now_ms, "retryAfter": self.until_ms}


class Count:
    """The usage of a limit in the current window."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._window_ms = limit.window_ms  # cached, since every request reads it
        self._window = 0
        self._used = 0

    def used(self, now_ms: int) -> int:
        """The usage in this window."""
        return self._used if now_ms // self._window_ms == self._window else 0

    def add(self, amount: int, now_ms: int) -> None:
        """Adds an amount; a negative one is subtracted, down to 0."""
        self._used = max(0, self.used(now_ms) + amount)
        self._window = now_ms // self._window_ms

    def over(self, now_ms: int) -> bool:
        """Whether the limit is exceeded."""
        return self.used(now_ms) > self.limit.most

    def full(self, now_ms: int) -> bool:
        """Whether the limit is reached."""
        return self.used(now_ms) >= self.limit.most

    def wait(self, now_ms: int) -> Wait:
        """The wait until the next window begins."""
        return Wait(now_ms, (now_ms // self._window_ms + 1) * self._window_ms)

    def usage(self, now_ms: int) -> Usage:
        """The usage as answers report it."""
        return Usage(self.limit, self.used(now_ms))
