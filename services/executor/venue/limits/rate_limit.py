"""Arithmetic of the venue's limits: request weight per address, orders per account, silences. No clock, no waiting.

Binance counts in windows that begin with full minutes, ten seconds and days of its own clock; so does this module, by
the venue's time. Each reply reports what the venue has counted, including other users of the address or the account.
That corrects the count here, up or down. Requests that are granted and not answered yet are added to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum

DEFAULT_SHARE, LEAST_SHARE, LARGEST_SHARE = 50, 5, 80  # percent of the address's weight that this process may use

SHORT_MS = 60_000  # in windows up to this long one opening is reserved per symbol
_GUARD_MS = 250  # a request granted so soon after a window's start may be counted in the previous one
_RESERVED_OF_ORDERS = {10_000: 0.2}  # reserved for closings per window; the next line is for longer windows
_RESERVED_OF_DAY = 0.1
_CLOSINGS_OF_ORDERS = 0.95  # the rest is for other users of the account


class Priority(IntEnum):
    """Priority of a request when a budget is scarce."""

    CANCEL = 0
    CLOSING = 1
    OPENING = 2
    READ = 3  # a caller waits for it
    BACKGROUND = 4  # polls


# How much each class may fill: of our share of the weight, and of the whole limit as the venue counts it.
_OF_SHARE = {
    Priority.CANCEL: 1.0,
    Priority.CLOSING: 1.0,
    Priority.OPENING: 0.9,
    Priority.READ: 0.95,
    Priority.BACKGROUND: 0.6,
}
_OF_LIMIT = {
    Priority.CANCEL: 0.95,
    Priority.CLOSING: 0.95,
    Priority.OPENING: 0.9,
    Priority.READ: 0.85,
    Priority.BACKGROUND: 0.75,
}


_POLLS_OF_SHARE = 0.4  # pace of the polls; the rest of their share is for their bursts


class LimitKind(Enum):
    """What a limit counts. The values are Binance's names."""

    WEIGHT = "REQUEST_WEIGHT"  # of the requests of an address
    ORDERS = "ORDERS"  # placed by an account


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `most` in each window of this length."""

    kind: LimitKind
    window_ms: int
    most: int


class Reason(Enum):
    """Reason why a request may not be sent now. The values appear in results."""

    ORDER_LIMIT = "ORDER_LIMIT"  # places only: the account's order count
    RATE_LIMITED = "RATE_LIMITED"  # the address's request weight, or the pace of requests
    BANNED = "BANNED"  # the venue has banned the address


@dataclass(frozen=True, slots=True)
class Wait:
    """Reason and end of a wait (local time, milliseconds, at the earliest). `silence`: the venue asked for it."""

    reason: Reason
    until_ms: int
    silence: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What one request takes from the budgets."""

    priority: Priority
    weight: int = 1
    orders: int = 0


class TokenBucket:
    """Token bucket: `per_second` tokens flow in, at most `burst` are kept.

    Times are milliseconds of any steady clock.
    """

    def __init__(self, per_second: float, burst: int, now_ms: int) -> None:
        self.per_second = per_second
        self._per_ms = per_second / 1000
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at_ms = now_ms

    def wait_ms(self, now_ms: int) -> int:
        """Returns 0 if there is a token, else how long (ms) until there is one."""
        self._tokens = min(self._burst, self._tokens + max(0, now_ms - self._at_ms) * self._per_ms)
        self._at_ms = now_ms
        return 0 if self._tokens >= 1 else max(1, round((1 - self._tokens) / self._per_ms))

    def take(self, now_ms: int) -> int:
        """Takes a token and returns 0, or returns how long (ms) to wait before the next attempt."""
        wait_ms = self.wait_ms(now_ms)
        if wait_ms == 0:
            self._tokens -= 1
        return wait_ms


