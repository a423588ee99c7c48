"""Procedures: durable workflows that are not a plan. Each has a request, which is the input of its workflow."""

import json
from dataclasses import asdict, dataclass, replace
from typing import ClassVar, Self

from gridcore.model.state import Rule


@dataclass(frozen=True, slots=True)
class EnterSafeModeRequest:
    """Input of enter_safe_mode: rule, reason and requester. `clears_itself`: automatic recovery."""

    NAME: ClassVar[str] = "enter_safe_mode"

    workflow_id: str
    symbol: str
    rule: Rule
    reason: str
    by: str
    clears_itself: bool

    def to_json(self) -> str:
        """As the workflow carries it."""
        return json.dumps({**asdict(self), "rule": self.rule.value})

    @staticmethod
    def from_json(text: str) -> "EnterSafeModeRequest":
        """As the workflow carried it."""
        fields = json.loads(text)
        return EnterSafeModeRequest(**{**fields, "rule": Rule(fields["rule"])})

    def again(self) -> Self:
        """Returns the request of a workflow that replaces this one."""
        return replace(self, workflow_id=f"{self.workflow_id}/again")


@dataclass(frozen=True, slots=True)
class ExitSafeModeRequest:
    """Input of exit_safe_mode. It ends the safe mode that began at `since_ms`, and no later one."""

    NAME: ClassVar[str] = "exit_safe_mode"

    workflow_id: str
    symbol: str
    reason: str
    by: str
    since_ms: int

    def to_json(self) -> str:
        """As the workflow carries it."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "ExitSafeModeRequest":
        """As the workflow carried it."""
        return ExitSafeModeRequest(**json.loads(text))

    def again(self) -> Self:
        """Returns the request of a workflow that replaces this one."""
        return replace(self, workflow_id=f"{self.workflow_id}/again")


Procedure = EnterSafeModeRequest | ExitSafeModeRequest
ENTER_SAFE_MODE, EXIT_SAFE_MODE = EnterSafeModeRequest.NAME, ExitSafeModeRequest.NAME
PROCEDURES: dict[str, type[Procedure]] = {ENTER_SAFE_MODE: EnterSafeModeRequest, EXIT_SAFE_MODE: ExitSafeModeRequest}
