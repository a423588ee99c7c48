"""Health of the account at the venue: the result of each request begins or ends a trouble.

Refused keys and rate limits are a trouble at once. A silent venue and a refused clock become one when nothing has
succeeded for `GRACE_MS`, because a single request may fail.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from executor.venue.port import (
    ClockRefusedError,
    DuplicateError,
    KeysRefusedError,
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    UnknownOrderError,
)
from gridrpc.database_health import Watched
from gridservice.troubles import Kind, Troubles

GRACE_MS = 5_000
_FORGET_TRADING_MS = 900_000  # without another refused order for so long, nobody trades
_LIMITS = (Kind.RATE_LIMITED, Kind.BANNED)
_BANNED = re.compile(r"\bbanned\b|\b418\b", re.IGNORECASE)
_SIGNATURE_TAKEN = frozenset(
    {Refusal.INSUFFICIENT_FUNDS, Refusal.WOULD_MATCH, Refusal.MARKET_CLOSED, Refusal.ORDER_PLACES}
)
_TRADING = "trading"

_KEYS = (
    "orders rest on the venue meanwhile and fills are not seen; give a pair of keys that may read and trade from here"
)
_NO_TRADING = "they may read and not trade; give the key its permission to trade, or another one"
_CLOCK = "it takes the time of no request; set this machine's clock (NTP), or raise venue.recv_window_ms"
_SILENT = (
    "nothing has succeeded since; orders rest there meanwhile; look at the network and the venue's own status page"
)
_LIMIT = "the venue wants silence; nothing is sent until then; look for another program on this address or account"


class VenueHealth:
    """Collects the results of requests. `hide` removes secrets from the venue's messages."""

    def __init__(self, troubles: Troubles, now_ms: Callable[[], int], hide: Callable[[str], str] = str) -> None:
        self.refusals: Counter[tuple[str, str]] = Counter()
        """Places that the venue refused since startup, by symbol and reason."""
        self._troubles = troubles
        self._now_ms = now_ms
        self._hide = hide
        self._failures = 0  # in a row
        self._failing_since_ms = 0
        self._succeeded_ms = now_ms()
        self._keys_refused = False  # for reads; if only trading is refused, that is a trouble with its own subject
        self._keys_refused_ms = 0
        self._trading_refused: RefusedError | None = None
        self._trading_refused_ms = 0
        self._may_only_read = False
        self._limited_until_ms = 0

    @property
    def away(self) -> str:
        """Why no signed request succeeds at present; empty if they do."""
        if self._keys_refused or self._may_only_read:
            return "the venue refuses the keys"
        return "no request to the venue succeeds" if self._lasts() else ""

    @property
    def doubtful(self) -> bool:
        """Whether a signed read is needed to learn the current state: the last request failed or was long ago."""
        quiet = self._now_ms() - self._succeeded_ms >= GRACE_MS
        unclear = self._trading_refused is not None and not self._may_only_read
        wanted = quiet or unclear or bool(self._failures) or self._keys_refused
        return wanted and self._limited_until_ms <= self._now_ms()

    def read_succeeded(self, began_ms: int) -> None:
        """Records that a signed read, begun at that time, succeeded."""
        if began_ms < self._keys_refused_ms:
            return  # it was in flight when the keys were refused
        whole = self._keys_refused  # reads were refused too, so this read proves that trading works again
        self._keys_refused = False
        self._troubles.end(Kind.KEY_REFUSED)
        if whole:
            self._trading_taken()
        elif self._trading_refused is not None and began_ms >= self._trading_refused_ms and not self._may_only_read:
            self._may_only_read = True
            self._refuse_trading(self._trading_refused)
        self._succeeded()

    def read_failed(self, error: Exception, began_ms: int) -> None:
        """Records that a read failed."""
        if isinstance(error, KeysRefusedError):
            self._refuse_keys(error)
        elif isinstance(error, ClockRefusedError):
            self._fail(Kind.CLOCK_SKEW, error, _CLOCK, began_ms)
        elif isinstance(error, ReadFailedError) and (error.blocked_until_ms or not error.unpaid):
            self._fail_or_limit(error, error.blocked_until_ms, began_ms)  # otherwise our own budget held it back

    def placed(self) -> None:
        """Records that a signed place or cancel succeeded."""
        self._trading_taken()
        self._succeeded()

    def write_failed(self, symbol: str, error: Exception, began_ms: int, *, place: bool) -> None:
        """Records that a place or cancel was refused, or that its outcome is unknown."""
        if isinstance(error, RefusedError):
            if place:
                self.refusals[symbol, error.reason.value] += 1
            self._refused(error, began_ms)
        elif isinstance(error, DuplicateError | UnknownOrderError):
            self.placed()
        elif isinstance(error, OutcomeUnknownError):
            self._fail(Kind.VENUE_UNREACHABLE, error, _SILENT, began_ms)

    def look(self) -> None:
        """Forgets refused trading after a long time without an attempt to trade."""
        if self._trading_refused and self._now_ms() - self._trading_refused_ms > _FORGET_TRADING_MS:
            self._trading_taken()

    def _refused(self, error: RefusedError, began_ms: int) -> None:
        match error.reason:
            case Refusal.KEY_REFUSED:
                self._refuse_trading(error)
            case Refusal.CLOCK_SKEW:
                self._fail(Kind.CLOCK_SKEW, error, _CLOCK, began_ms)
            case Refusal.RATE_LIMITED | Refusal.VENUE_UNREACHABLE:
                self._fail_or_limit(error, error.blocked_until_ms, began_ms)
            case reason if reason in _SIGNATURE_TAKEN:
                self.placed()
            case _:
                pass  # it may have been refused before it was sent, which says nothing about the venue

    def _refuse_trading(self, error: RefusedError) -> None:
        """Records that trading was refused. The next read shows whether the keys may still read."""
        self._trading_refused, self._trading_refused_ms = error, self._now_ms()
        if self._may_only_read:
            self._troubles.begin(Kind.KEY_REFUSED, self._said(error, _NO_TRADING), subject=_TRADING)

    def _refuse_keys(self, error: Exception) -> None:
        self._keys_refused, self._keys_refused_ms = True, self._now_ms()
        self._may_only_read = False
        self._troubles.end(Kind.KEY_REFUSED, subject=_TRADING)  # now part of it
        self._troubles.begin(Kind.KEY_REFUSED, self._said(error, _KEYS))

    def _fail_or_limit(self, error: Exception, until_ms: int, began_ms: int) -> None:
        if not until_ms:
            self._fail(Kind.VENUE_UNREACHABLE, error, _SILENT, began_ms)
            return
        self._count(began_ms)
        self._limited_until_ms = max(self._limited_until_ms, until_ms)
        kind = Kind.BANNED if _BANNED.search(str(error)) else Kind.RATE_LIMITED
        self._troubles.begin(kind, self._said(error, _LIMIT), retry_at_ms=until_ms)

    def _fail(self, kind: Kind, error: Exception, remedy: str, began_ms: int) -> None:
        self._count(began_ms)
        if self._lasts():
            self._troubles.begin(kind, self._said(error, remedy), since_ms=self._failing_since_ms)

    def _count(self, began_ms: int) -> None:
        self._failing_since_ms = min(self._failing_since_ms, began_ms) if self._failures else began_ms
        self._failures += 1

    def _lasts(self) -> bool:
        limited = self._limited_until_ms > self._now_ms()  # nothing is sent then, so nothing more can fail
        several = self._failures > 1 or (self._failures == 1 and limited)
        return several and self._now_ms() - self._failing_since_ms >= GRACE_MS

    def _succeeded(self) -> None:
        self._failures, self._succeeded_ms = 0, self._now_ms()
        self._troubles.end(Kind.CLOCK_SKEW)
        self._troubles.end(Kind.VENUE_UNREACHABLE)
        if self._now_ms() >= self._limited_until_ms:
            for kind in _LIMITS:
                self._troubles.end(kind)

    def _trading_taken(self) -> None:
        self._trading_refused, self._may_only_read = None, False
        self._troubles.end(Kind.KEY_REFUSED, subject=_TRADING)

    def _said(self, error: Exception, remedy: str) -> str:
        return f"{self._hide(str(error))}: {remedy}"


@dataclass(frozen=True, slots=True)
class Ability:
    """Dependencies of the executor, as `gridrpc.database_health` watches them: the ledger's database and the venue."""

    database: Watched
    venue: VenueHealth

    @property
    def away(self) -> str:
        """Why the executor cannot work at present; empty if it can."""
        return self.database.away or self.venue.away

    def ping(self) -> None:
        """Checks the database connection. Raises if the process must not continue."""
        self.database.ping()
