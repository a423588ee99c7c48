"""Which cases the matrix has: surveyed points × phases × faults, by a rule that can be read. Pure.

A case whose point is not passed in its phase is no case, and a fault that can strike nothing in a phase has none there.
Every point of every phase is one without a fault. With a fault there are those points where what is known of an order
changes: around the request that it strikes, its answer, and what is made of them. Recovery has its own: the process
dies in mid-step, and again at each point of the start that follows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gridchaos.harness.venue_faults import Strikes, VenueFault
from gridchaos.matrix.case import Case, Phase
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR

Passes = Mapping[Phase, Mapping[str, int]]
"""How often each point is passed in each phase."""


class Select(Enum):
    """How much of the matrix."""

    ALL = "all"  # every case
    PAIRWISE = "pairwise"  # every point × phase, point × fault and phase × fault that there is, once
    COVERING = "covering"  # every service in every phase, every kind of fault, and a death while it recovers, once


@dataclass(frozen=True, slots=True)
class Surveyed:
    """What a survey has found: passes in each phase, and in the start after a death in mid-step."""

    phases: Passes
    starts: Passes

    @property
    def points(self) -> frozenset[str]:
        """Every point that was passed anywhere."""
        return frozenset(point for passes in (self.phases, self.starts) for phase in passes.values() for point in phase)


MID_STEP: Mapping[str, str] = {EXECUTOR: "executor.answer.before", ORCHESTRATOR: "orchestrator.heard"}
"""Where each service dies the first time when its recovery is surveyed: an action is done and not recorded."""

STRIKES: Mapping[Phase, frozenset[Strikes]] = {
    Phase.PLACING: frozenset({Strikes.PLACE}),
    Phase.DOUBT: frozenset({Strikes.FILL}),  # its place is struck already
    Phase.FILL: frozenset({Strikes.PLACE, Strikes.FILL}),
    Phase.PARTIAL: frozenset({Strikes.PLACE, Strikes.FILL}),
    Phase.PRUNING: frozenset(),  # what is struck there is struck in FILL
    Phase.TRAILING: frozenset({Strikes.PLACE, Strikes.CANCEL}),
    Phase.CROSSING: frozenset({Strikes.PLACE, Strikes.CANCEL, Strikes.FILL}),
    Phase.HALT: frozenset({Strikes.CANCEL}),
    Phase.LIFT: frozenset({Strikes.PLACE}),
}
"""What there is in each phase for a fault to strike."""

STANDING: Mapping[Phase, VenueFault] = {
    Phase.DOUBT: VenueFault.HIDDEN,
    Phase.CROSSING: VenueFault.CANCEL_CROSSES,
}
"""The faults that phases are made of. Another one comes on top."""

_KNOWN_LATER = frozenset({VenueFault.HIDDEN, VenueFault.LATE})
_NEVER_THERE = frozenset(
    {
        VenueFault.NO_REQUEST,
        VenueFault.LOST_REQUEST,
        VenueFault.UNDONE_502,
        VenueFault.UNDONE_1006,
        VenueFault.TOO_LATE,
    }
)
_ANSWERED = (
    "executor.answer.before", "executor.answer.after", "executor.told", "orchestrator.heard",
    "orchestrator.batch_execute.after", "orchestrator.commit.written", "orchestrator.commit_state.after",
)  # fmt: skip
_AROUND: Mapping[Strikes, tuple[str, ...]] = {
    Strikes.NOTHING: (),
    Strikes.PLACE: (
        "executor.sending.after", "executor.place.before", "executor.place.after",
        "executor.look.before", "executor.look.after", *_ANSWERED,
    ),
    Strikes.CANCEL: (
        "executor.sending.after", "executor.cancel.before", "executor.cancel.after",
        "executor.look_cancelled.before", "executor.look_cancelled.after", "executor.end.before", "executor.end.after",
        *_ANSWERED,
    ),
    Strikes.FILL: (
        "executor.trade.before", "executor.trade.after", "executor.end.before", "executor.end.after",
        "executor.cursor.before", "executor.cursor.after", "orchestrator.on_order_update.begun",
        "orchestrator.commit.before", "orchestrator.commit.written", "orchestrator.commit.after",
    ),
}  # fmt: skip
_ONLY_IN_DOUBT = frozenset({"executor.look", "executor.look_cancelled"})
_SECOND_PASS = frozenset(
    {
        "executor.accept.after", "executor.sending.after", "executor.place.before", "executor.place.after",
        "executor.cancel.before", "executor.cancel.after", "executor.answer.before", "executor.answer.after",
        "executor.told", "executor.trade.before", "executor.trade.after", "executor.end.after",
        "orchestrator.heard", "orchestrator.commit.written", "orchestrator.commit.after",
    }
)  # fmt: skip
_FEWEST_FOR_SECOND = 3  # so that one pass more or less does not matter


def matrix(surveyed: Surveyed) -> list[Case]:
    """Every case, in an order of its own: the same survey gives the same list."""
    found = [
        *_without_faults(surveyed.phases),
        *_while_recovering(surveyed.starts),
        *_with_faults(surveyed.phases),
        *_traded_away(surveyed.phases),
        *_banned(surveyed.phases),
    ]
    return sorted(dict.fromkeys(found), key=lambda case: case.id)


def _without_faults(phases: Passes) -> Iterator[Case]:
    for phase, passes in phases.items():
        for point, count in passes.items():
            yield Case(point, phase)
            if point in _SECOND_PASS and count >= _FEWEST_FOR_SECOND:
                yield Case(f"{point}:2", phase)


_NEW_WORK = frozenset(
    {
        "executor.sending", "executor.place", "executor.cancel", "executor.trade", "executor.end", "executor.cursor",
        "orchestrator.run", "orchestrator.trading_step", "orchestrator.on_order_update",
    }
)  # fmt: skip
"""What follows a recovery where it leaves something to do, which is not the same each time."""


def _while_recovering(starts: Passes) -> Iterator[Case]:
    for phase, passes in starts.items():
        for point in (each for each in passes if each.rpartition(".")[0] not in _NEW_WORK):
            yield Case(f"{MID_STEP[point.partition('.')[0]]}+{point}", phase)


def _with_faults(phases: Passes) -> Iterator[Case]:
    for phase, passes in phases.items():
        for fault in VenueFault:
            if fault.strikes in STRIKES[phase] and fault not in {VenueFault.CANCEL_BANNED, STANDING.get(phase)}:
                yield from (Case(point, phase, fault) for point in points_under(fault, phase, passes))


def points_under(fault: VenueFault, phase: Phase, passes: Mapping[str, int]) -> Iterator[str]:
    """The points of a phase where a fault matters: those it passes anyway, and those that it leads to."""
    for point in _AROUND[fault.strikes]:
        if point.rpartition(".")[0] in _ONLY_IN_DOUBT:
            if _leads_to_a_look(fault):
                yield point
        elif point in passes:
            yield point
    if fault in _KNOWN_LATER and phase is not Phase.CROSSING:  # there the market has come back, and it is filled first
        yield from ("executor.found.before", "executor.found.after")
    if fault in _NEVER_THERE:
        yield from ("executor.absent.before", "executor.absent.after")


def _leads_to_a_look(fault: VenueFault) -> bool:
    # The one cancel is answered well, for what is left; the other is sent again by the HTTP client, being idempotent.
    return fault not in {VenueFault.CANCEL_CROSSES_HALF, VenueFault.CANCEL_LOST_REQUEST}


def _traded_away(phases: Passes) -> Iterator[Case]:
    for phase, passes in phases.items():
        if phase is not Phase.HALT:  # nothing is sure to rest there
            points = dict.fromkeys((*_AROUND[Strikes.PLACE], *_AROUND[Strikes.FILL]))
            yield from (Case(point, phase, VenueFault.TRADED_AWAY) for point in points if point in passes)


def _banned(phases: Passes) -> Iterator[Case]:
    """Cancels come before places, so a ban that a cancel earns holds the places back; it lasts beyond any case."""
    for phase in phases:
        if STRIKES[phase] >= {Strikes.CANCEL, Strikes.PLACE}:
            for point in ("executor.withdraw.before", "executor.withdraw.after"):
                yield Case(point, phase, VenueFault.CANCEL_BANNED)


def selected(cases: Sequence[Case], select: Select) -> list[Case]:
    """As many of them as are asked for."""
    match select:
        case Select.ALL:
            return list(cases)
        case Select.PAIRWISE:
            return _cover(cases, pairs)
        case Select.COVERING:
            return _cover(cases, essentials)


def pairs(case: Case) -> frozenset[object]:
    """What a pairwise selection has to cover of a case; the deaths of a recovery are a factor of their own."""
    if len(case.deaths) > 1:
        return frozenset({(case.point,), (case.service, "recovering", case.phase)})
    return frozenset({(case.point, case.phase), (case.point, case.fault), (case.phase, case.fault)})


def essentials(case: Case) -> frozenset[object]:
    """What the selection of CI has to cover of a case."""
    return frozenset({(case.service, case.phase), (case.service, len(case.deaths)), kin(case.fault)})


def kin(fault: VenueFault) -> str:
    """The kind of a fault: those of one kind leave the same to be found out, in other words of the venue's."""
    for kind, faults in _KINDS.items():
        if fault in faults:
            return kind
    return fault.value


