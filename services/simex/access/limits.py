"""Rate limits: requests and connections by address, unfilled orders by account, and bans of repeat offenders.

All counts are in memory: a restart resets counts and bans. Times are the venue's Unix milliseconds.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from gridcore.model.setting import Setting
from gridsim.outcome import Outcome
from simex.access.weights import Weight
from simex.protocol.errors import ApiError
from simex.protocol.formats import Json
from simex.protocol.rate_intervals import Count, Interval, Limit, Usage, Wait

_FIRST_BAN_MS, _LONGEST_BAN_MS = 2 * 60_000, 3 * 24 * 3_600_000  # rest-api.md, "IP Limits"
API_SOCKET_WEIGHT = 2  # the weight of opening a socket to the websocket API
# How much the first fill of an order reduces its account's count of unfilled orders: 1 for a taker; more for a maker,
# 5 in the examples of faqs/order_count_decrement.md.
_TAKER_FILL, _MAKER_FILL = 1, 5
_DECIDED_BY_ENGINE = -2000  # codes below: the order reached the matching engine and counts, even if refused
_ADVICE = "Please use WebSocket Streams for live updates"


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Binance's limits of July 2026. With `enabled` false, everything is counted and reported, nothing refused.

    Binance does not publish how many requests after a 429 lead to a ban: here more than `ban_after` in a minute.
    """

    enabled: Annotated[bool, Setting("`false`: all is counted and reported, nothing is refused")] = True
    request_weight: Annotated[int, Setting("of an address in a minute", least=1)] = 6_000
    raw_requests: Annotated[int, Setting("of an address in five minutes", least=1)] = 300_000
    orders_10s: Annotated[int, Setting("unfilled orders of an account in ten seconds", least=1)] = 100
    orders_day: Annotated[int, Setting("unfilled orders of an account in a day", least=1)] = 200_000
    connections: Annotated[int, Setting("sockets that an address opens in five minutes", least=1)] = 300
    stream_messages: Annotated[int, Setting("what a socket of the public streams may say in a second", least=1)] = 5
    ban_after: Annotated[
        int,
        Setting(
            "an address that is refused more often than this in a minute is banned; Binance does not publish its "
            "number",
            least=0,
        ),
    ] = 10
    order_retry_after: Annotated[
        bool,
        Setting("whether -1015 carries `Retry-After`: Binance's documents said no until December 2025, and yes since"),
    ] = False

    @property
    def weight_limit(self) -> Limit:
        """The limit of the weight of all requests of an address."""
        return Limit("REQUEST_WEIGHT", Interval.MINUTE, 1, self.request_weight)

    @property
    def raw_limit(self) -> Limit:
        """The limit of the number of requests of an address."""
        return Limit("RAW_REQUESTS", Interval.MINUTE, 5, self.raw_requests)

    @property
    def order_limits(self) -> tuple[Limit, ...]:
        """The limits of an account's unfilled orders."""
        return (
            Limit("ORDERS", Interval.SECOND, 10, self.orders_10s),
            Limit("ORDERS", Interval.DAY, 1, self.orders_day),
        )

    @property
    def connection_limit(self) -> Limit:
        """The limit of the sockets that an address opens."""
        return Limit("CONNECTIONS", Interval.MINUTE, 5, self.connections)

    @property
    def message_limit(self) -> Limit:
        """The limit of the messages from one socket of the public streams."""
        return Limit("MESSAGES", Interval.SECOND, 1, self.stream_messages)

    @property
    def published(self) -> list[Json]:
        """The limits in exchangeInfo; none if nothing is refused, so that clients need not throttle."""
        if not self.enabled:
            return []
        return [limit.json for limit in (self.weight_limit, *self.order_limits, self.raw_limit)]


BANNED = 418  # the HTTP status, and the equivalent over a websocket


class OverLimitError(ApiError):
    """Refused for exceeding a limit: 429, or BANNED after repeated 429s. `wait` None: the answer has no wait."""

    def __init__(self, code: int, message: str, wait: Wait | None, status: int = 429) -> None:
        super().__init__(code, message, status)
        self.wait = wait


class Limits:
    """The usage of every address and every account."""

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self._addresses: defaultdict[str, _Address] = defaultdict(lambda: _Address(self.settings))
        self._orders: defaultdict[str, tuple[Count, ...]] = defaultdict(
            lambda: tuple(Count(limit) for limit in self.settings.order_limits)
        )

    def change(self, settings: LimitSettings) -> None:
        """Applies other limits. Counts and bans are kept."""
        self.settings = settings
        for address in self._addresses.values():
            address.change(settings)
        for counts in self._orders.values():
            for count, limit in zip(counts, settings.order_limits, strict=True):
                count.limit = limit

    def visit(self, ip: str, toll: Weight, now_ms: int) -> "Visit":
        """Returns the accounting of a request that has arrived."""
        return Visit(self._addresses[ip], self._orders, toll, now_ms, self.settings)

    def connect(self, ip: str, now_ms: int, weight: int = 0) -> None:
        """Counts a socket that is being opened. Raises OverLimitError."""
        address = self._addresses[ip]
        address.connections.add(1, now_ms)
        address.weight.add(weight, now_ms)
        if self.settings.enabled:
            address.check_connections(now_ms)

    def pace(self) -> "Pace":
        """Returns the rate limit for one socket of the public streams."""
        return Pace(self.settings)

    def order_counts(self, account: str, now_ms: int) -> tuple[Usage, ...]:
        """The account's unfilled orders, as in GET rateLimit/order."""
        return tuple(count.usage(now_ms) for count in self._orders[account])

    def note(self, _symbol: str, outcome: Outcome) -> None:
        """A listener of the venue: after its first trade an order no longer counts as unfilled."""
        for each in outcome.executions:
            if each.trade is not None and each.order.executed == each.trade.quantity:
                filled = _MAKER_FILL if each.trade.maker else _TAKER_FILL
                for count in self._orders[each.order.account]:
                    count.add(-filled, each.transition.time_ms)


