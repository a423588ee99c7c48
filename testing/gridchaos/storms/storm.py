"""Plays a storm: real processes over a moving market, with the kills, stops, cuts and venue faults of its schedule.

Each event waits for its beats. A kill also waits, unless it is to come at once, until the grid has recovered from the
previous kill and has traded. `runner` decides which storms are played.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from gridchaos.harness.calls import answered
from gridchaos.judge.invariants import guesses, late, strays, unasked
from gridchaos.results import Result
from gridchaos.storms.deployment import StormDeployment, storm_deployment
from gridchaos.storms.event_player import Trouble
from gridchaos.storms.market import BEAT_SECONDS, Market
from gridchaos.storms.restarter import GaveUpError, Kept, RestartedPostgres
from gridchaos.storms.schedule import Die, Kill, ManualOrder, Schedule, Snap
from gridchaos.storms.watcher import Watcher
from gridchaos.venue_changes.player import Log, NoLog, VenuePlayer
from gridcore.model.ids import id_prefix
from griddeploy.audit.audit import AuditReport, audit
from griddeploy.audit.gather import AuditInput, gather_at_rest
from gridservice.tasks import cancel_and_wait
from gridtesting.live.databases import Database
from gridtesting.live.processes import Stack

RECOVERY_SECONDS = 45.0
_SETTLE_SECONDS = 60.0
_TROUBLE_SECONDS = 120.0  # one event, or all that are in progress: counted in beats they take seconds
_KILLS_TO_REST = 15  # at rest more can be checked than while everything moves
_FIRST_FILLS = 3
_TELL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Played:
    """Result of a storm: its line for the table, and the output of every service for analysis."""

    result: Result
    said: str = field(repr=False)


async def play(schedule: Schedule, folder: Path, database: Database) -> Played:
    """Plays it on a database of its own. A grid that does not recover ends it early, and is reported as a problem."""
    began = time.monotonic()
    async with storm_deployment(folder, database.url) as place:
        stack = Stack(place.deployment, folder / "logs", place.configs, forked=True)
        try:
            async with stack.channels:
                storm = Storm(schedule, place, stack, database)
                await storm.play()
                return Played(storm.result(time.monotonic() - began), stack.outputs())
        finally:
            await stack.end()


class StuckError(Exception):
    """The grid did not recover in time."""


class Storm:
    """One storm being played."""

    def __init__(
        self,
        schedule: Schedule,
        place: StormDeployment,
        stack: Stack,
        database: Database,
        *,
        beat_seconds: float = BEAT_SECONDS,
        log: Log | None = None,
    ) -> None:
        self._schedule = schedule
        self._deployment = place.deployment
        self._channels = stack.channels
        self._watcher = Watcher(stack.channels, place.deployment)
        self._problems = self._watcher.watch.problems
        self._kept = {name: Kept(stack[name], self._restarted) for name in self._deployment.addresses}
        self._postgres = None
        if database.server is not None:
            self._postgres = RestartedPostgres(database.server, database.name, self._restarted)
        self._market = Market(stack.channels, place, schedule.seed, beat_seconds)
        venue = VenuePlayer(stack.channels, place, self._market, log or NoLog(), self._watcher.watch.expect_gone)
        self._trouble = Trouble(stack.channels, place, self._kept, self._postgres, self._market, self._watcher, venue)
        self._report: AuditReport | None = None
        self._guessed: list[str] = []

    async def play(self) -> None:
        """Plays the storm from the first startup to the audit."""
        going_on = [*(kept.keep() for kept in self._kept.values()), self._market.run(), self._watcher.look_on()]
        tasks = [asyncio.create_task(each) for each in going_on]
        playing = asyncio.create_task(self._play())
        try:
            await asyncio.wait([playing, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()  # raises: none of them ends by itself
            await playing
        except (StuckError, GaveUpError, TimeoutError, grpc.aio.AioRpcError) as error:
            self._problems += [f"P8: {error}", *self._watcher.sent_twice()]
            for kept in self._kept.values():
                kept.tell()
            await asyncio.sleep(_TELL_SECONDS)
        finally:
            await self._trouble.end()
            await cancel_and_wait([playing, *tasks])

    def result(self, seconds: float) -> Result:
        """Returns the line for the table."""
        watcher, report = self._watcher, self._report
        doubled = [each for each in self._problems if each.startswith("P1")]
        found = () if report is None else tuple(_found(report))
        amounts = () if report is None else (*report.position_diff.items(), *report.quote_diff.items())
        return Result(
            kind="storm",
            id=str(self._schedule.seed),
            database=self._schedule.database,
            kills=self._kills,
            faults=watcher.struck,
            fills=watcher.fills,
            seconds=round(seconds, 1),
            duplicates=len(doubled) + (0 if report is None else len(report.duplicates)),
            orphans=0 if report is None else len(report.orphans),
            lost_fills=0 if report is None else len(report.missing) + len(amounts),
            applied_twice=0 if report is None else len(report.twice),
            guessed=len(self._guessed),
            foreign_touched=len(watcher.watch.foreign_touched),
            protected_ms=tuple(watcher.protected_ms),
            unknown_ms=tuple(watcher.unknown_ms),
            calm_unknown_ms=tuple(watcher.calm_unknown_ms),
            problems=(
                *self._problems,
                *found,
                *(f"P3: {amount} {asset} not accounted for" for asset, amount in amounts),
            ),
        )

    @property
    def _kills(self) -> int:
        postgres = 0 if self._postgres is None else self._postgres.kills
        return postgres + sum(kept.kills for kept in self._kept.values())

    async def _play(self) -> None:
        rested, fills = 0, _FIRST_FILLS
        await self._recovered(fills)
        await self._trouble.make(ManualOrder(0, "buy", 50))  # exists before and during the whole storm
        for event in self._schedule.events:
            if isinstance(event, (Kill, Die, Snap)) and not event.at_once:
                await self._recovered(fills)
                fills = self._watcher.fills + 1
                if self._kills - rested >= _KILLS_TO_REST:
                    rested = self._kills
                    await self._rest()
                    self._market.go_on()
            await self._market.passed(event.after)
            async with _bounded(str(event)):
                await self._trouble.make(event)
        await self._judge(await self._rest())

    async def _recovered(self, fills: int) -> None:
        try:
            async with asyncio.timeout(RECOVERY_SECONDS):
                await self._watcher.recovered(fills)
        except TimeoutError:
            missing = "; ".join(self._watcher.unprotected) or f"{self._watcher.fills} fills, {fills} awaited"
            raise StuckError(f"the grid is not back after {RECOVERY_SECONDS:g} s: {missing}") from None

    def _restarted(self) -> None:
        self._watcher.recover(restart=True)

    async def _rest(self) -> AuditInput:
        """Waits until everything has ended, and checks the grid while nothing moves."""
        async with _bounded("what was in progress"):
            await self._trouble.clear()
        await self._recovered(0)
        self._market.hold()
        bot, symbols = self._deployment.bot, self._deployment.symbols
        evidence = await answered(
            lambda: gather_at_rest(self._channels, bot, symbols, _SETTLE_SECONDS), 2 * _SETTLE_SECONDS
        )
        if not evidence.settled:
            raise StuckError(f"not at rest after {_SETTLE_SECONDS:g} s of calm")
        self._problems += strays(id_prefix(bot, symbols[0]), evidence.books[0].state, evidence.truth)
        return evidence

    async def _judge(self, evidence: AuditInput) -> None:
        """Compares all of our records with the venue's book. At rest."""
        truth, (book,) = evidence.truth, evidence.books
        self._report = audit(self._deployment.bot, truth, [book])
        sent = self._watcher.sent
        self._guessed = list(guesses(book, truth, sent))
        self._problems += self._guessed
        self._problems += unasked(book, truth, id_prefix(self._deployment.bot, self._deployment.symbols[0]))
        self._problems += [*late(book, sent), *self._watcher.sent_twice()]


@contextlib.asynccontextmanager
async def _bounded(what: str) -> AsyncIterator[None]:
    """Limits the time of the block. Raises StuckError if it does not end."""
    try:
        async with asyncio.timeout(_TROUBLE_SECONDS):
            yield
    except TimeoutError:
        raise StuckError(f"{what} has no end after {_TROUBLE_SECONDS:g} s") from None


def _found(report: AuditReport) -> Iterator[str]:
    for promise, findings in (
        ("P1", report.duplicates),
        ("P2", report.orphans),
        ("P3", report.missing),
        ("P3", report.twice),
    ):
        yield from (f"{promise}: {finding}" for finding in findings)
