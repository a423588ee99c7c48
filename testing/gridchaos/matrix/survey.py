"""Surveys which crash points are passed, in each phase without a death, and in each startup after one."""

import asyncio
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gridchaos.matrix.case import Phase
from gridchaos.matrix.player import survey
from gridchaos.matrix.selection import MID_STEP, Surveyed
from gridservice.crash_point_names import CRASH_POINTS

ELSEWHERE: Mapping[str, str] = {
    "executor.absent": "under the faults that lose a place",
    "executor.found": "under the faults that hide a place",
    "executor.look_cancelled": "under the faults of a cancel",
    "executor.withdraw": "under a ban that a cancel caused",
    "orchestrator.hand_over": "tests/orchestrator/test_upgrade.py: a workflow of an earlier contract",
    "executor.word": "tests/system/test_unknown.py: an operator statement, on a venue whose requests never expire",
    "executor.adopt": "tests/system/test_rebuild.py: the rebuild of a lost ledger",
    "executor.acknowledge": "tests/executor/test_pruning.py: the orchestrator requests it every ten minutes",
    "orchestrator.cut": "tests/orchestrator/test_rebuild.py: the rebuild of a lost state",
    "orchestrator.tie": "tests/orchestrator/test_rebuild.py: the same",
}
"""Points that no phase passes by itself, and the cases or tests that die there."""
BY_CHANCE_IN_A_START = frozenset(
    {
        "executor.resolve.before", "executor.resolve.after",  # either the startup or the resolver finds the order
        # depends on whether the halt's step was recorded when the process died at the answer to its cancels
        "orchestrator.cancel_opening_orders.before", "orchestrator.cancel_opening_orders.after",
    }
)  # fmt: skip
"""Points that a startup after a death in mid-step passes or not, because of a race; phases die at each of them."""


@dataclass(frozen=True, slots=True)
class Task:
    """One survey: of a phase, or of a service's startup after a death in mid-step of the phase."""

    phase: Phase
    dies: str = ""  # service that dies; empty: none


def tasks() -> Iterator[Task]:
    """Returns all surveys."""
    for phase in Phase:
        yield from (Task(phase), *(Task(phase, service) for service in MID_STEP))


def carry_out(task: Task) -> dict[str, int]:
    """Returns how often each point was passed; after a death, those of the service that died."""
    deaths = {task.dies: MID_STEP[task.dies]} if task.dies else {}
    with tempfile.TemporaryDirectory(prefix="gridwright-survey-") as folder:
        found = asyncio.run(survey(task.phase, Path(folder), deaths=deaths))
    services = [task.dies] if task.dies else list(found)
    by_chance = BY_CHANCE_IN_A_START if task.dies else ()
    return {
        point: count
        for service in services
        for point, count in sorted(found[service].items())
        if point.rpartition(".")[0] not in ELSEWHERE and point not in by_chance
    }


def put_together(found: Iterable[tuple[Task, Mapping[str, int]]]) -> Surveyed:
    """Merges the results of all surveys."""
    phases: dict[Phase, dict[str, int]] = {}
    starts: dict[Phase, dict[str, int]] = {}
    for task, passes in found:
        (starts if task.dies else phases).setdefault(task.phase, {}).update(passes)
    return Surveyed(phases, starts)


def unpassed(surveyed: Surveyed) -> list[str]:
    """Returns the points that nothing passes and that are not listed above: a phase is missing."""
    known = {f"{name}.{side}" for name in ELSEWHERE for side in ("before", "after")}
    return sorted(CRASH_POINTS.keys() - surveyed.points - known)


def to_json(surveyed: Surveyed) -> str:
    """Serialises a survey, so that a run that is resumed later has the same cases."""
    return json.dumps(
        {
            kind: {phase.value: dict(passes) for phase, passes in found.items()}
            for kind, found in (("phases", surveyed.phases), ("starts", surveyed.starts))
        },
        indent=1,
    )


def from_json(text: str) -> Surveyed:
    """Parses what `to_json` has written."""
    values = json.loads(text)
    phases, starts = ({Phase(phase): passes for phase, passes in values[kind].items()} for kind in ("phases", "starts"))
    return Surveyed(phases, starts)