class Visit:
    """The accounting of one request: its charge on arrival, and what its outcome gives back."""

    def __init__(
        self,
        address: "_Address",
        orders: Mapping[str, tuple[Count, ...]],
        toll: Weight,
        now_ms: int,
        settings: LimitSettings,
    ) -> None:
        self._address = address
        self._orders = orders
        self._toll = toll
        self._now_ms = now_ms
        self._enabled = settings.enabled
        self._told_wait = settings.order_retry_after
        self._counts: tuple[Count, ...] = ()  # the counts that include its orders, once charged

    def enter(self) -> None:
        """Charges the request's weight to its address. Raises OverLimitError."""
        if self._enabled:
            self._address.check_ban(self._now_ms)
        self._address.weight.add(self._toll.weight, self._now_ms)
        self._address.requests.add(1, self._now_ms)
        if self._enabled:
            self._address.check_requests(self._now_ms)

    def place(self, account: str) -> None:
        """Counts the orders that it is about to place. Raises OverLimitError, then none is counted."""
        if not self._toll.orders:
            return
        counts = self._orders[account]
        for count in reversed(counts):  # the longest window first: if it is used up, the shorter ones are not charged
            if self._enabled and count.full(self._now_ms):
                limit = count.limit
                sentence = f"Too many new orders; current limit is {limit.most} orders per {limit.window}."
                raise OverLimitError(-1015, sentence, count.wait(self._now_ms) if self._told_wait else None)
        self._counts = counts
        self._count(self._toll.orders)

    def leave(self, refused: ApiError | None) -> tuple[Usage, ...]:
        """Gives back weight and orders according to the outcome. Returns the usage of the limits that it touched."""
        if refused is None and self._toll.free_when_done:
            self._address.weight.add(-self._toll.weight, self._now_ms)
        if refused is not None and refused.code > _DECIDED_BY_ENGINE:
            self._count(-self._toll.orders)
        return tuple(count.usage(self._now_ms) for count in (*self._counts, self._address.weight))

    def _count(self, orders: int) -> None:
        for count in self._counts:
            count.add(orders, self._now_ms)


class Pace:
    """Limits how fast one socket of the public streams may send messages."""

    def __init__(self, settings: LimitSettings) -> None:
        self._enabled = settings.enabled
        self._messages = Count(settings.message_limit)

    def too_fast(self, now_ms: int) -> bool:
        """Counts a message; returns whether it exceeds the limit."""
        self._messages.add(1, now_ms)
        return self._enabled and self._messages.over(now_ms)


class _Address:
    """The usage of one IP address, and whether it is banned."""

    def __init__(self, settings: LimitSettings) -> None:
        self.weight = Count(settings.weight_limit)
        self.requests = Count(settings.raw_limit)
        self.connections = Count(settings.connection_limit)
        self._refusals = Count(Limit("", Interval.MINUTE, 1, settings.ban_after))
        self._banned_until_ms = 0
        self._bans = 0

    def change(self, settings: LimitSettings) -> None:
        self.weight.limit = settings.weight_limit
        self.requests.limit = settings.raw_limit
        self.connections.limit = settings.connection_limit
        self._refusals.limit = Limit("", Interval.MINUTE, 1, settings.ban_after)

    def check_ban(self, now_ms: int) -> None:
        if now_ms < self._banned_until_ms:
            raise self._ban(now_ms)

    def check_requests(self, now_ms: int) -> None:
        if self.weight.over(now_ms):
            limit = self.weight.limit
            sentence = f"Too much request weight used; current limit is {limit.most} request weight per {limit.window}."
            raise self._refusal(f"{sentence} {_ADVICE} to avoid polling the API.", self.weight, now_ms)
        if self.requests.over(now_ms):
            raise self._refusal("Too many requests queued.", self.requests, now_ms)

    def check_connections(self, now_ms: int) -> None:
        self.check_ban(now_ms)
        if self.connections.over(now_ms):
            limit = self.connections.limit
            sentence = f"Too many connection attempts from IP; current limit is {limit.most} per '{limit.window}'."
            raise OverLimitError(-1034, sentence, self.connections.wait(now_ms))

    def _refusal(self, sentence: str, count: Count, now_ms: int) -> OverLimitError:
        """A 429, or the ban of an address that continued after too many of them."""
        self._refusals.add(1, now_ms)
        if not self._refusals.over(now_ms):
            return OverLimitError(-1003, sentence, count.wait(now_ms))
        self._banned_until_ms = now_ms + min(_FIRST_BAN_MS << min(self._bans, 20), _LONGEST_BAN_MS)
        self._bans += 1
        return self._ban(now_ms)

    def _ban(self, now_ms: int) -> OverLimitError:
        sentence = f"Way too much request weight used; IP banned until {self._banned_until_ms}."
        return OverLimitError(
            -1003, f"{sentence} {_ADVICE} to avoid bans.", Wait(now_ms, self._banned_until_ms), BANNED
        )
