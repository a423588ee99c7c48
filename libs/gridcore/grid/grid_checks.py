"""Checks that a grid is tradable and profitable. The error for one that is not gives the numbers."""

from decimal import Decimal
from functools import lru_cache

from gridcore.grid.ladder import Ladder, ladder
from gridcore.model.config import GridConfig, Spacing
from gridcore.model.errors import GridRefusedError
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import canonical
from gridcore.model.orders import Side
from gridcore.model.slots import InventorySlot
from gridcore.model.state import State


def check_grid(config: GridConfig, market: MarketRules) -> None:
    """Raises GridRefusedError unless every slot that the grid could open near its anchor is tradable and profitable.

    The ends of the range, if there is one, are checked too: an arithmetic grid earns least per round at the top, and a
    fixed base quantity has its smallest notional at the bottom.
    """
    check_units(config, market.quote)
    _check_numbers(config, market)
    _check_windows(config)
    _check_places(config, market)
    grid_levels = ladder(config, market)
    slots = _slots_to_check(config, grid_levels)
    for slot in slots:
        reason = refusal(slot, grid_levels, market)
        if reason:
            raise GridRefusedError(reason)
    _check_limit(config, market, min(grid_levels.opening_quantity(slot.price) for slot in slots))
    _check_budget(config, market, min(grid_levels.opening_quantity(slot.price) * slot.price for slot in slots))


def refusal(slot: InventorySlot, grid_levels: Ladder, market: MarketRules) -> str:
    """Returns why the slot must not open: outside the venue's limits, or a loss after fees. Empty if it may."""
    quantity = grid_levels.opening_quantity(slot.price)
    for leg, amount, price in (
        ("opening", quantity, slot.price),
        ("closing", _closing_quantity(slot, quantity, market), slot.closing_price),
    ):
        if not market.tradable(amount, price):
            return (
                f"slot {slot.key}: its {leg} order of {canonical(amount)} {market.base} at {canonical(price)} is worth "
                f"{canonical(amount * price)} {market.quote}, under the venue's minimum of "
                f"{canonical(market.min_notional)} {market.quote} or {canonical(market.min_quantity)} {market.base}: "
                "raise quote_per_slot or base_per_slot"
            )
        excess = _excess(amount, price, market)
        if excess:
            return (
                f"slot {slot.key}: its {leg} order of {canonical(amount)} {market.base} at {canonical(price)} {excess}"
            )
    profit = round_trip_profit(slot, market)
    if profit <= 0:
        return (
            f"slot {slot.key}: a round to {canonical(slot.closing_price)} loses {canonical(-profit)} {market.quote} "
            f"per {market.base} after two maker fees of {canonical(market.maker_fee * 100)} %: widen the interval, a "
            "difference in quote with spacing = ARITHMETIC, a fraction of the price with GEOMETRIC (0.01 is 1 %)"
        )
    return ""


def _excess(quantity: Decimal, price: Decimal, market: MarketRules) -> str:
    """Returns which of the venue's maximums (or price limits) an order breaks, with the remedy; empty if none."""
    size = "lower quote_per_slot or base_per_slot"
    if market.max_quantity is not None and quantity > market.max_quantity:
        return f"is over the venue's maximum of {canonical(market.max_quantity)} {market.base}: {size}"
    if market.max_position is not None and quantity > market.max_position:
        return f"is over the {canonical(market.max_position)} {market.base} that the venue lets an account hold: {size}"
    if market.max_notional is not None and quantity * price > market.max_notional:
        value = f"{canonical(quantity * price)} {market.quote}"
        return f"is worth {value}, over the venue's maximum of {canonical(market.max_notional)} {market.quote}: {size}"
    if market.min_price is not None and price < market.min_price:
        return f"is below the venue's lowest price of {canonical(market.min_price)}: raise lower, or the anchor"
    if market.max_price is not None and price > market.max_price:
        return f"is above the venue's highest price of {canonical(market.max_price)}: reduce upper, or the anchor"
    return ""


def round_trip_profit(slot: InventorySlot, market: MarketRules) -> Decimal:
    """Returns the profit of a round per unit of base, in quote, after a buy's fee in base and a sell's fee in quote."""
    low, high = sorted((slot.price, slot.closing_price))
    kept = 1 - market.maker_fee
    return high * kept * kept - low


def _closing_quantity(slot: InventorySlot, quantity: Decimal, market: MarketRules) -> Decimal:
    # A bought quantity arrives minus the fee; a sold quantity is bought back completely.
    held = quantity * (1 - market.maker_fee) if slot.opening_side is Side.BUY else quantity
    return market.quantity_down(held)


