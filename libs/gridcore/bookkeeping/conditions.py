"""Conditions: what the venue sets for a symbol and may change while the grid trades. A change is a journalled step."""

from collections.abc import Mapping
from dataclasses import replace

from gridcore.model.events import ConditionsSeen
from gridcore.model.market_rules import MarketRules
from gridcore.model.refusals import INSUFFICIENT_FUNDS, INVALID_ORDER, MARKET_CLOSED, ORDER_PLACES, at_once, forgiven
from gridcore.model.slots import InventorySlot
from gridcore.model.state import ForeignOrders, Funds, State
from gridcore.risk.price_jump import unwatched_ms

_OF_RULES = frozenset({INVALID_ORDER, MARKET_CLOSED, ORDER_PLACES, "SYMBOL_REFUSED"})
_OF_FUNDS = frozenset({INSUFFICIENT_FUNDS})
_OF_PLACES = frozenset({ORDER_PLACES})


def changes_conditions(state: State, seen: ConditionsSeen) -> bool:
    """Whether the state would be another with what was seen."""
    rules = state.rules if seen.rules is None else seen.rules
    anchors = unwatched_ms(state.risk.anchors, seen.looked_until_ms)
    before = (state.foreign, state.funds, state.rules, state.risk.anchors)
    return before != (seen.foreign, seen.funds, rules, anchors)


def with_conditions(state: State, seen: ConditionsSeen, *, pause_ms: int) -> State:
    """The state with what was seen. Slots that waited for just that wait `pause_ms` after their last refusal."""
    slots = dict(state.slots)
    if seen.rules is not None:
        slots.update(forgiven(slots, _OF_RULES, pause_ms))
    if seen.foreign.orders < state.foreign.orders:
        slots.update(at_once(slots, _OF_PLACES, pause_ms))
    slots.update(_funded(slots, state.funds, seen.funds, pause_ms))
    rules = state.rules if seen.rules is None else seen.rules
    return replace(state, slots=slots, foreign=seen.foreign, funds=seen.funds, rules=rules)


def _funded(
    slots: Mapping[str, InventorySlot], before: Funds | None, after: Funds | None, pause_ms: int
) -> dict[str, InventorySlot]:
    # What known funds cannot pay is not tried (`allocation`): a longer wait is for nothing once they have grown.
    if after is None:
        return forgiven(slots, _OF_FUNDS, pause_ms) if before is not None else {}
    if before is None or after.base > before.base or after.quote > before.quote:
        return at_once(slots, _OF_FUNDS, pause_ms)
    return {}


def news(
    state: State,
    market: MarketRules,
    *,
    at_ms: int,
    rules: MarketRules,
    foreign: ForeignOrders,
    funds: Funds | None,
    looked_until_ms: int = 0,
    fits: bool = True,
) -> ConditionsSeen | None:
    """The trigger to step with; None where nothing differs from the state, and from the rules that it trades under.

    Rules that a grid found at its start and that do not fit it are news too: they have changed since it began.
    `funds` as a state has them: `funds.to_record` makes them of what the venue shows.
    """
    known = rules == market and (fits or state.rules is not None)
    seen = ConditionsSeen(at_ms, foreign, funds, None if known else rules, looked_until_ms)
    return seen if changes_conditions(state, seen) else None
