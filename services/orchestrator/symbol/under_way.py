"""Starts a symbol's procedures and knows which of them have not ended."""

import asyncio
from collections.abc import Iterable
from typing import Protocol

from orchestrator.symbol.procedures import Procedure
from orchestrator.symbol.running_step import RunningStep


class WorkflowStarter(Protocol):
    """The part of a workflow engine that a symbol uses while it trades. The calls block."""

    def run_plan(self, step: RunningStep) -> None:
        """Executes and commits a plan with actions. Returns after the commit."""
        ...

    def start(self, procedure: Procedure) -> None:
        """Records a procedure and starts it. Returns once it is recorded."""
        ...

    def any_unfinished(self, workflow_ids: Iterable[str]) -> bool:
        """Whether at least one of them has no outcome yet and will be run to one."""
        ...


class ProceduresUnderWay:
    """Workflow ids of one symbol's procedures, from before they are recorded until their last step has ended."""

    def __init__(self, starter: WorkflowStarter) -> None:
        self._starter = starter
        self._names: dict[str, str] = {}  # procedure names by workflow id

    def of(self, name: str) -> frozenset[str]:
        """Returns the ids of the procedures of a name."""
        return frozenset(workflow_id for workflow_id, its in self._names.items() if its == name)

    async def any_runs(self, name: str) -> bool:
        """Whether a procedure of this name has no outcome yet and will be run to one."""
        ids = self.of(name)
        return bool(ids) and await asyncio.to_thread(self._starter.any_unfinished, ids)

    async def start(self, procedure: Procedure) -> None:
        """Records the procedure and starts it."""
        self._names[procedure.workflow_id] = procedure.NAME
        await asyncio.to_thread(self._starter.start, procedure)

    def resumed(self, name: str, workflow_id: str) -> None:
        """Adds a procedure that the engine resumes by itself."""
        self._names[workflow_id] = name

    def ended(self, workflow_id: str) -> None:
        """Removes a procedure whose last step has ended."""
        self._names.pop(workflow_id, None)
