"""Suggests a grid for a tape without an example: it spans the tape's price range, earns its fees and can trade."""

from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.money import canonical
from griddeploy.demo.tape_scan import Scan
from griddeploy.demo.tapes import TapeInfo

_LEVELS = 12  # intervals in the tape's range
_NARROWEST, _WIDEST = Decimal("0.003"), Decimal("0.02")  # the demo's fees are 0.1 % a side
_TICKS = 4  # least number in an interval, so that each level has a price of its own
_LOTS = 5  # least number in a slot, so that rounding to lots matters little
_SLOTS = 40  # more than the grid's windows can open


@dataclass(frozen=True, slots=True)
class SuggestedGrid:
    """Settings of a grid as decimal strings, as the config has them."""

    interval: str  # a fraction of the price
    quote_per_slot: str
    max_position: str
    balance: str


def suggest(tape: TapeInfo, found: Scan) -> SuggestedGrid:
    """Computes the grid from the tape's price range, steps and quote asset."""
    price, lot, tick = tape.first_price, Decimal(tape.rules.lot_size), Decimal(tape.rules.tick_size)
    low, high = found.low or price, found.high or price
    interval = min(max((high - low) / price / _LEVELS, _NARROWEST), _WIDEST)
    interval = max(interval, _TICKS * tick / low)
    least = Decimal(tape.rules.min_notional)
    per_slot = max(20 * least, _LOTS * lot * high)
    position = (_SLOTS * per_slot / low // lot + 1) * lot
    return SuggestedGrid(
        interval=canonical(round(interval, 4)) if interval >= _NARROWEST else canonical(interval),
        quote_per_slot=canonical(_rounded_up(per_slot)),
        max_position=canonical(position),
        balance=canonical(_rounded_up(per_slot) * 1_000),
    )


def _rounded_up(value: Decimal) -> Decimal:
    """Rounds up to two digits."""
    step = Decimal(1).scaleb(value.adjusted() - 1)
    return (value // step + (1 if value % step else 0)) * step