_KINDS: Mapping[str, frozenset[VenueFault]] = {
    "placed, found at once": frozenset(
        {
            VenueFault.NO_ANSWER, VenueFault.LOST_ANSWER, VenueFault.CUT_ANSWER, VenueFault.EMPTY_ANSWER,
            VenueFault.HTML_ANSWER, VenueFault.DONE_502, VenueFault.DONE_1007,
        }
    ),
    "placed, found later": _KNOWN_LATER,
    "never placed": _NEVER_THERE,
    "cancelled": frozenset(
        {VenueFault.CANCEL_NO_ANSWER, VenueFault.CANCEL_LOST_ANSWER, VenueFault.CANCEL_DONE_502}
    ),
    "not cancelled": frozenset(
        {VenueFault.CANCEL_NO_REQUEST, VenueFault.CANCEL_LOST_REQUEST, VenueFault.CANCEL_UNDONE_502}
    ),
    "crossed": frozenset({VenueFault.CANCEL_CROSSES, VenueFault.CANCEL_CROSSES_HALF}),
    "stream away": frozenset({VenueFault.STREAM_CUT, VenueFault.STREAM_SILENT}),
    "events astray": frozenset({VenueFault.EVENT_TWICE, VenueFault.EVENTS_REORDERED, VenueFault.EVENT_MISSING}),
}  # fmt: skip


def _cover(cases: Sequence[Case], traits: Callable[[Case], frozenset[object]]) -> list[Case]:
    """Greedily few cases that together have every trait that some case has."""
    of = {case: traits(case) for case in cases}
    missing = {trait for each in of.values() for trait in each}
    found: list[Case] = []
    waiting = list(cases)
    while missing:
        best = max(waiting, key=lambda case: len(of[case] & missing))
        found.append(best)
        missing -= of[best]
        waiting = [case for case in waiting if of[case] & missing]
    return sorted(found, key=lambda case: case.id)
