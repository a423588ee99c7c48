"""How much is too much: requests and connections by address, unfilled orders by account, and bans of who goes on.

All of it lives in memory: a restart has counted nothing and banned nobody. Times are the venue's Unix milliseconds.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from gridsim.outcome import Outcome
from simex.access.weights import Weight
from simex.protocol.errors import ApiError
from simex.protocol.formats import Json
from simex.protocol.rate_intervals import Count, Interval, Limit, Usage, Wait

_FIRST_BAN_MS, _LONGEST_BAN_MS = 2 * 60_000, 3 * 24 * 3_600_000  # rest-api.md, "IP Limits"
API_SOCKET_WEIGHT = 2  # what opening a socket to the websocket API weighs
# What the first fill of an order gives back to its account's count of unfilled orders: one as a taker; as a maker more,
# five in the examples of faqs/order_count_decrement.md.
_TAKER_FILL, _MAKER_FILL = 1, 5
_DECIDED_BY_ENGINE = -2000  # codes below it: the order reached the matching engine and counts, refused or not
_ADVICE = "Please use WebSocket Streams for live updates"


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Binance's numbers of July 2026. Not `enabled`: all is counted and told, nothing refused.

    Binance does not tell how many requests after a 429 it takes for a ban: here more than `ban_after` in a minute.
    """

    enabled: bool = True
    request_weight: int = 6_000
    raw_requests: int = 300_000
    orders_10s: int = 100
    orders_day: int = 200_000
    connections: int = 300
    stream_messages: int = 5
    ban_after: int = 10
    order_retry_after: bool = False  # whether -1015 carries Retry-After: Binance's documents have said both

    @property
    def weight_limit(self) -> Limit:
        """Of the weight of all requests of an address."""
        return Limit("REQUEST_WEIGHT", Interval.MINUTE, 1, self.request_weight)

    @property
    def raw_limit(self) -> Limit:
        """Of their number."""
        return Limit("RAW_REQUESTS", Interval.MINUTE, 5, self.raw_requests)

    @property
    def order_limits(self) -> tuple[Limit, ...]:
        """Of an account's unfilled orders."""
        return (
            Limit("ORDERS", Interval.SECOND, 10, self.orders_10s),
            Limit("ORDERS", Interval.DAY, 1, self.orders_day),
        )

    @property
    def connection_limit(self) -> Limit:
        """Of the sockets that an address opens."""
        return Limit("CONNECTIONS", Interval.MINUTE, 5, self.connections)

    @property
    def message_limit(self) -> Limit:
        """Of what one socket of the public streams says."""
        return Limit("MESSAGES", Interval.SECOND, 1, self.stream_messages)

    @property
    def published(self) -> list[Json]:
        """What exchangeInfo tells of them: nothing where nothing is refused, so that clients need not hold back."""
        if not self.enabled:
            return []
        return [limit.json for limit in (self.weight_limit, *self.order_limits, self.raw_limit)]


BANNED = 418  # the HTTP status, and its likeness over a websocket


class OverLimitError(ApiError):
    """Refused for having asked too much: 429, or BANNED for who was told so and went on. `wait` None: not told."""

    def __init__(self, code: int, message: str, wait: Wait | None, status: int = 429) -> None:
        super().__init__(code, message, status)
        self.wait = wait


class Limits:
    """What every address and every account has used."""

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self._addresses: defaultdict[str, _Address] = defaultdict(lambda: _Address(self.settings))
        self._orders: defaultdict[str, tuple[Count, ...]] = defaultdict(
            lambda: tuple(Count(limit) for limit in self.settings.order_limits)
        )

    def change(self, settings: LimitSettings) -> None:
        """Puts other limits in force. What has been used stays counted, and who is banned stays banned."""
        self.settings = settings
        for address in self._addresses.values():
            address.change(settings)
        for counts in self._orders.values():
            for count, limit in zip(counts, settings.order_limits, strict=True):
                count.limit = limit

    def visit(self, ip: str, toll: Weight, now_ms: int) -> "Visit":
        """A request has come in."""
        return Visit(self._addresses[ip], self._orders, toll, now_ms, self.settings)

    def connect(self, ip: str, now_ms: int, weight: int = 0) -> None:
        """A socket is being opened. Raises OverLimitError."""
        address = self._addresses[ip]
        address.connections.add(1, now_ms)
        address.weight.add(weight, now_ms)
        if self.settings.enabled:
            address.check_connections(now_ms)

    def pace(self) -> "Pace":
        """For one socket of the public streams."""
        return Pace(self.settings)

    def order_counts(self, account: str, now_ms: int) -> tuple[Usage, ...]:
        """The account's unfilled orders: what GET rateLimit/order tells."""
        return tuple(count.usage(now_ms) for count in self._orders[account])

    def note(self, _symbol: str, outcome: Outcome) -> None:
        """Hears what the venue does: an order that trades for the first time no longer counts as unfilled."""
        for each in outcome.executions:
            if each.trade is not None and each.order.executed == each.trade.quantity:
                filled = _MAKER_FILL if each.trade.maker else _TAKER_FILL
                for count in self._orders[each.order.account]:
                    count.add(-filled, each.transition.time_ms)


class Visit:
    """One request: what it is charged as it comes in, and what its outcome gives back."""

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
        self._counts: tuple[Count, ...] = ()  # where its orders count, once they do

    def enter(self) -> None:
        """Charges its weight to its address. Raises OverLimitError."""
        if self._enabled:
            self._address.check_ban(self._now_ms)
        self._address.weight.add(self._toll.weight, self._now_ms)
        self._address.requests.add(1, self._now_ms)
        if self._enabled:
            self._address.check_requests(self._now_ms)

    def place(self, account: str) -> None:
        """Counts the orders that it is about to place. Raises OverLimitError, with none counted."""
        if not self._toll.orders:
            return
        counts = self._orders[account]
        for count in reversed(counts):  # the longest window first: one that is used up leaves the shorter ones alone
            if self._enabled and count.full(self._now_ms):
                limit = count.limit
                sentence = f"Too many new orders; current limit is {limit.most} orders per {limit.window}."
                raise OverLimitError(-1015, sentence, count.wait(self._now_ms) if self._told_wait else None)
        self._counts = counts
        self._count(self._toll.orders)

    def leave(self, refused: ApiError | None) -> tuple[Usage, ...]:
        """Gives back what its outcome makes free of charge; what the answer tells of the limits that it touched."""
        if refused is None and self._toll.free_when_done:
            self._address.weight.add(-self._toll.weight, self._now_ms)
        if refused is not None and refused.code > _DECIDED_BY_ENGINE:
            self._count(-self._toll.orders)
        return tuple(count.usage(self._now_ms) for count in (*self._counts, self._address.weight))

    def _count(self, orders: int) -> None:
        for count in self._counts:
            count.add(orders, self._now_ms)


class Pace:
    """How fast one socket of the public streams may talk."""

    def __init__(self, settings: LimitSettings) -> None:
        self._enabled = settings.enabled
        self._messages = Count(settings.message_limit)

    def too_fast(self, now_ms: int) -> bool:
        """Counts a message; whether it is one too many."""
        self._messages.add(1, now_ms)
        return self._enabled and self._messages.over(now_ms)


class _Address:
    """What one IP address has used, and whether it is banned."""

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
        """A 429, or the ban of an address that was told so too often and goes on."""
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
