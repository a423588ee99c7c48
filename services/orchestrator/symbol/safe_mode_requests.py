"""What the procedures' workflows carry as their input."""

import json
from dataclasses import asdict, dataclass

from gridcore.model.state import Rule


@dataclass(frozen=True, slots=True)
class HaltRequest:
    """Why to enter safe mode. The workflow's input."""

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
    def from_json(text: str) -> "HaltRequest":
        """As the workflow carried it."""
        fields = json.loads(text)
        return HaltRequest(**{**fields, "rule": Rule(fields["rule"])})


@dataclass(frozen=True, slots=True)
class LiftRequest:
    """Why to leave safe mode: the halt that began at `since_ms`, and no later one."""

    workflow_id: str
    symbol: str
    reason: str
    by: str
    since_ms: int

    def to_json(self) -> str:
        """As the workflow carries it."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "LiftRequest":
        """As the workflow carried it."""
        return LiftRequest(**json.loads(text))
