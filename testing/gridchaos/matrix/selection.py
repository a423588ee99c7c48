"""Selects the cases of the matrix from surveyed points × phases × faults. Pure.

A point has no case in a phase that does not pass it, and a fault has none in a phase in which it can strike nothing.
Every point of every phase is a case without a fault. With a fault, the cases are the points where the knowledge of an
order changes: around the request that the fault strikes, its answer, and their processing. Recovery has cases of its
own: the process dies in mid-step, and again at each point of the startup that follows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gridchaos.harness.venue_faults import Strikes, VenueFault
from gridchaos.matrix.case import Case, Phase
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR

Passes = Mapping[Phase, Mapping[str, int]]
"""Number of passes of each point in each phase."""


class Select(Enum):
    """Part of the matrix."""

    ALL = "all"  # every case
    PAIRWISE = "pairwise"  # every existing point × phase, point × fault and phase × fault, once
    COVERING = "covering"  # every service in every phase, every kind of fault, and a death while it recovers, once


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Result of a survey: passes in each phase, and in the startup after a death in mid-step."""

    phases: Passes
    starts: Passes

    @property
    def points(self) -> frozenset[str]:
        """All points that were passed anywhere."""
        return frozenset(point for passes in (self.phases, self.starts) for phase in passes.values() for point in phase)


MID_STEP: Mapping[str, str] = {EXECUTOR: "executor.answer.before", ORCHESTRATOR: "orchestrator.heard"}
"""Point of each service's first death when its recovery is surveyed: an action is done and not recorded."""

STRIKES: Mapping[Phase, frozenset[Strikes]] = {
    Phase.PLACING: frozenset({Strikes.PLACE}),
    Phase.DOUBT: frozenset({Strikes.FILL}),  # its place is already struck by the phase's own fault
    Phase.FILL: frozenset({Strikes.PLACE, Strikes.FILL}),
    Phase.PARTIAL: frozenset({Strikes.PLACE, Strikes.FILL}),
    Phase.PRUNING: frozenset(),  # FILL covers the same faults
    Phase.TRAILING: frozenset({Strikes.PLACE, Strikes.CANCEL}),
    Phase.CROSSING: frozenset({Strikes.PLACE, Strikes.CANCEL, Strikes.FILL}),
    Phase.HALT: frozenset({Strikes.CANCEL}),
    Phase.LIFT: frozenset({Strikes.PLACE}),
}
"""Events of each phase that a fault can strike."""

STANDING: Mapping[Phase, VenueFault] = {
    Phase.DOUBT: VenueFault.HIDDEN,
    Phase.CROSSING: VenueFault.CANCEL_CROSSES,
}
"""Faults that are part of a phase. The case's own fault is added to them."""

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
_FEWEST_FOR_SECOND = 3  # so that one pass more or less makes no difference


def matrix(surveyed: Surveyed) -> list[Case]:
    """Returns every case, sorted: the same survey gives the same list."""
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
"""Points that follow a recovery with work left to do; they vary from run to run."""


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
    """Yields the points of a phase where a fault matters: those passed anyway, and those that the fault leads to."""
    for point in _AROUND[fault.strikes]:
        if point.rpartition(".")[0] in _ONLY_IN_DOUBT:
            if _leads_to_a_look(fault):
                yield point
        elif point in passes:
            yield point
    if fault in _KNOWN_LATER and phase is not Phase.CROSSING:  # there the market has come back: it is filled first
        yield from ("executor.found.before", "executor.found.after")
    if fault in _NEVER_THERE:
        yield from ("executor.absent.before", "executor.absent.after")


def _leads_to_a_look(fault: VenueFault) -> bool:
    # The first cancel succeeds for the remaining quantity; the HTTP client repeats the second, which is idempotent.
    return fault not in {VenueFault.CANCEL_CROSSES_HALF, VenueFault.CANCEL_LOST_REQUEST}


def _traded_away(phases: Passes) -> Iterator[Case]:
    for phase, passes in phases.items():
        if phase is not Phase.HALT:  # no order is sure to rest there
            points = dict.fromkeys((*_AROUND[Strikes.PLACE], *_AROUND[Strikes.FILL]))
            yield from (Case(point, phase, VenueFault.TRADED_AWAY) for point in points if point in passes)


def _banned(phases: Passes) -> Iterator[Case]:
    """Cancels come before places, so a ban caused by a cancel delays the places; it lasts longer than any case."""
    for phase in phases:
        if STRIKES[phase] >= {Strikes.CANCEL, Strikes.PLACE}:
            for point in ("executor.withdraw.before", "executor.withdraw.after"):
                yield Case(point, phase, VenueFault.CANCEL_BANNED)


def selected(cases: Sequence[Case], select: Select) -> list[Case]:
    """Returns the selected part of the cases."""
    match select:
        case Select.ALL:
            return list(cases)
        case Select.PAIRWISE:
            return _cover(cases, pairs)
        case Select.COVERING:
            return _cover(cases, essentials)


def pairs(case: Case) -> frozenset[object]:
    """Returns the traits of a case that a pairwise selection covers; deaths in recovery are a factor of their own."""
    if len(case.deaths) > 1:
        return frozenset({(case.point,), (case.service, "recovering", case.phase)})
    return frozenset({(case.point, case.phase), (case.point, case.fault), (case.phase, case.fault)})


def essentials(case: Case) -> frozenset[object]:
    """Returns the traits of a case that the selection for CI covers."""
    return frozenset({(case.service, case.phase), (case.service, len(case.deaths)), kin(case.fault)})


def kin(fault: VenueFault) -> str:
    """Returns the kind of a fault: faults of one kind leave the same uncertainty, by different venue responses."""
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
    """Selects, greedily, few cases that together have every trait of any case."""
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
