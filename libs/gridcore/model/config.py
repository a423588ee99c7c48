"""The configuration of a grid, as validated values. The orchestrator reads it from the config file."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated

from gridcore.model.money import canonical
from gridcore.model.setting import Setting


class GridMode(Enum):
    """The side with which slots open."""

    LONG = "LONG"  # every slot buys first and sells one interval higher
    SHORT = "SHORT"  # every slot sells first and buys back one interval lower
    NEUTRAL = "NEUTRAL"  # long below the anchor, short above it


class Spacing(Enum):
    """The unit of the interval between levels."""

    ARITHMETIC = "ARITHMETIC"  # a difference in quote
    GEOMETRIC = "GEOMETRIC"  # a fraction of the price: 0.01 is 1 %


def _fee(fee: Decimal) -> Decimal:
    if fee >= 1:
        raise ValueError("give a fraction of what is traded: 0.001 is 0.1 %")
    return fee


@dataclass(frozen=True, slots=True)
class RiskConfig:
    """Risk limits. None disables a rule, and so does 0 where the limit is a count or a time."""

    stale_price_ms: Annotated[
        int,
        Setting(
            "a price whose feed proved it current longer ago places nothing; at the next tick the grid goes into safe "
            "mode",
            least=1,
        ),
    ] = 10_000
    unknown_too_old_ms: Annotated[
        int,
        Setting(
            "an order that is UNKNOWN for longer, counted from the decision to place it, leads into safe mode at the "
            "next tick. More than `recv_window_ms` and `visibility_lag_ms` together, or every lost order trips it. 0: "
            "off",
            least=0,
        ),
    ] = 60_000
    calm_ms: Annotated[
        int,
        Setting(
            "how long conditions must be normal before [automatic recovery](risk-rules.md) from a safe mode",
            least=0,
        ),
    ] = 5_000
    max_jump: Annotated[
        Decimal | None,
        Setting(
            'a move within `jump_window_ms`, as a fraction: `"0.05"` is 5 %. A larger one enters safe mode; manual '
            "recovery. **It may already trip at three quarters of it**, never later than at the whole: see "
            "[decision 3](decisions/0003-jump-memory.md). A move over a downtime counts unless that was longer than "
            "the window",
            above=0,
            default="off",
        ),
    ] = None
    jump_window_ms: Annotated[int, Setting("the window of `max_jump`", least=1)] = 60_000
    max_position: Annotated[
        Decimal | None,
        Setting(
            "the largest position, in base, on either side. An opening order that could take it further is not placed, "
            "orders that rest or are in doubt counted. A position beyond it enters safe mode; manual recovery",
            above=0,
            default="off",
        ),
    ] = None
    max_rejects: Annotated[
        int,
        Setting(
            "so many refusals of one slot's orders in a row, for a reason that lasts until something changes "
            "(INVALID_ORDER, INSUFFICIENT_FUNDS, ORDER_PLACES, or one that is not known), enter safe mode; manual "
            "recovery. What other slots place does not matter. With the pauses above, 20 take a quarter of an hour at "
            "least. 0: off",
            least=0,
        ),
    ] = 20


@dataclass(frozen=True, slots=True)
class GridConfig:
    """One grid on one symbol. Exactly one of `quote_per_slot` and `base_per_slot` is given."""

    symbol: Annotated[str, Setting('as ccxt writes it: `"BTC/USDT"`')]
    mode: Annotated[
        GridMode,
        Setting(
            '`"long"`: every slot buys first and sells one level higher. `"short"`: every slot sells first and buys '
            'back one level lower; it sells base that the account already has. `"neutral"`: long below the anchor, '
            "short above it"
        ),
    ]
    anchor: Annotated[
        Decimal,
        Setting(
            "the price of level 0, in quote. The ladder is fixed by it; a restart never moves it",
            above=0,
        ),
    ]
    interval: Annotated[
        Decimal,
        Setting(
            'the distance of two levels: a difference in quote (arithmetic) or a fraction (geometric, `"0.005"` is '
            "0.5 %). At least a tick at the anchor, and wide enough that a round earns more than its two maker fees",
            above=0,
        ),
    ]
    spacing: Annotated[Spacing, Setting("the unit of `interval`")] = Spacing.ARITHMETIC
    quote_per_slot: Annotated[
        Decimal | None,
        Setting("what each slot spends, in quote. Give exactly one of this and `base_per_slot`", above=0),
    ] = None
    base_per_slot: Annotated[Decimal | None, Setting("what each slot trades, in base", above=0)] = None
    # Windows and slack of 0 are refused by `grid_checks`, with the reason.
    buy_window: Annotated[
        int, Setting("how many levels below the price may carry a buy", least=0, allowed="at least 1")
    ] = 5
    sell_window: Annotated[
        int, Setting("how many levels above the price may carry a sell", least=0, allowed="at least 1")
    ] = 5
    window_slack: Annotated[
        int,
        Setting(
            "how many levels beyond its window an order may drift before it is cancelled",
            least=0,
            allowed="at least 1",
        ),
    ] = 2
    lower: Annotated[
        Decimal | None,
        Setting("no slot opens below this price. What is open beyond closes as usual", above=0),
    ] = None
    upper: Annotated[
        Decimal | None,
        Setting("no slot opens above this price. What is open beyond closes as usual", above=0),
    ] = None
    budget: Annotated[
        Decimal | None,
        Setting(
            "how much quote the grid may bind: the cost of what is open, its opening orders at their prices, and the "
            "open orders of others in this market that take from the same balance (`long`: those that buy, `short`: "
            "those that sell, `neutral`: both). An opening order that goes beyond is not placed; what rests stays",
            above=0,
        ),
    ] = None
    post_only: Annotated[
        bool,
        Setting(
            "orders that would trade at once are refused by the venue (LIMIT_MAKER), so that the maker fee holds. "
            "`false`: plain limit orders"
        ),
    ] = True
    order_ttl_ms: Annotated[
        int, Setting("a place that was not sent within this time of its decision is not sent at all", least=1)
    ] = 30_000
    retry_after_ms: Annotated[
        int,
        Setting(
            "how long a slot rests after a first refusal, or after an order of its ended that nobody here cancelled. "
            "After further refusals for the same reason [the pause doubles](#refusals-and-what-is-scarce)",
            least=0,
        ),
    ] = 5_000
    maker_fee: Annotated[
        Decimal | None,
        Setting(
            'what you pay as maker in this market, as a fraction: `"0.001"` is 0.1 %, and below 0 a rebate. Without it '
            "the venue is asked for the account's fees in the symbol; on Binance `account/commission`, of which "
            "standard, special and tax count together, with the discount where the account has its asset. Give it "
            "where the venue does not say, or says it wrongly",
            above=-1,
            parse=_fee,
            default="the venue's own",
            allowed="above -1, below 1",
        ),
    ] = None
    taker_fee: Annotated[
        Decimal | None,
        Setting(
            "as `maker_fee`, for orders that trade at once",
            above=-1,
            parse=_fee,
            default="the venue's own",
            allowed="above -1, below 1",
        ),
    ] = None
    risk: RiskConfig = RiskConfig()

    @property
    def geometry(self) -> str:
        """Settings that must not change while positions are open: mode, anchor, spacing and interval, in one line."""
        return (
            f"{self.mode.value} anchor={canonical(self.anchor)} "
            f"{self.spacing.value} interval={canonical(self.interval)}"
        )
