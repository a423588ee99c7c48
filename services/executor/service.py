"""Assembles the executor: its parts, the recovery at startup, and the background loops while it serves."""

import asyncio
import contextlib
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any

from executor.dispatch.batches import Batches
from executor.dispatch.canceller import Canceller
from executor.dispatch.in_flight import InFlight
from executor.dispatch.placer import Placer
from executor.dispatch.sender import Sender
from executor.ledger import pruning, requests
from executor.ledger.action_status import ActionStatus
from executor.ledger.opening import Ledger
from executor.limits import ExecutorLimits
from executor.readiness import Readiness
from executor.resolution.lookup import LookUp
from executor.resolution.operator_resolution import OperatorResolution
from executor.resolution.resolver import Resolver
from executor.updates.account_poll import AccountPoll
from executor.updates.conditions import ConditionsReader
from executor.updates.forgotten import ForgottenOrders
from executor.updates.history_import import HistoryImport
from executor.updates.recorder import Recorder
from executor.updates.stream_trust import StreamTrust
from executor.updates.subscribers import Subscribers
from executor.updates.symbol_readiness import SymbolReadiness, not_listed_any_more, traded_before
from executor.updates.symbol_watcher import SymbolWatcher
from executor.updates.unreadable import Unreadables
from executor.venue.book_reader import BookReader
from executor.venue.clock import VenueClock
from executor.venue.health import VenueHealth
from executor.venue.limits.order_limit import OrderLimitTrouble
from executor.venue.limits.rate_limit import Budget, TokenBucket
from executor.venue.limits.throttle import Throttle, in_background
from executor.venue.observed_venue import observed
from executor.venue.port import KeysRefusedError, ReadFailedError, UnknownSymbolError, Venue
from executor.venue.reader import Reader
from gridservice.backoff import backoff_seconds
from gridservice.change_signal import ChangeSignal
from gridservice.crash_point import around, crash_point
from gridservice.tasks import cancel_and_wait
from gridservice.troubles import Troubles

_log = logging.getLogger(__name__)

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 1.0  # between two attempts, which read the time first
_CLOCK_SECONDS = 60.0
_PRUNE_SECONDS = 600.0
_PROBE_SECONDS = 2.0


