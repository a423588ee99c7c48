"""Journal rows: one per step, committed with the state. Explain, the audit and the state view read them."""

from dataclasses import dataclass, field

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
    """One committed step: its plan, the results, and the state's digest before and after."""

    plan: Plan
    results: tuple[ActionResult, ...]
    digest_before: str
    digest_after: str
    phases: tuple[Phase, ...]
    committed_time_ms: int
    plan_text: str = field(default="", compare=False, repr=False)  # the plan's JSON, where it was at hand
