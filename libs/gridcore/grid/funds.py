"""Funds: what the account can provide for the grid, in a form that the grid's own orders and fills do not change.

The venue shows what is free and what is bound in our orders. Their sum minus what our fills have moved (the totals) is
constant while nobody else uses the account. So a value that is some seconds old is still correct, and a change comes
from somebody else. If the account has more than the grid could ever need, nothing is recorded and no step is written.
"""

from dataclasses import replace
from decimal import Decimal

from gridcore.grid.ladder import ladder
from gridcore.model.config import GridConfig, GridMode
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import Side
from gridcore.model.state import Funds, State

_AMPLE_AGAIN = Decimal("1.1")  # of what is needed: hysteresis, so that funds near the limit do not flap


def present(state: State) -> Funds | None:
    """Returns the account's current funds, those bound in own orders included. None: more than the grid could need."""
    if state.funds is None:
        return None
    totals = state.totals
    return Funds(state.funds.base + totals.position, state.funds.quote + totals.quote_flow)


def to_record(state: State, market: MarketRules, config: GridConfig, shown: Funds) -> Funds | None:
    """Returns the funds to record in the state, from those that the venue shows. None if they are ample."""
    need = needed(state, market, config)
    before, totals = state.funds, state.totals
    found = Funds(shown.base - totals.position, shown.quote - totals.quote_flow)
    factor = 1 if before is None else _AMPLE_AGAIN
    ample_base, ample_quote = shown.base >= need.base * factor, shown.quote >= need.quote * factor
    if ample_base and ample_quote:
        return None
    if before is None:
        return found
    # Changes of an asset that is not scarce are not recorded.
    if ample_base and before.base + totals.position >= need.base:
        found = replace(found, base=before.base)
    if ample_quote and before.quote + totals.quote_flow >= need.quote:
        found = replace(found, quote=before.quote)
    return found


def steady(before: Funds | None, earlier: Funds | None, later: Funds | None) -> Funds | None:
    """Returns the change that two consecutive observations agree on.

    This filters out a fill that balance and update log do not show at the same time. Per asset: if both observations
    moved in the same direction from the recorded value, the one nearer to it; otherwise the recorded value.
    """
    if before is None or earlier is None or later is None:
        return later if (earlier is None) is (later is None) else before
    return Funds(_steady(before.base, earlier.base, later.base), _steady(before.quote, earlier.quote, later.quote))


def _steady(before: Decimal, earlier: Decimal, later: Decimal) -> Decimal:
    if min(earlier, later) > before:
        return min(earlier, later)
    return min(before, max(earlier, later))


def needed(state: State, market: MarketRules, config: GridConfig) -> Funds:
    """Returns the most that the grid can need near its price: for every opening in its windows and every closing."""
    price = state.last_price or config.anchor
    grid_levels = ladder(config, market)
    base = quote = ZERO
    for slot in state.slots.values():
        if slot.position > 0 and slot.opening_side is Side.BUY:
            base += slot.position
        elif slot.position < 0 and slot.opening_side is Side.SELL:
            quote -= slot.position * slot.closing_price
    below = grid_levels.price(grid_levels.highest_below(price))
    if below <= 0:
        return Funds(base, quote)
    quantity = grid_levels.opening_quantity(below)  # no higher level has a larger one
    if config.mode is not GridMode.SHORT:
        value = quantity * price
        if config.quote_per_slot is not None:
            value = config.quote_per_slot
        opening = (config.buy_window + config.window_slack) * value
        quote += opening if config.budget is None else min(opening, config.budget)
    if config.mode is not GridMode.LONG:
        base += (config.sell_window + config.window_slack) * quantity
    return Funds(base, quote)
