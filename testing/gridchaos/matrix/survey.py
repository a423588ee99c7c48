"""Surveys: each phase is played without a death, and each start after one, to learn which crash points are passed."""

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
    "executor.withdraw": "under a ban that a cancel earned",
    "orchestrator.hand_over": "tests/orchestrator/test_upgrade.py: a workflow of an earlier contract",
    "executor.word": "tests/system/test_unknown.py: an operator's word, on a venue whose requests never expire",
    "executor.adopt": "tests/system/test_rebuild.py: the rebuild of a lost ledger",
    "executor.acknowledge": "tests/executor/test_pruning.py: the orchestrator asks for it each ten minutes",
    "orchestrator.cut": "tests/orchestrator/test_rebuild.py: the rebuild of a lost state",
    "orchestrator.tie": "tests/orchestrator/test_rebuild.py: the same",
}
"""Points that no phase passes by itself, and where they are died at."""
BY_CHANCE_IN_A_START = frozenset(
    {
        "executor.resolve.before", "executor.resolve.after",  # whether the start or the resolver finds the order
        # whether the halt's step was on record when the process died of the answer to the cancels that it asked for
        "orchestrator.cancel_opening_orders.before", "orchestrator.cancel_opening_orders.after",
    }
)  # fmt: skip
"""Points that a start after a death in mid-step passes or not, as a race had it; phases die at each of them."""


@dataclass(frozen=True, slots=True)
class Task:
    """One survey: of a phase, or of a service's start after a death in mid-step of the phase."""

    phase: Phase
    dies: str = ""  # which service


def tasks() -> Iterator[Task]:
    """One survey for each phase, and for each start after a death in the phase."""
    for phase in Phase:
        yield from (Task(phase), *(Task(phase, service) for service in MID_STEP))


def carry_out(task: Task) -> dict[str, int]:
    """How often each point was passed; after a death those of the service that died."""
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
    """Merges the counts of all surveys, by phase."""
    phases: dict[Phase, dict[str, int]] = {}
    starts: dict[Phase, dict[str, int]] = {}
    for task, passes in found:
        (starts if task.dies else phases).setdefault(task.phase, {}).update(passes)
    return Surveyed(phases, starts)


def unpassed(surveyed: Surveyed) -> list[str]:
    """The points that nothing passes and of which nothing is said: a phase is missing."""
    known = {f"{name}.{side}" for name in ELSEWHERE for side in ("before", "after")}
    return sorted(CRASH_POINTS.keys() - surveyed.points - known)


def to_json(surveyed: Surveyed) -> str:
    """For a file, so that a run that goes on later has the same cases."""
    return json.dumps(
        {
            kind: {phase.value: dict(passes) for phase, passes in found.items()}
            for kind, found in (("phases", surveyed.phases), ("starts", surveyed.starts))
        },
        indent=1,
    )


def from_json(text: str) -> Surveyed:
    """What `to_json` has written."""
    values = json.loads(text)
    phases, starts = ({Phase(phase): passes for phase, passes in values[kind].items()} for kind in ("phases", "starts"))
    return Surveyed(phases, starts)
