"""State: all that a grid must remember. What is in memory is what the last commit wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gridcore.model.enums import FastEnum
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.slots import InventorySlot


class Mode(FastEnum):
    """What the grid may do."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # nothing new is sent; what rests stays; fills are recorded
    ENTERING = "ENTERING"  # on the way to SAFE: opening orders are being cancelled
    SAFE = "SAFE"  # no opening order on the venue; closing orders stay allowed


class Rule(FastEnum):
    """What put the grid into its mode."""

    NONE = ""
    STALE_PRICE = "STALE_PRICE"
    PRICE_JUMP = "PRICE_JUMP"
    MAX_POSITION = "MAX_POSITION"
    UNKNOWN_TOO_OLD = "UNKNOWN_TOO_OLD"
    REJECTS = "REJECTS"
    STRAY_FILL = "STRAY_FILL"
    RULES_UNFIT = "RULES_UNFIT"
    OPERATOR = "OPERATOR"


@dataclass(frozen=True, slots=True)
class PriceAnchor:
    """A price from which a jump is measured. Valid until `until_ms`; 0 while it is the newest."""

    price: Decimal
    until_ms: int


@dataclass(frozen=True, slots=True)
class RiskFlags:
    """The mode with its reason, and the memory of the risk rules."""

    mode: Mode = Mode.RUNNING
    rule: Rule = Rule.NONE
    reason: str = ""
    by: str = ""
    since_ms: int = 0
    clears_itself: bool = False
    calm_since_ms: int = 0  # since when the clearing rule has held; 0 if it does not
    anchors: tuple[PriceAnchor, ...] = ()
    rejects: int = 0  # the most that one slot was refused in a row for a reason that stays until something changes
    stray_order: str = ""  # the last order that filled after its end, until a person has released the grid


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the grid's life. Invariant: quote_flow = realised_pnl - sum of the slots' costs."""

    position: Decimal = ZERO  # base: all fills, less fees taken in base
    quote_flow: Decimal = ZERO  # quote: sells less buys, less fees taken in quote
    realised_pnl: Decimal = ZERO  # quote, of what has been closed, after fees in base and quote
    fees: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])  # by asset
    fills: int = 0
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class ForeignOrders:
    """Open orders in the market that are not ours: how many, and what is left of them at their prices, in quote."""

    orders: int = 0
    buying: Decimal = ZERO
    selling: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Funds:
    """What the account could give to this grid: free, and bound in the grid's own open orders. Base and quote.

    In a state, less what the grid's own fills have moved since its beginning: so they do not change it (`funds`).
    """

    base: Decimal
    quote: Decimal


@dataclass(frozen=True, slots=True)
class StateRebuilt:
    """The state was made anew from the ledger, up to `end_offset` of the log. Nothing is decided on it."""

    at_ms: int
    why: str
    lost: tuple[str, ...]  # a sentence for each thing that could not be rebuilt
    end_offset: int


@dataclass(frozen=True, slots=True)
class State:
    """One grid. `slots` is keyed by the slot's canonical price."""

    symbol: str
    birth_id: str  # made with this state; the ledger keeps a copy
    grid: str  # the geometry it was made with
    slots: Mapping[str, InventorySlot] = field(default_factory=dict[str, InventorySlot])
    last_price: Decimal | None = None
    last_update_time: int = 0  # Unix nanoseconds (the specification's name)
    seq: int = 0  # of the last committed step
    epoch: int = 0  # of the orchestrator that committed it
    event_offset: int = 0  # of the last OrderUpdate applied
    risk: RiskFlags = RiskFlags()
    totals: Totals = Totals()
    ledger_birth_id: str = ""
    foreign: ForeignOrders = ForeignOrders()
    rules: MarketRules | None = None  # the venue's, once they have changed: until then those of the start hold
    funds: Funds | None = None  # None: more than the grid could ever need
    rebuilt: StateRebuilt | None = None  # the last time that it was


def unrealised_pnl(state: State, price: Decimal) -> Decimal:
    """What the open positions would bring at this price beyond their cost, in quote, before closing fees."""
    return sum((slot.position * price - slot.cost for slot in state.slots.values()), ZERO)
