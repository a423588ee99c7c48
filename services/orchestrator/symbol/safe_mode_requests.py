"""Inputs of the workflows that enter and exit safe mode."""

import json
from dataclasses import asdict, dataclass

from gridcore.model.state import Rule


@dataclass(frozen=True, slots=True)
class EnterSafeModeRequest:
    """Input of enter_safe_mode: rule, reason and requester. `clears_itself`: automatic recovery."""

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


@dataclass(frozen=True, slots=True)
class ExitSafeModeRequest:
    """Input of exit_safe_mode. It ends the safe mode that began at `since_ms`, and no later one."""

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
