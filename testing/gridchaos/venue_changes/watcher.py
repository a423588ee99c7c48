"""Watches a grid while its exchange changes: troubles are shown and gone in time, refusals are not repeated too fast,
closing orders are never starved.

The player of the changes reports what is in force; simex's oracle shows what the grid was refused.
"""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import grpc

from gridchaos.judge.protection import unprotected
from gridchaos.venue_changes.changes import EFFECTS, VenueChange
from gridcore.model.ids import id_prefix, parse_client_order_id
from griddeploy.channels import Channels
from griddeploy.deployment import Deployment
from gridservice.troubles import Kind
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

SHOWN_SECONDS = 10.0
"""Time limit for a trouble to be shown after its beginning, and to be gone after its end, in seconds."""
STARVED_SECONDS = 10.0
"""Longest wait of a position for its closing order while the exchange would accept it, in seconds."""
FASTEST_MS = 200
"""Shortest time between two refusals of one slot for one reason: a first pause of 300 ms, less the jitter."""
_LOOK_SECONDS = 0.5
_CALL_SECONDS = 3.0
_ORDER = "POST order"
_OFTEN = 3  # refusals of one slot and reason in a row: from here on a trouble has to be shown
_SHORT_PAUSES = 8  # refusals of one slot and reason in a row, after which the pauses must be long
_LONG_MS = 5_000


@dataclass(frozen=True, slots=True)
class Refused:
    """Order of ours that the exchange refused."""

    at_ms: int  # by the exchange's clock
    level: int  # level of its slot
    code: int


class Repetitions:
    """Refused orders by slot and code, and the time between them. Pure."""

    def __init__(self) -> None:
        self.refused = 0
        self.problems: list[str] = []
        self._last: dict[tuple[int, int], Refused] = {}
        self._row: dict[tuple[int, int], int] = {}

    def taken(self, level: int) -> None:
        """Records that an order of the slot was accepted: earlier refusals no longer count."""
        for key in [key for key in self._last if key[0] == level]:
            del self._last[key], self._row[key]

    def changed(self) -> None:
        """Records a change of the exchange: each slot may be tried at once, and its count starts again."""
        self._row.clear()
        self._last.clear()

    def add(self, refused: Refused) -> int:
        """Adds a refusal; returns how many there are in a row."""
        self.refused += 1
        key = (refused.level, refused.code)
        before = self._last.get(key)
        self._last[key] = refused
        self._row[key] = self._row.get(key, 0) + 1
        if before is None:
            return 1
        gap_ms = refused.at_ms - before.at_ms
        least_ms = FASTEST_MS if self._row[key] <= _SHORT_PAUSES else _LONG_MS
        if gap_ms < least_ms:
            self.problems.append(
                f"P8: slot {refused.level} was refused with {refused.code} {self._row[key]} times in a row, the last "
                f"two {gap_ms} ms apart; {least_ms} ms are the least"
            )
        return self._row[key]


class Shown:
    """Checks that troubles are shown while they last, and gone afterwards. Pure: times are arguments, in seconds."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.shown_ms: list[int] = []  # how long each certain trouble took to be shown
        self.gone_ms: list[int] = []  # how long after its last cause each trouble was gone
        self.uncaused: set[str] = set()  # kinds that were shown though nothing in force causes them
        self._active: list[tuple[VenueChange, float]] = []
        self._awaited: list[tuple[VenueChange, float]] = []  # those whose certain trouble has not been shown
        self._caused_until: dict[Kind, float] = {}
        self._blind_until: list[tuple[VenueChange, float]] = []  # blinding changes; infinite while in force

    def begun(self, change: VenueChange, now: float) -> None:
        """Records that a change is in force."""
        self._active.append((change, now))
        if EFFECTS[change.change].blinds:
            self._blind_until.append((change, math.inf))
        if EFFECTS[change.change].certain is not None:
            self._awaited.append((change, now))

    def ended(self, change: VenueChange, now: float) -> None:
        """Records that a change is reverted."""
        self._active = [each for each in self._active if each[0] is not change]
        self._awaited = [each for each in self._awaited if each[0] is not change]
        self._blind_until = [(each, now if each is change else until) for each, until in self._blind_until]
        self._caused_until |= dict.fromkeys(EFFECTS[change.change].kinds - self._causes(), now)

    def look(self, present: frozenset[str], now: float) -> None:
        """Checks the kinds that are shown now."""
        for change, since in list(self._awaited):
            certain = EFFECTS[change.change].certain
            if certain is not None and certain.value in present:
                self.shown_ms.append(_passed_ms(now, max(since, self._sees_from(change))))
            elif now - max(since, self._sees_from(change)) > SHOWN_SECONDS:
                self.problems.append(f"P8: {change.change} is in force for {now - since:.1f} s, and no {certain} shown")
            else:
                continue
            self._awaited.remove((change, since))
        causes = self._causes()
        for kind, until in list(self._caused_until.items()):
            if kind in causes:
                del self._caused_until[kind]
            elif kind.value not in present:
                self.gone_ms.append(_passed_ms(now, max(until, self._sees_from(None))))
                del self._caused_until[kind]
            elif now - max(until, self._sees_from(None)) > SHOWN_SECONDS:
                self.problems.append(f"P8: {kind.value} is shown {now - until:.1f} s after its cause was taken back")
                del self._caused_until[kind]
        self.uncaused |= present - {kind.value for kind in causes | self._caused_until.keys()}

    def _sees_from(self, change: VenueChange | None) -> float:
        """Returns since when no change but this one hides the others; infinite while one does."""
        return max((until for each, until in self._blind_until if each is not change), default=-math.inf)

    def _causes(self) -> frozenset[Kind]:
        """Returns the kinds that the changes in force may cause."""
        return frozenset().union(*(EFFECTS[change.change].kinds for change, _ in self._active))


def _passed_ms(now: float, since: float) -> int:
    return round(1_000 * max(0.0, now - since))


class Starving:
    """Measures how long positions wait for closing orders that the exchange would accept. Pure."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.longest_seconds = 0.0
        self._blocks: list[VenueChange] = []
        self._free_since = 0.0
        self._waits: dict[str, float] = {}  # time since when, by what is missing

    def begun(self, change: VenueChange) -> None:
        """Records that a change is in force."""
        if EFFECTS[change.change].closings_wait:
            self._blocks.append(change)

    def ended(self, change: VenueChange, now: float) -> None:
        """Records that a change is reverted."""
        if EFFECTS[change.change].closings_wait:
            self._blocks = [each for each in self._blocks if each is not change]
            self._free_since = now

    def look(self, missing: Iterable[str], now: float) -> None:
        """Checks the sentences that say what is missing now."""
        present = set(missing)
        self._waits = {each: self._waits.get(each, now) for each in present}
        if self._blocks:
            return
        for each, since in self._waits.items():
            waited = now - max(since, self._free_since)
            if self.longest_seconds <= STARVED_SECONDS < waited:
                self.problems.append(f"P8: for {waited:.1f} s {each}, and the exchange would have accepted it")
            self.longest_seconds = max(self.longest_seconds, waited)


