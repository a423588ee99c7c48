"""Watches what a grid says and does while its exchange changes: troubles shown and gone in time, nothing hammered,
closings never starved.

What is in force is told by the player of the changes; what the grid was refused, by simex's oracle.
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
"""A trouble is shown this soon after its beginning, and gone this soon after its end."""
STARVED_SECONDS = 10.0
"""A position waits no longer for its closing order, while the exchange would take that."""
FASTEST_MS = 200
"""Two refusals of one slot for one reason arrive no nearer: a first pause of 300 ms, less what one may be late."""
_LOOK_SECONDS = 0.5
_CALL_SECONDS = 3.0
_ORDER = "POST order"
_OFTEN = 3  # refusals of one slot and reason in a row: from here on a trouble has to be shown
_SHORT_PAUSES = 8  # refusals of one slot and reason in a row, after which the pauses must be long
_LONG_MS = 5_000


@dataclass(frozen=True, slots=True)
class Refused:
    """A place of ours that the exchange refused."""

    at_ms: int  # by the exchange's clock
    level: int  # of its slot
    code: int


class Repetitions:
    """Places that were refused, by slot and code: how near to each other they come. Pure."""

    def __init__(self) -> None:
        self.refused = 0
        self.problems: list[str] = []
        self._last: dict[tuple[int, int], Refused] = {}
        self._row: dict[tuple[int, int], int] = {}

    def taken(self, level: int) -> None:
        """An order of the slot was taken: what it was refused for is over."""
        for key in [key for key in self._last if key[0] == level]:
            del self._last[key], self._row[key]

    def changed(self) -> None:
        """The exchange changed something: each slot may be tried at once, and begins anew."""
        self._row.clear()
        self._last.clear()

    def add(self, refused: Refused) -> int:
        """One more; how many there are in a row now."""
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
    """Whether troubles are shown while they last, and gone when they are over. Pure: times are given, in seconds."""

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
        """The change is in force from now on."""
        self._active.append((change, now))
        if EFFECTS[change.change].blinds:
            self._blind_until.append((change, math.inf))
        if EFFECTS[change.change].certain is not None:
            self._awaited.append((change, now))

    def ended(self, change: VenueChange, now: float) -> None:
        """It is taken back."""
        self._active = [each for each in self._active if each[0] is not change]
        self._awaited = [each for each in self._awaited if each[0] is not change]
        self._blind_until = [(each, now if each is change else until) for each, until in self._blind_until]
        self._caused_until |= dict.fromkeys(EFFECTS[change.change].kinds - self._causes(), now)

    def look(self, present: frozenset[str], now: float) -> None:
        """These kinds are shown now."""
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
        """Since when no change but this one hides the others; in the future while one does."""
        return max((until for each, until in self._blind_until if each is not change), default=-math.inf)

    def _causes(self) -> frozenset[Kind]:
        """The kinds that what is in force may cause."""
        return frozenset().union(*(EFFECTS[change.change].kinds for change, _ in self._active))


def _passed_ms(now: float, since: float) -> int:
    return round(1_000 * max(0.0, now - since))


class Starving:
    """How long positions wait for their closing orders while the exchange would take those. Pure."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.longest_seconds = 0.0
        self._blocks: list[VenueChange] = []
        self._free_since = 0.0
        self._waits: dict[str, float] = {}  # by what is missing: since when

    def begun(self, change: VenueChange) -> None:
        """The change is in force from now on."""
        if EFFECTS[change.change].closings_wait:
            self._blocks.append(change)

    def ended(self, change: VenueChange, now: float) -> None:
        """It is taken back."""
        if EFFECTS[change.change].closings_wait:
            self._blocks = [each for each in self._blocks if each is not change]
            self._free_since = now

    def look(self, missing: Iterable[str], now: float) -> None:
        """These sentences say what is missing now."""
        present = set(missing)
        self._waits = {each: self._waits.get(each, now) for each in present}
        if self._blocks:
            return
        for each, since in self._waits.items():
            waited = now - max(since, self._free_since)
            if self.longest_seconds <= STARVED_SECONDS < waited:
                self.problems.append(f"P8: for {waited:.1f} s {each}, and the exchange would have taken it")
            self.longest_seconds = max(self.longest_seconds, waited)


class VenueWatch:
    """Looks at one grid until it is cancelled; a `venue_player.Log`."""

    def __init__(self, channels: Channels, deployment: Deployment) -> None:
        self.shown, self.starving, self.repetitions = Shown(), Starving(), Repetitions()
        self._channels = channels
        self._symbol = deployment.symbols[0]
        self._prefix = id_prefix(deployment.bot, self._symbol)
        self._received = 0
        self._silent: deque[float] = deque()  # when places were refused again and again with no trouble shown

    @property
    def problems(self) -> list[str]:
        """What broke a rule, a sentence each."""
        return [*self.shown.problems, *self.starving.problems, *self.repetitions.problems]

    def begun(self, change: VenueChange) -> None:
        """The change is in force from now on."""
        now = time.monotonic()
        self.shown.begun(change, now)
        self.starving.begun(change)
        self.repetitions.changed()

    def ended(self, change: VenueChange) -> None:
        """It is taken back."""
        now = time.monotonic()
        self.shown.ended(change, now)
        self.starving.ended(change, now)
        self.repetitions.changed()

    async def look_on(self) -> None:
        """Looks again and again. What does not answer is looked at later."""
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
            self.shown.problems.append("P8: places are refused again and again, and no trouble is shown")
            self._silent.clear()
