"""State: everything that a grid must remember. The state in memory equals the last committed one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gridcore.model.enums import FastEnum
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.slots import InventorySlot


class Mode(FastEnum):
    """The operating mode of a grid."""

    RUNNING = "RUNNING"
    PAUSED = "PAUSED"  # nothing is sent; resting orders stay; fills are recorded
    ENTERING = "ENTERING"  # entering SAFE: opening orders are being cancelled
    SAFE = "SAFE"  # no opening order on the venue; closing orders stay allowed


class Rule(FastEnum):
    """The rule that put the grid into its mode."""

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
    """A price from which a jump is measured. It was current until `until_ms`; 0 while it is the newest."""

    price: Decimal
    until_ms: int


@dataclass(frozen=True, slots=True)
class RiskFlags:
    """The mode and its reason, and the memory of the risk rules."""

    mode: Mode = Mode.RUNNING
    rule: Rule = Rule.NONE
    reason: str = ""
    by: str = ""
    since_ms: int = 0
    clears_itself: bool = False
    calm_since_ms: int = 0  # since when conditions for automatic recovery hold; 0 if they do not
    anchors: tuple[PriceAnchor, ...] = ()
    rejects: int = 0  # highest count of consecutive refusals of one slot for a lasting reason
    stray_order: str = ""  # last order that filled after its recorded end; cleared when an operator exits safe mode


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the grid's lifetime. Invariant: quote_flow = realised_pnl - sum of the slots' costs."""

    position: Decimal = ZERO  # base: all fills, minus fees taken in base
    quote_flow: Decimal = ZERO  # quote: sells minus buys, minus fees taken in quote
    realised_pnl: Decimal = ZERO  # quote: of closed positions, after fees in base and quote
    fees: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])  # by asset
    fills: int = 0
    rounds: int = 0


@dataclass(frozen=True, slots=True)
class ForeignOrders:
    """Open orders in the market that are not ours: their count, and their remaining notional per side, in quote."""

    orders: int = 0
    buying: Decimal = ZERO
    selling: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Funds:
    """Funds of the account available to this grid: free, and bound in the grid's own open orders.

    A state keeps them minus what the grid's own fills have moved since it was created, so own fills do not change the
    value (`funds`).
    """

    base: Decimal
    quote: Decimal


@dataclass(frozen=True, slots=True)
class StateRebuilt:
    """The state was rebuilt from the ledger, up to `end_offset` of the update log. No decision is made on this."""

    at_ms: int
    why: str
    lost: tuple[str, ...]  # one sentence for each thing that could not be rebuilt
    end_offset: int


@dataclass(frozen=True, slots=True)
class State:
    """The state of one grid. `slots` is keyed by the slot's canonical price."""

    symbol: str
    birth_id: str  # created with this state; the ledger keeps a copy
    grid: str  # the geometry it was created with
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
    rules: MarketRules | None = None  # the venue's changed rules; None: those read at startup apply
    funds: Funds | None = None  # None: more than the grid could ever need
    rebuilt: StateRebuilt | None = None  # the latest rebuild


def unrealised_pnl(state: State, price: Decimal) -> Decimal:
    """Returns the value of the open positions at this price minus their cost, in quote, before closing fees."""
    return sum((slot.position * price - slot.cost for slot in state.slots.values()), ZERO)
