"""Whether a grid is worth starting: one that the venue would refuse or that loses money is refused with the numbers."""

from decimal import Decimal

from gridcore.config import GridConfig, Spacing
from gridcore.errors import GridRefusedError
from gridcore.ladder import Ladder, ladder
from gridcore.market import MarketRules
from gridcore.money import canonical
from gridcore.orders import Side
from gridcore.slots import InventorySlot


def check_grid(config: GridConfig, market: MarketRules) -> None:
    """Raises GridRefusedError unless every slot that the grid could open near its anchor is tradable and profitable.

    With a range, its ends are checked too: an arithmetic grid earns least per round at the top, and a fixed base
    quantity has its smallest notional at the bottom.
    """
    _check_numbers(config, market)
    _check_windows(config)
    rungs = ladder(config, market)
    slots = _slots_to_check(config, rungs)
    for slot in slots:
        reason = refusal(slot, rungs, market)
        if reason:
            raise GridRefusedError(reason)
    _check_limit(config, market, min(rungs.opening_quantity(slot.price) for slot in slots))
    _check_budget(config, market, min(rungs.opening_quantity(slot.price) * slot.price for slot in slots))


def refusal(slot: InventorySlot, rungs: Ladder, market: MarketRules) -> str:
    """Why the slot must not open: too small for the venue, or a loss after fees. Empty if it may."""
    quantity = rungs.opening_quantity(slot.price)
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
    profit = round_trip_profit(slot, market)
    if profit <= 0:
        return (
            f"slot {slot.key}: a round to {canonical(slot.closing_price)} loses {canonical(-profit)} {market.quote} "
            f"per {market.base} after two maker fees of {canonical(market.maker_fee * 100)} %: widen the interval"
        )
    return ""


def round_trip_profit(slot: InventorySlot, market: MarketRules) -> Decimal:
    """What one unit of base earns in a round, in quote: the fee of a buy is taken in base, that of a sell in quote."""
    low, high = sorted((slot.price, slot.closing_price))
    kept = 1 - market.maker_fee
    return high * kept * kept - low


def _closing_quantity(slot: InventorySlot, quantity: Decimal, market: MarketRules) -> Decimal:
    # What was bought arrives less the fee; what was sold is bought back whole.
    held = quantity * (1 - market.maker_fee) if slot.opening_side is Side.BUY else quantity
    return market.quantity_down(held)


def _slots_to_check(config: GridConfig, rungs: Ladder) -> list[InventorySlot]:
    reach = max(config.buy_window, config.sell_window) + config.window_slack
    levels = set(range(-reach, reach + 1))
    if config.lower is not None:
        levels.add(rungs.highest_below(config.lower) + 1)
    if config.upper is not None:
        levels.add(rungs.lowest_above(config.upper) - 1)
    slots = [slot for level in sorted(levels) if (slot := rungs.slot(level)) is not None]
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
        raise GridRefusedError(
            f"interval = {canonical(config.interval)} is {canonical(step)} {market.quote} at the anchor, under the "
            f"venue's tick_size of {canonical(market.tick_size)}: widen it"
        )
    if (config.quote_per_slot is None) == (config.base_per_slot is None):
        raise GridRefusedError(
            f"quote_per_slot = {config.quote_per_slot} and base_per_slot = {config.base_per_slot}: give exactly one"
        )
    if config.lower is not None and config.upper is not None and config.lower >= config.upper:
        raise GridRefusedError(
            f"lower = {canonical(config.lower)} is not below upper = {canonical(config.upper)}: swap or widen them"
        )