class WindowCount:
    """Use of one limit in the current window of the venue's clock."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self._window = 0
        self._total = 0
        self._ours = 0
        self._in_flight = 0

    def total(self, venue_ms: int) -> int:
        """Returns the use by all, as far as it is known."""
        self._roll(venue_ms)
        return self._total

    def ours(self, venue_ms: int) -> int:
        """Returns the use by this process."""
        self._roll(venue_ms)
        return self._ours

    def grant(self, amount: int, venue_ms: int) -> None:
        """Counts a request that is about to be sent."""
        self._roll(venue_ms)
        self._total += amount
        self._ours += amount
        self._in_flight += amount

    def settle(self, amount: int, granted_ms: int, venue_ms: int, *, sent: bool) -> None:
        """Records that the request is answered or dropped; the cost of one that was never sent is returned."""
        self._in_flight -= amount
        if not sent and self._roll(venue_ms) == granted_ms // self.limit.window_ms:
            self._total -= amount
            self._ours -= amount

    def correct(self, counted: int, granted_ms: int, venue_ms: int) -> None:
        """Takes over the venue's count, from the reply to a request that was granted at `granted_ms`."""
        opened_ms = self._roll(venue_ms) * self.limit.window_ms
        if granted_ms >= opened_ms + _GUARD_MS:
            self._total = counted + self._in_flight
            self._ours = min(self._ours, self._total)  # successful requests may be free of charge

    def end_ms(self, venue_ms: int) -> int:
        """Returns the end of the window, by the venue's clock."""
        return (venue_ms // self.limit.window_ms + 1) * self.limit.window_ms

    def _roll(self, venue_ms: int) -> int:
        window = venue_ms // self.limit.window_ms
        if window > self._window:
            self._window, self._total, self._ours = window, self._in_flight, 0
        return self._window


class Budget:
    """All limits of one account and address. Times are local Unix milliseconds and, for windows, the venue's."""

    def __init__(self, *, share_percent: int = DEFAULT_SHARE, pace: TokenBucket | None = None) -> None:
        self._share = min(max(share_percent, LEAST_SHARE), LARGEST_SHARE) / 100
        self._pace = pace
        self._counts: dict[tuple[LimitKind, int], WindowCount] = {}
        self._silences: dict[Reason, int] = {}

    def set_limits(self, limits: Iterable[RateLimit]) -> None:
        """Replaces the limits; counts of unchanged windows are kept."""
        counts = {(limit.kind, limit.window_ms): WindowCount(limit) for limit in limits if limit.most > 0}
        for key, count in self._counts.items():
            if key in counts:
                count.limit = counts[key].limit
                counts[key] = count
        self._counts = counts

    def wait_for(self, need: Need, local_ms: int, venue_ms: int, held_back: int = 0) -> Wait | None:
        """Returns None if the request may be sent now. `held_back` orders of a short window are reserved for others."""
        ahead_ms = venue_ms - local_ms
        silence = self.silence(need, local_ms)
        if silence is not None:
            return silence
        for count in self._counts.values():
            if not self._fits(count, need, venue_ms, held_back if count.limit.window_ms <= SHORT_MS else 0):
                reason = Reason.ORDER_LIMIT if count.limit.kind is LimitKind.ORDERS else Reason.RATE_LIMITED
                return Wait(reason, count.end_ms(venue_ms) - ahead_ms)
        wait_ms = 0 if self._pace is None else self._pace.wait_ms(local_ms)
        return Wait(Reason.RATE_LIMITED, local_ms + wait_ms) if wait_ms else None

    def silence(self, need: Need, local_ms: int) -> Wait | None:
        """Returns the silence that the venue asked for and that applies to this request."""
        concerned = (Reason.BANNED, Reason.RATE_LIMITED, *((Reason.ORDER_LIMIT,) if need.orders else ()))
        reason = max(concerned, key=lambda each: self._silences.get(each, 0))
        until_ms = self._silences.get(reason, 0)
        return Wait(reason, until_ms, silence=True) if until_ms > local_ms else None

    def grant(self, need: Need, local_ms: int, venue_ms: int) -> None:
        """Counts a request that `wait_for` has permitted."""
        if self._pace is not None:
            self._pace.take(local_ms)
        for count in self._counts.values():
            count.grant(_amount(count, need), venue_ms)

    def settle(self, need: Need, granted_ms: int, venue_ms: int, *, sent: bool) -> None:
        """Records that the request is answered or dropped; `granted_ms` is venue time."""
        for count in self._counts.values():
            count.settle(_amount(count, need), granted_ms, venue_ms, sent=sent)

    def correct(self, kind: LimitKind, window_ms: int, counted: int, granted_ms: int, venue_ms: int) -> None:
        """Takes over a count that the venue has reported."""
        count = self._counts.get((kind, window_ms))
        if count is not None:
            count.correct(counted, granted_ms, venue_ms)

    def be_silent(self, reason: Reason, until_ms: int) -> None:
        """Records a silence until a local time; the latest end counts."""
        self._silences[reason] = max(self._silences.get(reason, 0), until_ms)

    def order_window_end_ms(self, window_ms: int, venue_ms: int) -> int:
        """Returns when places are accepted again after an order count refusal, by the venue's clock.

        `window_ms` is the window that the refusal named; 0 if none: then the one that is nearest to being full.
        """
        counts = [count for count in self._counts.values() if count.limit.kind is LimitKind.ORDERS]
        if not window_ms and counts:
            fullest = max(counts, key=lambda count: count.total(venue_ms) / count.limit.most)
            window_ms = fullest.limit.window_ms
        window_ms = window_ms or 10_000
        return (venue_ms // window_ms + 1) * window_ms

    def used(self, venue_ms: int) -> dict[tuple[LimitKind, int], tuple[int, int, int]]:
        """Returns by kind and window: total use, our use, and the limit."""
        return {
            key: (count.total(venue_ms), count.ours(venue_ms), count.limit.most) for key, count in self._counts.items()
        }

    def background_per_second(self) -> float:
        """Returns the weight that polls may use per second; 0 if nothing limits it."""
        paces = [
            count.limit.most * self._share * _POLLS_OF_SHARE * 1_000 / count.limit.window_ms
            for count in self._counts.values()
            if count.limit.kind is LimitKind.WEIGHT
        ]
        if self._pace is not None:
            paces.append(self._pace.per_second * _POLLS_OF_SHARE)
        return min(paces, default=0.0)

    def _fits(self, count: WindowCount, need: Need, venue_ms: int, held_back: int) -> bool:
        amount = _amount(count, need)
        if amount == 0:
            return True
        most = count.limit.most
        if count.limit.kind is LimitKind.ORDERS:
            return count.total(venue_ms) + amount + held_back <= _orders_for(need.priority, count.limit)
        own = max(1, int(most * self._share * _OF_SHARE[need.priority]))
        everybody = max(1, int(most * _OF_LIMIT[need.priority]))
        return count.ours(venue_ms) + amount <= own and count.total(venue_ms) + amount <= everybody


def _amount(count: WindowCount, need: Need) -> int:
    return need.orders if count.limit.kind is LimitKind.ORDERS else need.weight


def _orders_for(priority: Priority, limit: RateLimit) -> int:
    """Returns how many orders of a window a class may fill; at least one, even if the limit is one."""
    closings = max(1, int(limit.most * _CLOSINGS_OF_ORDERS))
    if priority <= Priority.CLOSING:
        return closings
    reserved = _RESERVED_OF_ORDERS.get(limit.window_ms, _RESERVED_OF_DAY)
    return max(1, min(int(limit.most * (1 - reserved)), closings))
