"""What the user wants of a grid, as validated values. How it is read from a file is the orchestrator's business."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from gridcore.model.money import canonical


class GridMode(Enum):
    """Which side opens."""

    LONG = "LONG"  # every slot buys first and sells one interval higher
    SHORT = "SHORT"  # every slot sells first and buys back one interval lower
    NEUTRAL = "NEUTRAL"  # long below the anchor, short above it


class Spacing(Enum):
    """What the interval means."""

    ARITHMETIC = "ARITHMETIC"  # a difference in quote
    GEOMETRIC = "GEOMETRIC"  # a fraction of the price: 0.01 is 1 %


@dataclass(frozen=True, slots=True)
class RiskConfig:
    """Limits. Times in milliseconds, `max_jump` a fraction, `max_position` in base; None or 0 switches a rule off."""

    stale_price_ms: int = 10_000
    calm_ms: int = 5_000  # how long all must be well again before a safe mode that clears itself ends
    unknown_too_old_ms: int = 60_000  # how long after its decision an order may be UNKNOWN; 0: for ever
    max_jump: Decimal | None = None
    jump_window_ms: int = 60_000
    max_position: Decimal | None = None
    max_rejects: int = 20  # how many refusals of one slot in a row, for a lasting reason, stop the grid; 0: any number


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
    budget: Decimal | None = None  # how much quote positions, opening orders and others' orders may bind; None: any
    post_only: bool = True
    order_ttl_ms: int = 30_000  # a place not sent within this time is not sent at all
    retry_after_ms: int = 5_000  # how long a slot rests after a first refusal; `refusals` says how that grows
    maker_fee: Decimal | None = None  # fractions, instead of what the venue says; None: as it says
    taker_fee: Decimal | None = None
    risk: RiskConfig = RiskConfig()

    @property
    def geometry(self) -> str:
        """What must not change under open positions: mode, anchor, spacing and interval, in one line."""
        return (
            f"{self.mode.value} anchor={canonical(self.anchor)} "
            f"{self.spacing.value} interval={canonical(self.interval)}"
        )
