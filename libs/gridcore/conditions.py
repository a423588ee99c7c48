"""Conditions: what the venue sets for a symbol and may change while the grid trades. A change is a journalled step."""

from dataclasses import replace

from gridcore.market import MarketRules
from gridcore.state import Foreign, Funds, State
from gridcore.triggers import ConditionsSeen


def changes_conditions(state: State, seen: ConditionsSeen) -> bool:
    """Whether the state would be another with what was seen."""
    return with_conditions(state, seen) != state


def with_conditions(state: State, seen: ConditionsSeen) -> State:
    """The state with what was seen."""
    rules = state.rules if seen.rules is None else seen.rules
    return replace(state, foreign=seen.foreign, funds=seen.funds, rules=rules)


def news(
    state: State, market: MarketRules, *, at_ms: int, rules: MarketRules, foreign: Foreign, funds: Funds | None
) -> ConditionsSeen | None:
    """The trigger to step with; None where nothing differs from the state, and from the rules that it trades under."""
    seen = ConditionsSeen(at_ms, foreign, funds, None if rules == market else rules)
    return seen if changes_conditions(state, seen) else None
