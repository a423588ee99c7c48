"""When each phase of a running step began and how long it took."""

from orchestrator.clock import now_ns
from orchestrator.store.journal import Phase


class StepTimer:
    """Phases one after another: each lap ends the phase that the last one began."""

    def __init__(self) -> None:
        self._began_ns = now_ns()
        self._phases: list[Phase] = []

    def lap(self, name: str) -> None:
        """The time since the last lap was this phase."""
        ended_ns = now_ns()
        self._phases.append(Phase(name, self._began_ns, ended_ns - self._began_ns))
        self._began_ns = ended_ns

    @property
    def phases(self) -> tuple[Phase, ...]:
        """All laps so far."""
        return tuple(self._phases)
