"""Measures the phases of a running step: start time and duration of each."""

from gridservice.clock import now_ns
from orchestrator.store.journal import Phase


class StepTimer:
    """Consecutive phases. Each lap ends the current phase and begins the next."""

    def __init__(self) -> None:
        self._began_ns = now_ns()
        self._phases: list[Phase] = []

    def lap(self, name: str) -> None:
        """Records the time since the last lap as a phase of this name."""
        ended_ns = now_ns()
        self._phases.append(Phase(name, self._began_ns, ended_ns - self._began_ns))
        self._began_ns = ended_ns

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All phases so far."""
        return tuple(self._phases)
