"""Compares the fees that fills carry with the fees that the settings or the venue give."""

from dataclasses import replace
from decimal import Decimal

from gridcore.grid.grid_checks import round_trip_profit
from gridcore.grid.ladder import ladder
from gridcore.model.actions import Fill
from gridcore.model.config import GridConfig
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO, canonical

_TOLERANCE = Decimal("0.1")  # of the fee that was assumed
_QUANTUM = Decimal("1e-8")  # venues truncate fees to it, which is a large part of a small fee


def assumed(rules: MarketRules, config: GridConfig) -> MarketRules:
    """Returns the venue's rules, with the fees replaced by those of the settings where given."""
    maker, taker = config.maker_fee, config.taker_fee
    if maker is None and taker is None:
        return rules
    return replace(
        rules,
        maker_fee=rules.maker_fee if maker is None else maker,
        taker_fee=rules.taker_fee if taker is None else taker,
    )


def carried_fee(fill: Fill, market: MarketRules) -> Decimal | None:
    """Returns the fee as a fraction of the fill, or None if it is paid in a third asset, whose price is unknown."""
    if fill.fee == 0:
        return ZERO if fill.fee_asset in {"", market.base, market.quote} else None
    received = {market.base: fill.quantity, market.quote: fill.quantity * fill.price}.get(fill.fee_asset)
    return None if not received else fill.fee / received


def is_other(fill: Fill, market: MarketRules) -> bool | None:
    """Reports whether a fill's fee differs from the rules by more than a tenth of it. None: the fee is not known."""
    carried = carried_fee(fill, market)
    if carried is None:
        return None
    expected = market.maker_fee if fill.maker else market.taker_fee
    whole = fill.quantity * fill.price if fill.fee_asset == market.quote else fill.quantity
    return abs(carried - expected) * whole > expected * whole * _TOLERANCE + _QUANTUM


def says_of(carried: Decimal, *, maker: bool, market: MarketRules, config: GridConfig, price: Decimal) -> str:
    """Returns the message for operators: the fee found, and whether a round near `price` still earns."""
    kind = "maker" if maker else "taker"
    expected = market.maker_fee if maker else market.taker_fee
    told = (
        f"fills carry a {kind} fee of {canonical((carried * 100).quantize(_QUANTUM))} %, and "
        f"{canonical(expected * 100)} % was assumed"
    )
    grid_levels = ladder(config, market)
    below = grid_levels.highest_below(price)
    slot = next((found for level in (below, below + 1) if (found := grid_levels.slot(level)) is not None), None)
    loses = slot is not None and round_trip_profit(slot, replace(market, maker_fee=carried)) <= 0
    meaning = "each round LOSES money: pause the grid and widen its interval" if loses else "rounds earn still"
    return f"{told}; {meaning}; give {kind}_fee in the grid's section if the venue's own answer is wrong"
