"""Limits that are counted as Binance counts: in windows that begin with the clock's own seconds, minutes and days.

Source: web-socket-api.md of binance/binance-spot-api-docs, "How to interpret rate limits". Who counts what for whom is
said by limits.py.
"""

from dataclasses import dataclass
from enum import Enum

from simex.protocol.formats import Json


class Interval(Enum):
    """What a window is a multiple of; its length in milliseconds."""

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
        """How long a window is."""
        return self.number * self.interval.value

    @property
    def window(self) -> str:
        """As Binance's sentences name it: `10 SECOND`."""
        return f"{self.number} {self.interval.name}"

    @property
    def json(self) -> Json:
        """As exchangeInfo lists it."""
        return {
            "rateLimitType": self.kind, "interval": self.interval.name, "intervalNum": self.number, "limit": self.most,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used, as every answer tells it."""

    limit: Limit
    used: int

    @property
    def json(self) -> Json:
        """An entry of `rateLimits`."""
        return {**self.limit.json, "count": self.used}

    @property
    def headers(self) -> dict[str, str]:
        """`X-MBX-USED-WEIGHT-1M`, with the name that it had before, or `X-MBX-ORDER-COUNT-10S`."""
        window = f"{self.limit.number}{self.limit.interval.name[0]}"
        if self.limit.kind == "ORDERS":
            return {f"X-MBX-ORDER-COUNT-{window}": str(self.used)}
        return {"X-MBX-USED-WEIGHT": str(self.used), f"X-MBX-USED-WEIGHT-{window}": str(self.used)}


@dataclass(frozen=True, slots=True)
class Wait:
    """How long who asked too much has to wait."""

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
    """How much of a limit has been used in the window that the clock is in."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._window_ms = limit.window_ms  # asked for at every request
        self._window = 0
        self._used = 0

    def used(self, now_ms: int) -> int:
        """So far in this window."""
        return self._used if now_ms // self._window_ms == self._window else 0

    def add(self, amount: int, now_ms: int) -> None:
        """Counts; an amount below 0 takes away, and never more than there is."""
        self._used = max(0, self.used(now_ms) + amount)
        self._window = now_ms // self._window_ms

    def over(self, now_ms: int) -> bool:
        """Whether more has been used than may be."""
        return self.used(now_ms) > self.limit.most

    def full(self, now_ms: int) -> bool:
        """Whether nothing is left."""
        return self.used(now_ms) >= self.limit.most

    def wait(self, now_ms: int) -> Wait:
        """Until the next window begins."""
        return Wait(now_ms, (now_ms // self._window_ms + 1) * self._window_ms)

    def usage(self, now_ms: int) -> Usage:
        """What is told of it."""
        return Usage(self.limit, self.used(now_ms))
