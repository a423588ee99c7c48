"""The configuration of a grid, as validated values. The orchestrator reads it from the config file."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from gridcore.model.money import canonical


class GridMode(Enum):
    """The side with which slots open."""

    LONG = "LONG"  # every slot buys first and sells one interval higher
    SHORT = "SHORT"  # every slot sells first and buys back one interval lower
    NEUTRAL = "NEUTRAL"  # long below the anchor, short above it


class Spacing(Enum):
    """The unit of the interval between levels."""

    ARITHMETIC = "ARITHMETIC"  # a difference in quote
    GEOMETRIC = "GEOMETRIC"  # a fraction of the price: 0.01 is 1 %


@dataclass(frozen=True, slots=True)
class RiskConfig:
    """Risk limits. Times in milliseconds, `max_jump` a fraction, `max_position` in base; None or 0 disables a rule."""

    stale_price_ms: int = 10_000
    calm_ms: int = 5_000  # how long conditions must be normal before automatic recovery
    unknown_too_old_ms: int = 60_000  # how long after its decision an order may be UNKNOWN; 0: no limit
    max_jump: Decimal | None = None
    jump_window_ms: int = 60_000
    max_position: Decimal | None = None
    max_rejects: int = 20  # consecutive refusals of one slot, for a lasting reason, that halt the grid; 0: no limit


@dataclass(frozen=True, slots=True)
class GridConfig:
    """One grid on one symbol. Exactly one of `quote_per_slot` and `base_per_slot` is given."""

    symbol: str
    mode: GridMode
    anchor: Decimal  # the price of level 0; fixed for the grid's life
    interval: Decimal
    spacing: Spacing = Spacing.ARITHMETIC
    quote_per_slot: Decimal | None = None
    base_per_slot: Decimal | None = None
    buy_window: int = 5  # how many levels below the price may carry a buy
    sell_window: int = 5  # how many levels above the price may carry a sell
    window_slack: int = 2  # how many levels beyond its window an order may drift before it is cancelled
    lower: Decimal | None = None  # no slot opens below
    upper: Decimal | None = None  # no slot opens above
    budget: Decimal | None = None  # quote that positions, opening orders and foreign orders may bind; None: no limit
    post_only: bool = True
    order_ttl_ms: int = 30_000  # a PlaceOrder not sent within this time is never sent
    retry_after_ms: int = 5_000  # how long a slot rests after a first refusal; `refusals` says how that grows
    maker_fee: Decimal | None = None  # fraction that replaces the venue's fee; None: the venue's fee
    taker_fee: Decimal | None = None
    risk: RiskConfig = RiskConfig()

    @property
    def geometry(self) -> str:
        """Settings that must not change while positions are open: mode, anchor, spacing and interval, in one line."""
        return (
            f"{self.mode.value} anchor={canonical(self.anchor)} "
            f"{self.spacing.value} interval={canonical(self.interval)}"
        )