class Executor:
    """Starts, recovers, serves and closes. The parts that the RPCs use are public."""

    def __init__(
        self,
        ledger: Ledger,
        venue: Venue,
        symbols: tuple[str, ...],
        pace: ExecutorLimits,
        clock: VenueClock,
        hide: Callable[[str], str] = str,
    ) -> None:
        """`hide` removes the account's secrets from the venue's error messages."""
        self.ledger = ledger
        self.troubles = Troubles(clock.local_ms)
        self.venue_health = VenueHealth(self.troubles, clock.local_ms, hide)
        self.venue = venue = observed(venue, self.venue_health, clock.local_ms)
        self.symbols = symbols
        self.clock = clock
        self.changes: defaultdict[str, ChangeSignal] = defaultdict(ChangeSignal)  # by symbol: its log has grown
        self.flight = InFlight()
        self.subscribers = Subscribers()
        self.readiness = Readiness(self.troubles, lambda: ledger.guard.away)
        self.listing = SymbolReadiness(symbols, self.troubles)
        self._pace = pace
        self.throttle = throttle = Throttle(_budget(pace, clock.local_ms()), clock.local_ms, clock.venue_ms)
        self._order_limit = OrderLimitTrouble(self.troubles, clock.local_ms)
        throttle.on_blocked = self._order_limit.blocked
        throttle.symbols = symbols
        venue.pay_from(throttle)
        self.reader = Reader(throttle, partial(clock.set_again, venue))
        self.books = BookReader(
            venue, self.reader, lambda: tuple(each for each in symbols if each not in self.listing.refused)
        )
        self.conditions = ConditionsReader(ledger, venue, self.reader, self.books)
        look_up = LookUp(venue, self.reader, clock, pace.visibility_lag_ms)
        self.forgotten = ForgottenOrders(
            self.troubles, clock.local_ms, pace.order_gone_after_ms, pace.visibility_lag_ms
        )
        self.recorder = Recorder(ledger, venue, self.reader, clock, self.changes, self.readiness, self.forgotten)
        self.resolver = Resolver(
            ledger,
            venue,
            self.reader,
            look_up,
            self.recorder,
            clock,
            self.changes,
            self.readiness,
            pace.resolve_pause_ms,
        )
        self.history_import = HistoryImport(
            ledger, venue, self.reader, self.recorder, clock, self.readiness, pace.visibility_lag_ms
        )
        self.operator_resolution = OperatorResolution(
            ledger, look_up, self.resolver, clock, self.changes, venue, self.reader, self.forgotten
        )
        self._unreadables = Unreadables(ledger, self.troubles)
        placer = Placer(venue, look_up, clock, throttle, self.readiness)
        canceller = Canceller(ledger, venue, self.reader, self.recorder, clock, throttle)
        self._sender = Sender(ledger, clock, throttle, self.flight, placer, canceller, self.resolver)
        self.batches = Batches(ledger, clock, self._sender)
        self._trust = StreamTrust(time.monotonic)
        self.watches = [self._watch(symbol) for symbol in symbols]
        self._poll = AccountPoll(
            self.watches,
            ledger,
            venue,
            self.books,
            throttle.budget,
            self._trust,
            self.listing,
            poll_interval_ms=pace.poll_interval_ms,
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._watching: dict[str, asyncio.Task[None]] = {}  # by symbol, for listed symbols only

    async def start(self) -> None:
        """Connects to the venue, looks up actions in flight at a crash, and catches the log up; ready afterwards.

        A symbol that is not listed, or whose reads alone fail, does not stop the others. Raises UnknownSymbolError if
        no symbol is listed and none was ever traded here, ReadFailedError if the venue does not answer.
        """
        await self._reach_venue()
        crash_point("executor.start.reached")
        await self._recover()
        crash_point("executor.start.recovered")
        await self._poll.catch_up()
        crash_point("executor.start.caught_up")
        self.readiness.ready = True
        self._tasks = [asyncio.create_task(loop) for loop in self._loops()]
        for symbol in self.symbols:
            if symbol not in self.listing.refused:
                self._begin_watching(symbol)

    async def start_when_reachable(self) -> None:
        """Repeats `start` until the venue answers.

        Raises KeysRefusedError if the venue refuses the keys, UnknownSymbolError as `start` does.
        """
        level = logging.WARNING
        for pause in backoff_seconds(_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS):
            try:
                await self.start()
            except KeysRefusedError:
                raise
            except ReadFailedError as error:
                _log.log(level, "not ready: the venue does not answer, retrying until it does: %s", error)
                level = logging.DEBUG  # logged once; the trouble shows how long it lasts
                await asyncio.sleep(pause)
            else:
                return

    def stop_taking(self) -> None:
        """Accepts no more calls and ends the streams of updates."""
        self.readiness.ready = False
        for signal in self.changes.values():
            signal.beat()

    async def close(self) -> None:
        """Waits for actions in flight, then stops the background tasks."""
        self.stop_taking()
        await self.batches.close(self._pace.close_grace_seconds)
        await cancel_and_wait([*self._tasks, *self._watching.values()])
        await self.resolver.close()
        await self.history_import.close()
        await self.venue.close()

    def _watch(self, symbol: str) -> SymbolWatcher:
        return SymbolWatcher(
            symbol,
            self.ledger,
            self.venue,
            self.reader,
            self.recorder,
            self.clock,
            self._unreadables,
            self.forgotten,
            self._trust,
            poll_interval_ms=self._pace.poll_interval_ms,
            visibility_lag_ms=self._pace.visibility_lag_ms,
        )

    async def _reach_venue(self) -> None:
        self.history_import.since_ms = await self.clock.measure(self.venue)
        await self._read_list(await self.venue.connect(self.symbols))
        await self.reader.read(self.venue.balances)  # refused keys end the startup before anything is recorded

    async def _read_list(self, missing: Mapping[str, str]) -> None:
        """Records which symbols the venue lists. Raises UnknownSymbolError if the config can only be wrong."""
        traded = {symbol: await self.ledger.writer.run(traded_before, symbol) for symbol in missing}
        if len(missing) == len(self.symbols) and not any(traded.values()):
            raise UnknownSymbolError("; ".join(missing.values()))
        for symbol in self.symbols:
            if symbol not in missing:
                self.listing.take_back(symbol)
            elif traded[symbol]:
                self.listing.refuse(symbol, not_listed_any_more(symbol, self.venue.name))
            else:
                self.listing.refuse(symbol, missing[symbol])

    def _loops(self) -> list[Coroutine[Any, Any, None]]:
        return [
            self._keep_time(),
            self._prune_periodically(),
            self._keep_list(),
            self._keep_asking(),
            self._poll.poll_for_ever(),
        ]

    async def _keep_asking(self) -> None:
        """Sends a signed read while the last request failed or was long ago, so that a change is seen soon."""
        while True:
            await asyncio.sleep(_PROBE_SECONDS)
            self.venue_health.look()
            self._order_limit.look()
            if self.venue_health.doubtful:
                with contextlib.suppress(ReadFailedError), in_background():  # the trouble reports it already
                    await self.reader.read(self.venue.balances)

    def _begin_watching(self, symbol: str) -> None:
        (watch,) = (watch for watch in self.watches if watch.symbol == symbol)
        self._watching[symbol] = asyncio.create_task(watch.listen_forever())

    async def _keep_list(self) -> None:
        """Reads the venue's list of markets periodically, and sooner while the status of a symbol is in doubt."""
        interval_ms = self._pace.markets_interval_ms or self.venue.markets_interval_ms
        pause_ms, since_ms = min(interval_ms, self._pace.listing_interval_ms), 0
        while True:
            await asyncio.sleep(pause_ms / 1000)
            since_ms += pause_ms
            doubted = self.listing.refused or any(watch.failing for watch in self.watches)
            if not doubted and since_ms < interval_ms:
                continue
            try:
                await self._look_at_list()
                since_ms = 0
            except ReadFailedError as error:
                _log.warning("the venue's markets could not be read: %s", error)
            except Exception:  # noqa: BLE001  # the ledger comes back
                _log.exception("the venue's markets could not be recorded")

    async def _look_at_list(self) -> None:
        before = set(self.listing.refused)
        missing = await self.reader.read(partial(self.venue.connect, self.symbols, anew=True))
        try:
            await self._read_list(missing)
        except UnknownSymbolError as error:  # listed when this process started, so not misspelt
            raise ReadFailedError(str(error)) from error
        for symbol in set(self.listing.refused) - before:
            self._watching.pop(symbol).cancel()
        for symbol in before - set(self.listing.refused):
            self._begin_watching(symbol)

    async def _recover(self) -> None:
        """Looks up actions that were SENDING at a crash, never sending them again, and resumes the resolver."""
        for symbol, action in await self.ledger.writer.run(requests.in_status, ActionStatus.UNKNOWN):
            self.resolver.watch(symbol, action)
        for symbol, action in await self.ledger.writer.run(requests.in_status, ActionStatus.SENDING):
            await self._sender.recover(symbol, action)

    async def _prune_periodically(self) -> None:
        while True:
            try:
                before_ms = self.clock.local_ms() - self._pace.keep_finished_ms
                more = True
                while more:
                    with around("executor.prune"):
                        more = await self.ledger.writer.run(pruning.prune, before_ms) > 0
                    with around("executor.prune_log"):
                        more |= await self.ledger.writer.run(pruning.prune_log, before_ms) > 0
            except Exception:  # noqa: BLE001  # the ledger comes back
                _log.exception("old requests and log entries could not be pruned")
            await asyncio.sleep(_PRUNE_SECONDS)

    async def _keep_time(self) -> None:
        while True:
            await asyncio.sleep(_CLOCK_SECONDS)
            try:
                await self.clock.measure(self.venue)
            except ReadFailedError as error:
                _log.warning("the venue's clock could not be read: %s", error)


def _budget(pace: ExecutorLimits, now_ms: int) -> Budget:
    rate = pace.requests_per_second
    bucket = None if rate is None else TokenBucket(rate, pace.burst, now_ms)
    budget = Budget(share_percent=pace.weight_share_percent, pace=bucket)
    budget.set_limits(pace.rate_limits)
    return budget
