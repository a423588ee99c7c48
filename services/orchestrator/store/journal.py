"""What a step leaves behind: one row per step, committed with the state, read by Explain, the audit and the view."""

from dataclasses import dataclass

from gridcore.model.actions import ActionResult
from gridcore.model.events import Plan


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a step: decide, record, execute or commit, by the wall clock."""

    name: str
    started_time_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class JournalRow:
    """One committed step: what it saw and decided, what came back, and the state's digest on either side."""

    plan: Plan
    results: tuple[ActionResult, ...]
    digest_before: str
    digest_after: str
    phases: tuple[Phase, ...]
    committed_time_ms: int
