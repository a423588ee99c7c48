"""Queue for the request budgets: by priority, then fair between symbols, then by arrival.

A request that waits for the order count blocks nobody; one that waits for weight blocks everything of lower priority. A
request that is cancelled, or cannot be granted within its time limit, leaves the queue at once.
"""

import asyncio
import bisect
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from executor.venue.limits.rate_limit import Budget, LimitKind, Need, Priority, RateLimit, Reason, Wait
from gridservice.silence import SharedSilence

_LONGEST_NAP_SECONDS = 0.5  # between two looks at clocks that may jump
_NO_GRANT = -1
_WINDOW_MS = 10_000  # Binance's short window of orders

PATIENCE_MS = {
    Priority.CANCEL: 10_000,
    Priority.CLOSING: 5_000,
    Priority.OPENING: 1_500,  # the step waits for it, and the next fill for the step
    Priority.READ: 10_000,
    Priority.BACKGROUND: 60_000,
}
"""Default time limit of a request in the queue."""

_priority_of_reads: ContextVar[Priority] = ContextVar("priority_of_reads", default=Priority.READ)
_ticket: ContextVar["Ticket | None"] = ContextVar("ticket", default=None)


@contextmanager
def in_background() -> Iterator[None]:
    """Gives reads inside the block the lowest priority: they are polls."""
    token = _priority_of_reads.set(Priority.BACKGROUND)
    try:
        yield
    finally:
        _priority_of_reads.reset(token)


class BlockedError(Exception):
    """The request cannot be sent within its time limit; nothing was sent."""

    def __init__(self, wait: Wait) -> None:
        super().__init__(_SENTENCES[wait.reason].format(until_ms=wait.until_ms))
        self.reason = wait.reason
        self.until_ms = wait.until_ms
        self.silence = wait.silence


_SENTENCES = {
    Reason.ORDER_LIMIT: "the account's order count leaves no room before Unix time {until_ms} ms",
    Reason.RATE_LIMITED: "the request budget leaves no room before Unix time {until_ms} ms",
    Reason.BANNED: "the venue has banned this address until Unix time {until_ms} ms: nothing is sent",
}


@dataclass(eq=False)
class Ticket:
    """A granted request. Call `settle` once it is answered or dropped."""

    need: Need
    granted_ms: int  # venue time
    _throttle: "Throttle" = field(repr=False)
    _settled: bool = field(default=False, init=False)

    def settle(self, *, sent: bool = True) -> None:
        """Ends the request; the cost of one that was never sent is returned. Idempotent."""
        if not self._settled:
            self._settled = True
            self._throttle.settle(self, sent=sent)


@dataclass(order=True)
class _Waiter:
    priority: Priority
    tag: int
    number: int
    symbol: str = field(compare=False)
    need: Need = field(compare=False)
    deadline_ms: int = field(compare=False)
    granted: "asyncio.Future[Ticket]" = field(compare=False)


