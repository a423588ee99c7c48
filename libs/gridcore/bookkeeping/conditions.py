"""Conditions: market rules, foreign orders and funds, which may change while the grid trades.

A change of conditions is a step of its own in the journal.
"""

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
    """Reports whether the observed conditions differ from those in the state."""
    rules = state.rules if seen.rules is None else seen.rules
    anchors = unwatched_ms(state.risk.anchors, seen.looked_until_ms)
    before = (state.foreign, state.funds, state.rules, state.risk.anchors)
    return before != (seen.foreign, seen.funds, rules, anchors)


def with_conditions(state: State, seen: ConditionsSeen, *, pause_ms: int) -> State:
    """Returns the state with the observed conditions.

    Slots that were waiting for such a change are retried `pause_ms` after their last refusal.
    """
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
    # An order that the known funds cannot pay is not tried (`allocation`). So once funds have grown, a longer wait has
    # no purpose.
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
    """Returns the trigger for a step, or None if nothing differs from the state and the rules that it trades under.

    `market` are the rules that the grid trades under, `rules` those that the venue shows now. `fits` False: the grid
    does not fit the rules found at startup; these count as a change, because the grid fitted when it was created.
    `funds` are in the form that the state keeps; `funds.to_record` converts what the venue shows.
    """
    known = rules == market and (fits or state.rules is not None)
    seen = ConditionsSeen(at_ms, foreign, funds, None if known else rules, looked_until_ms)
    return seen if changes_conditions(state, seen) else None
