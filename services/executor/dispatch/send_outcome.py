"""What came of an action, before it is recorded as its answer."""

from dataclasses import dataclass

from gridcore.model.actions import Outcome


@dataclass(frozen=True, slots=True)
class SendOutcome:
    """Outcome with what is told beside it. `reason` is a word from a closed list, `message` a sentence for people."""

    outcome: Outcome
    exchange_order_id: str = ""
    reason: str = ""
    message: str = ""