class Throttle:
    """Grants tickets. One per account; all calls on one event loop."""

    def __init__(self, budget: Budget, now_ms: Callable[[], int], venue_ms: Callable[[], int] | None = None) -> None:
        self.budget = budget
        self._now_ms = now_ms
        self._venue_ms = venue_ms or now_ms
        self._waiting: list[_Waiter] = []
        self._numbers = itertools.count()
        self._served: dict[tuple[Priority, str], int] = {}  # last tag by symbol; "": of all
        self.symbols: tuple[str, ...] = ()  # those that may need an opening in each window
        self._opened: tuple[int, set[str]] = 0, set()  # the window, and the symbols with a granted opening in it
        self._timer: asyncio.TimerHandle | None = None
        self.on_silence: Callable[[Reason, int], None] = lambda _reason, _until_ms: None
        self.on_blocked: Callable[[Need, Wait], None] = lambda _need, _wait: None
        self.shared_silence: Callable[[], tuple[Reason, int]] = lambda: (Reason.RATE_LIMITED, 0)

    @property
    def ahead_ms(self) -> int:
        """How far (ms) the venue's clock is ahead of ours."""
        return self._venue_ms() - self._now_ms()

    def local_ms(self) -> int:
        """Returns local Unix time in milliseconds."""
        return self._now_ms()

    @property
    def waiting(self) -> int:
        """Number of waiting requests."""
        return len(self._waiting)

    async def acquire(self, need: Need, *, symbol: str = "", patience_ms: int | None = None) -> Ticket:
        """Waits for a ticket for one request.

        Raises BlockedError once it is clear that the time limit will not suffice.
        """
        patience_ms = PATIENCE_MS[need.priority] if patience_ms is None else patience_ms
        waiter = _Waiter(
            need.priority,
            self._next_tag(need.priority, symbol),
            next(self._numbers),
            symbol,
            need,
            self._now_ms() + patience_ms,
            asyncio.get_running_loop().create_future(),
        )
        bisect.insort(self._waiting, waiter)
        try:
            self._dispatch()
            ticket = await waiter.granted
        except asyncio.CancelledError:
            if waiter.granted.done() and not waiter.granted.cancelled() and waiter.granted.exception() is None:
                waiter.granted.result().settle(sent=False)
            raise
        finally:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
                self._dispatch()
        _ticket.set(ticket)
        return ticket

    async def acquire_read(self, weight: int) -> Ticket:
        """Waits for a ticket for a read, with the priority of the calling block."""
        return await self.acquire(Need(_priority_of_reads.get(), weight))

    def settle(self, ticket: Ticket, *, sent: bool) -> None:
        """Ends a ticket's request: it is answered or dropped."""
        self.budget.settle(ticket.need, ticket.granted_ms, self._venue_ms(), sent=sent)
        self._dispatch()

    def correct(self, kind: LimitKind, window_ms: int, counted: int) -> None:
        """Takes over the venue's count from the reply to this task's request."""
        ticket = _ticket.get()
        granted_ms = self._venue_ms() if ticket is None else ticket.granted_ms
        if ticket is not None:
            ticket.settle()
        self.budget.correct(kind, window_ms, counted, granted_ms, self._venue_ms())

    def set_limits(self, limits: Iterable[RateLimit]) -> None:
        """Replaces the limits with those that the venue reports."""
        self.budget.set_limits(limits)
        self._dispatch()

    def be_silent(self, reason: Reason, until_ms: int) -> None:
        """Records that the venue wants silence until a local Unix time (ms); 0 has no effect."""
        if until_ms > self._now_ms():
            self.budget.be_silent(reason, until_ms)
            self.on_silence(reason, until_ms)
            self._dispatch()

    def refused(self, until_ms: int) -> None:
        """Records a refusal after which the venue wants no request before a local time (ms); 0 has no effect."""
        self.be_silent(Reason.RATE_LIMITED, until_ms)

    def refuse_orders(self, window_ms: int) -> int:
        """Records that the venue takes no more orders in a window (0: not named).

        Returns until when, local time (ms).
        """
        venue_ms = self._venue_ms()
        until_ms = self.budget.order_window_end_ms(window_ms, venue_ms) - (venue_ms - self._now_ms())
        self.be_silent(Reason.ORDER_LIMIT, until_ms)
        return until_ms

    def _next_tag(self, priority: Priority, symbol: str) -> int:
        """Start-time fair queueing: each symbol's n-th request ranks beside the n-th of the others."""
        tags = [self._served.get((priority, ""), 0)]
        if symbol:
            tags.append(self._served.get((priority, symbol), -1) + 1)
            tags += [one.tag + 1 for one in self._waiting if one.priority is priority and one.symbol == symbol]
        return max(tags)

    def _dispatch(self) -> None:
        """Grants all requests that may be sent now, and sets a timer for the next."""
        self._take_over_silences()
        now_ms, venue_ms = self._now_ms(), self._venue_ms()
        soonest_ms, held_up = 0, None
        for waiter in list(self._waiting):
            if waiter.granted.done():
                continue
            wait = held_up or self.budget.wait_for(waiter.need, now_ms, venue_ms, self._held_back(waiter, venue_ms))
            if wait is None:
                self._grant(waiter, now_ms, venue_ms)
                continue
            if wait.until_ms > waiter.deadline_ms or now_ms >= waiter.deadline_ms:
                self._waiting.remove(waiter)
                waiter.granted.set_exception(BlockedError(wait))
                self.on_blocked(waiter.need, wait)
                continue
            if wait.reason is not Reason.ORDER_LIMIT:
                held_up = wait
            due_ms = min(wait.until_ms, waiter.deadline_ms)
            soonest_ms = min(soonest_ms or due_ms, due_ms)
        self._wake_in(soonest_ms - now_ms if soonest_ms else _NO_GRANT)

    def _take_over_silences(self) -> None:
        """Takes over silences that the venue demanded of other processes at this address."""
        reason, until_ms = self.shared_silence()
        if until_ms:
            self.budget.be_silent(reason, until_ms)

    def _held_back(self, waiter: _Waiter, venue_ms: int) -> int:
        """Returns how many openings are reserved for symbols without one in this window; 0 for one of these."""
        if waiter.priority is not Priority.OPENING:
            return 0
        window = venue_ms // _WINDOW_MS
        if self._opened[0] != window:
            self._opened = window, set()
        had = self._opened[1]
        return len(set(self.symbols) - had) if waiter.symbol in had else 0

    def _grant(self, waiter: _Waiter, now_ms: int, venue_ms: int) -> None:
        self.budget.grant(waiter.need, now_ms, venue_ms)
        for symbol in {"", waiter.symbol}:
            key = (waiter.priority, symbol)
            self._served[key] = max(self._served.get(key, 0), waiter.tag)
        if waiter.priority is Priority.OPENING:
            self._opened[1].add(waiter.symbol)
        self._waiting.remove(waiter)
        waiter.granted.set_result(Ticket(waiter.need, venue_ms, self))

    def _wake_in(self, wait_ms: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait_ms != _NO_GRANT:
            seconds = min(max(wait_ms, 1) / 1000, _LONGEST_NAP_SECONDS)
            self._timer = asyncio.get_running_loop().call_later(seconds, self._dispatch)


def share_silence(throttle: Throttle, shared: SharedSilence) -> None:
    """Shares silences between all processes at this address, in both directions."""

    def tell(reason: Reason, until_ms: int) -> None:
        if reason is not Reason.ORDER_LIMIT:  # the order limit is the account's, not the address's
            shared.extend(reason.value, until_ms, throttle.local_ms())

    def heard() -> tuple[Reason, int]:
        kind, until_ms = shared.read(throttle.local_ms())
        return Reason(kind), until_ms

    throttle.on_silence, throttle.shared_silence = tell, heard