class VenueWatch:
    """Observes one grid until it is cancelled; a `player.Log`."""

    def __init__(self, channels: Channels, deployment: Deployment) -> None:
        self.shown, self.starving, self.repetitions = Shown(), Starving(), Repetitions()
        self._channels = channels
        self._symbol = deployment.symbols[0]
        self._prefix = id_prefix(deployment.bot, self._symbol)
        self._received = 0
        self._silent: deque[float] = deque()  # when orders were refused repeatedly with no trouble shown

    @property
    def problems(self) -> list[str]:
        """Violations of the rules, a sentence each."""
        return [*self.shown.problems, *self.starving.problems, *self.repetitions.problems]

    def begun(self, change: VenueChange) -> None:
        """Records that a change is in force."""
        now = time.monotonic()
        self.shown.begun(change, now)
        self.starving.begun(change)
        self.repetitions.changed()

    def ended(self, change: VenueChange) -> None:
        """Records that a change is reverted."""
        now = time.monotonic()
        self.shown.ended(change, now)
        self.starving.ended(change, now)
        self.repetitions.changed()

    async def look_on(self) -> None:
        """Observes repeatedly. A service that does not answer is read later."""
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                await self._look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self) -> None:
        request = orchestrator_pb2.GetStateRequest(symbol=self._symbol)
        answer = await self._channels.orchestrator.GetState(request, timeout=_CALL_SECONDS)
        truth = await self._channels.simex.GetTruth(simex_pb2.GetTruthRequest(), timeout=_CALL_SECONDS)
        present: set[str] = set()
        for service in self._channels.troubled.values():
            listed = await service.ListTroubles(models_pb2.ListTroublesRequest(), timeout=_CALL_SECONDS)
            present |= {trouble.kind for trouble in listed.troubles}
        now = time.monotonic()
        self.shown.look(frozenset(present), now)
        self.starving.look(unprotected(answer.state, truth), now)
        await self._read_refusals(any_trouble=bool(present), now=now)

    async def _read_refusals(self, *, any_trouble: bool, now: float) -> None:
        request = simex_pb2.ListReceivedRequest(after_seq=self._received)
        page = await self._channels.simex.ListReceived(request, timeout=_CALL_SECONDS)
        self._received = page.last_seq if page.last_seq < self._received else self._received
        for each in page.requests:
            self._received = max(self._received, each.seq)
            name = parse_client_order_id(each.client_order_id)
            if each.endpoint != _ORDER or name is None or name.prefix != self._prefix or each.fault:
                continue
            if each.code == 0:
                self.repetitions.taken(name.level)
            elif self.repetitions.add(Refused(each.time_ms, name.level, each.code)) >= _OFTEN:
                self._silent.append(now)
        if any_trouble:
            self._silent.clear()
        elif self._silent and now - self._silent[0] > SHOWN_SECONDS:
            self.shown.problems.append("P8: orders are refused repeatedly, and no trouble is shown")
            self._silent.clear()
