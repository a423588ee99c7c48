"""Computes the quiet band: the price interval in which no action is due. Inside it a price costs one comparison.

A plan depends on the price in two ways only: through the risk memory, and through the cell between two neighbouring
levels that contains the price. The band is computed in three steps:

1. It starts as the cell of the last price, if nothing is due there.
2. It is widened over neighbouring cells, and the level prices between them, as long as nothing is due there either.
3. It is cut to the interval in which the risk rules do not trip and do not change their memory.
"""

from decimal import Decimal

from gridcore.grid.grid_checks import unfit_now
from gridcore.grid.ladder import Ladder, ladder
from gridcore.grid.position_manager import PositionManager
from gridcore.model.config import GridConfig
from gridcore.model.market_rules import MarketRules
from gridcore.model.state import State
from gridcore.risk.check import quiet_prices

# How many cells a band is widened by on each side. A price beyond is decided in full, which is correct and only slower.
_REACH = 16

# A slot that rests after a refusal acts when its wait ends, at any price. So the band is computed as if every wait were
# over: if no action is due then, none is due before.
_EVER = 2**62


def quiet_band(state: State, market: MarketRules, config: GridConfig) -> tuple[Decimal, Decimal] | None:
    """Returns the open price interval in which `decide` gives an empty plan for any PriceChanged, or None."""
    prices = quiet_prices(state, config.risk, unfit_now(state, market, config))
    if state.last_price is None or prices is None:
        return None
    grid_levels = ladder(config, market)
    cell = grid_levels.highest_below(state.last_price)
    if grid_levels.price(cell + 1) == state.last_price or not _idle(state, market, config, grid_levels, cell):
        return None
    low = _widen(state, market, config, grid_levels, cell, -1)
    high = _widen(state, market, config, grid_levels, cell, +1)
    lower = max(prices[0], grid_levels.price(low))
    upper = grid_levels.price(high + 1) if prices[1] is None else min(prices[1], grid_levels.price(high + 1))
    return (lower, upper) if lower < upper else None


def _widen(state: State, market: MarketRules, config: GridConfig, grid_levels: Ladder, cell: int, step: int) -> int:
    # Between two cells lies the level's own price. It belongs to neither cell, so it is checked separately.
    for _ in range(_REACH):
        border = grid_levels.price(cell if step < 0 else cell + 1)
        if not _idle_at(state, market, config, border) or not _idle(state, market, config, grid_levels, cell + step):
            return cell
        cell += step
    return cell


def _idle(state: State, market: MarketRules, config: GridConfig, grid_levels: Ladder, cell: int) -> bool:
    low, high = grid_levels.price(cell), grid_levels.price(cell + 1)
    return low > 0 and _idle_at(state, market, config, (low + high) / 2)


def _idle_at(state: State, market: MarketRules, config: GridConfig, price: Decimal) -> bool:
    if price <= 0:
        return False
    return PositionManager(state, market, config, price=price, at_ms=_EVER, fresh=True).adjust().idle