def _slots_to_check(config: GridConfig, grid_levels: Ladder) -> list[InventorySlot]:
    reach = max(config.buy_window, config.sell_window) + config.window_slack
    levels = set(range(-reach, reach + 1))
    if config.lower is not None:
        levels.add(grid_levels.highest_below(config.lower) + 1)
    if config.upper is not None:
        levels.add(grid_levels.lowest_above(config.upper) - 1)
    slots = [slot for level in sorted(levels) if (slot := grid_levels.slot(level)) is not None]
    if not slots:
        raise GridRefusedError("the range between lower and upper holds no level: widen it or move the anchor into it")
    return slots


def _check_limit(config: GridConfig, market: MarketRules, smallest: Decimal) -> None:
    limit = config.risk.max_position
    if limit is not None and smallest > limit:
        raise GridRefusedError(
            f"max_position = {canonical(limit)} is less than the {canonical(smallest)} {market.base} of the smallest "
            "slot, so none would ever open: raise it"
        )


def _check_budget(config: GridConfig, market: MarketRules, smallest: Decimal) -> None:
    if config.budget is not None and smallest > config.budget:
        raise GridRefusedError(
            f"budget = {canonical(config.budget)} is less than the {canonical(smallest)} {market.quote} of the "
            "smallest slot, so none would ever open: raise it"
        )


def _check_places(config: GridConfig, market: MarketRules) -> None:
    most = config.buy_window + config.sell_window + 2 * config.window_slack
    if market.max_orders and most > market.max_orders:
        raise GridRefusedError(
            f"buy_window = {config.buy_window} and sell_window = {config.sell_window}, each with window_slack = "
            f"{config.window_slack}, can have {most} orders open at once, and the venue allows {market.max_orders} in "
            f"{market.symbol}: reduce the windows"
        )


def check_units(config: GridConfig, quote: str) -> None:
    """Raises GridRefusedError for an interval that is apparently in the unit of the other spacing."""
    interval = canonical(config.interval)
    if config.spacing is Spacing.GEOMETRIC and config.interval >= 1:
        raise GridRefusedError(
            f"interval = {interval} with spacing = GEOMETRIC is a fraction of the price, "
            f"{canonical(config.interval * 100)} % of it: 0.01 is 1 %; for levels {interval} "
            f"{quote} apart give spacing = ARITHMETIC"
        )
    if config.spacing is Spacing.ARITHMETIC and config.interval >= config.anchor:
        raise GridRefusedError(
            f"interval = {interval} with spacing = ARITHMETIC is a difference in {quote}, and leaves no level between "
            f"0 and anchor = {canonical(config.anchor)}: narrow it"
        )


def unfit_now(state: State, market: MarketRules, config: GridConfig) -> str:
    """Returns why the grid does not fit rules that changed since startup; empty if it fits or they have not changed."""
    return "" if state.rules is None else unfit(config, market)


@lru_cache(maxsize=64)
def unfit(config: GridConfig, market: MarketRules) -> str:
    """Returns why the grid does not fit these rules; empty if it does."""
    try:
        check_grid(config, market)
    except GridRefusedError as error:
        return str(error)
    return ""


def _check_windows(config: GridConfig) -> None:
    for name, window in (("buy_window", config.buy_window), ("sell_window", config.sell_window)):
        if window < 1:
            raise GridRefusedError(f"{name} = {window} leaves a side on which nothing opens or closes: give at least 1")
    if config.window_slack < 1:
        raise GridRefusedError(
            f"window_slack = {config.window_slack}: an order at the window's edge would be cancelled and placed again "
            "each time the price crosses a level: give at least 1"
        )
    jump = config.risk.max_jump
    if jump is not None and not 0 < jump < 1:
        raise GridRefusedError(f"max_jump = {canonical(jump)} is no fraction: give one between 0 and 1, 0.03 for 3 %")


def _check_numbers(config: GridConfig, market: MarketRules) -> None:
    step = config.interval if config.spacing is Spacing.ARITHMETIC else config.anchor * config.interval
    if step < market.tick_size:
        unit = (
            f"a difference in {market.quote} with spacing = ARITHMETIC: widen it, or give spacing = GEOMETRIC if a "
            "fraction of the price is meant (0.01 is 1 %)"
            if config.spacing is Spacing.ARITHMETIC
            else "a fraction of the price with spacing = GEOMETRIC (0.01 is 1 %): widen it"
        )
        raise GridRefusedError(
            f"interval = {canonical(config.interval)} is {canonical(step)} {market.quote} at the anchor, under the "
            f"venue's tick_size of {canonical(market.tick_size)}; it is {unit}"
        )
    if (config.quote_per_slot is None) == (config.base_per_slot is None):
        raise GridRefusedError(
            f"quote_per_slot = {config.quote_per_slot} and base_per_slot = {config.base_per_slot}: give exactly one"
        )
    if config.lower is not None and config.upper is not None and config.lower >= config.upper:
        raise GridRefusedError(
            f"lower = {canonical(config.lower)} is not below upper = {canonical(config.upper)}: swap or widen them"
        )
