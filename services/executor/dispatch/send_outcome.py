"""Outcome of an action before it is recorded as a result."""

from dataclasses import dataclass

from gridcore.model.actions import Outcome


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """Outcome with details. `reason` comes from a closed list, `message` is a sentence for people."""

    outcome: Outcome
    exchange_order_id: str = ""
    reason: str = ""
    message: str = ""
