"""Troubles: conditions at the venue, or on the way to it, that restrict us and that a person has to know about.

A trouble begins, may recur any number of times, and ends. Its beginning and its end are logged, one line each with the
word ALERT. In between `ListTroubles`, the health of `HEALTH_NAME` and a metric show it.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from gridrpc.server import Server
from gridservice.metrics import Metric
from gridwright.v1 import models_pb2

HEALTH_NAME = "gridwright.trouble-free"
"""A name of `grpc.health.v1`: SERVING while the service has no trouble."""

_EVERY_SECONDS = 0.5
_log = logging.getLogger(__name__)


class TroubleClass(Enum):
    """How long a trouble typically lasts, and what it affects."""

    PASSING = "PASSING"  # it is retried, after growing pauses
    LASTING = "LASTING"  # until something changes: funds, a filter, a limit
    SYMBOL = "SYMBOL"  # nothing can be traded in this symbol
    ACCOUNT = "ACCOUNT"  # nothing can be traded with this account


class Kind(Enum):
    """The closed list of troubles. docs/operations.md has the remedy for each."""

    INSUFFICIENT_FUNDS = "INSUFFICIENT_FUNDS"
    INVALID_ORDER = "INVALID_ORDER"  # a filter or a step refuses it
    WOULD_MATCH = "WOULD_MATCH"
    ORDER_LIMIT = "ORDER_LIMIT"  # the account's orders per ten seconds or day are used up
    ORDER_PLACES = "ORDER_PLACES"  # the account's open orders in the market are at their maximum
    RATE_LIMITED = "RATE_LIMITED"  # the address sent too many requests
    BANNED = "BANNED"
    CLOCK_SKEW = "CLOCK_SKEW"
    CLOCKS_DIFFER = "CLOCKS_DIFFER"  # the clocks of two of our hosts differ
    EXPIRED = "EXPIRED"  # places come too late to be sent
    KEY_REFUSED = "KEY_REFUSED"
    MARKET_CLOSED = "MARKET_CLOSED"  # halted, or in a break
    VENUE_UNREACHABLE = "VENUE_UNREACHABLE"
    VENUE_RESET = "VENUE_RESET"  # the venue lost its data, or it is another venue
    SYMBOL_REFUSED = "SYMBOL_REFUSED"  # delisted, or the market rules do not allow the grid
    ORDER_UNREADABLE = "ORDER_UNREADABLE"  # one of our orders
    ORDER_NOT_SHOWN = "ORDER_NOT_SHOWN"  # an order is open in the ledger and nowhere on the venue
    SECOND_BOT = "SECOND_BOT"  # an order with our prefix that the ledger does not know
    FEES_DIFFER = "FEES_DIFFER"  # fills carry other fees than the assumed ones
    GRID_LEFT = "GRID_LEFT"  # a grid removed from the config still has orders, positions or workflows
    PEER_UNREACHABLE = "PEER_UNREACHABLE"  # another of our services
    FEED_STALE = "FEED_STALE"
    NOT_TAKEN = "NOT_TAKEN"  # any other reason for which orders are not accepted


CLASS_OF = {
    Kind.INSUFFICIENT_FUNDS: TroubleClass.LASTING,
    Kind.INVALID_ORDER: TroubleClass.LASTING,
    Kind.WOULD_MATCH: TroubleClass.PASSING,
    Kind.ORDER_LIMIT: TroubleClass.PASSING,
    Kind.ORDER_PLACES: TroubleClass.LASTING,
    Kind.RATE_LIMITED: TroubleClass.PASSING,
    Kind.BANNED: TroubleClass.PASSING,
    Kind.CLOCK_SKEW: TroubleClass.PASSING,
    Kind.CLOCKS_DIFFER: TroubleClass.LASTING,
    Kind.EXPIRED: TroubleClass.PASSING,
    Kind.KEY_REFUSED: TroubleClass.ACCOUNT,
    Kind.MARKET_CLOSED: TroubleClass.SYMBOL,
    Kind.VENUE_UNREACHABLE: TroubleClass.PASSING,
    Kind.VENUE_RESET: TroubleClass.ACCOUNT,
    Kind.SYMBOL_REFUSED: TroubleClass.SYMBOL,
    Kind.ORDER_UNREADABLE: TroubleClass.LASTING,
    Kind.ORDER_NOT_SHOWN: TroubleClass.LASTING,
    Kind.SECOND_BOT: TroubleClass.ACCOUNT,
    Kind.FEES_DIFFER: TroubleClass.LASTING,
    Kind.GRID_LEFT: TroubleClass.LASTING,
    Kind.PEER_UNREACHABLE: TroubleClass.PASSING,
    Kind.FEED_STALE: TroubleClass.PASSING,
    Kind.NOT_TAKEN: TroubleClass.PASSING,
}

_CLASS_NUMBERS = {each: models_pb2.TroubleClass.Value(f"TROUBLE_CLASS_{each.name}") for each in TroubleClass}


@dataclass(frozen=True, slots=True)
class Trouble:
    """One trouble. `symbol` is empty if it concerns the account or the service."""

    kind: Kind
    message: str  # the problem and the remedy
    since_ms: int
    symbol: str = ""
    subject: str = ""  # an order's id or a slot's key, for a kind that can occur several times at once
    count: int = 1  # how often since then
    retry_at_ms: int = 0  # time of the next retry; 0: not before something changes

    @property
    def trouble_class(self) -> TroubleClass:
        """How long it typically lasts."""
        return CLASS_OF[self.kind]

    @property
    def _about(self) -> str:
        return " ".join(filter(None, [self.kind.value, self.symbol, self.subject]))


class Troubles:
    """The current troubles of one service. Thread-safe."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._present: dict[tuple[Kind, str, str], Trouble] = {}
        self._mutex = threading.Lock()

    def begin(
        self, kind: Kind, message: str, *, symbol: str = "", subject: str = "", retry_at_ms: int = 0, since_ms: int = 0
    ) -> None:
        """Begins a trouble; if it exists, counts a recurrence and takes the newer message. `since_ms` 0: now."""
        key = (kind, symbol, subject)
        with self._mutex:
            before = self._present.get(key)
            if before is None:
                trouble = Trouble(kind, message, since_ms or self._now_ms(), symbol, subject, 1, retry_at_ms)
            else:
                trouble = replace(before, message=message, count=before.count + 1, retry_at_ms=retry_at_ms)
            self._present[key] = trouble
        if before is None:
            _log.warning("ALERT %s: %s", trouble._about, message)  # noqa: SLF001  # its own kind

    def end(self, kind: Kind, *, symbol: str = "", subject: str = "") -> None:
        """Ends a trouble. Does nothing if there is no such trouble."""
        with self._mutex:
            ended = self._present.pop((kind, symbol, subject), None)
        if ended is not None:
            seconds = (self._now_ms() - ended.since_ms) / 1000
            _log.warning("ALERT over %s: after %.1f s, %d times", ended._about, seconds, ended.count)  # noqa: SLF001

    def end_others(self, kind: Kind, *, symbol: str = "", subjects: Collection[str] = ()) -> None:
        """Ends the troubles of this kind and symbol except those about `subjects`."""
        gone = [each for each in self.present() if (each.kind, each.symbol) == (kind, symbol)]
        for each in gone:
            if each.subject not in subjects:
                self.end(kind, symbol=symbol, subject=each.subject)

    def present(self) -> list[Trouble]:
        """The current troubles, oldest first."""
        with self._mutex:
            found = list(self._present.values())
        return sorted(found, key=lambda each: (each.since_ms, each.kind.value, each.symbol, each.subject))

    def to_proto(self) -> models_pb2.ListTroublesResponse:
        """The current troubles, oldest first, as a service answers ListTroubles."""
        return models_pb2.ListTroublesResponse(troubles=[to_proto(each) for each in self.present()])

    def figures(self) -> Iterator[Metric]:
        """One metric per trouble, with the value 1."""
        for each in self.present():
            labels = {"kind": each.kind.value, "symbol": each.symbol, "subject": each.subject}
            yield Metric("trouble", "1 while something is withheld from the grid", 1, labels)


def to_proto(trouble: Trouble) -> models_pb2.Trouble:
    """Converts a trouble to protobuf."""
    return models_pb2.Trouble(
        kind=trouble.kind.value,
        trouble_class=_CLASS_NUMBERS[trouble.trouble_class],
        symbol=trouble.symbol,
        subject=trouble.subject,
        message=trouble.message,
        since_ms=trouble.since_ms,
        count=trouble.count,
        retry_at_ms=trouble.retry_at_ms,
    )


async def publish_health(server: Server, troubles: Troubles) -> None:
    """Sets the health of HEALTH_NAME: SERVING while there is no trouble. Runs until cancelled."""
    published: bool | None = None
    while True:
        trouble_free = not troubles.present()
        if trouble_free is not published:
            await server.set_trouble_free(HEALTH_NAME, trouble_free=trouble_free)
            published = trouble_free
        await asyncio.sleep(_EVERY_SECONDS)
