"""What sets a step going, and the plan that it ends in."""

from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.actions import Action, OrderUpdate
from gridcore.model.market_rules import MarketRules
from gridcore.model.slots import InventorySlot
from gridcore.model.state import ForeignOrders, Funds, Mode, RiskFlags, Rule, StateRebuilt


@dataclass(frozen=True, slots=True)
class PriceChanged:
    """A new price, current as of `at_ms`.

    `passed`: the extremes of older prices that it replaced, the first heard at `passed_since_ms`. Only the risk check
    reads them.
    """

    at_ms: int
    price: Decimal
    passed: tuple[Decimal, ...] = ()
    passed_since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time went on. `price` is the last heard; `price_heard_ms` is when the feed last proved it current."""

    at_ms: int
    price: Decimal | None
    price_heard_ms: int


@dataclass(frozen=True, slots=True)
class OrdersUpdated:
    """A batch of the update log, in offset order, with the last price heard."""

    at_ms: int
    price: Decimal | None
    price_heard_ms: int
    updates: tuple[OrderUpdate, ...]


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """An operator or a procedure sets the mode."""

    at_ms: int
    mode: Mode
    rule: Rule
    reason: str
    by: str
    clears_itself: bool = False


@dataclass(frozen=True, slots=True)
class ConditionsSeen:
    """What the venue sets has changed, or been out of sight. It is recorded; what it asks for, the next price does."""

    at_ms: int
    foreign: ForeignOrders  # the open orders of others
    funds: Funds | None = None  # what the account can give; None: more than the grid could ever need
    rules: MarketRules | None = None  # None: as they were
    looked_until_ms: int = 0  # until when prices were looked at, where nobody has since for the jump window; else 0


Trigger = PriceChanged | Ticked | OrdersUpdated | ModeChanged | ConditionsSeen

Cause = Trigger | StateRebuilt
"""What a step of the journal may come from."""


@dataclass(frozen=True, slots=True)
class EnterSafeMode:
    """The risk check says stop: start the procedure."""

    rule: Rule
    reason: str
    clears_itself: bool


@dataclass(frozen=True, slots=True)
class ExitSafeMode:
    """The clearing rule has held long enough: start the procedure back."""

    reason: str


Procedure = EnterSafeMode | ExitSafeMode


@dataclass(frozen=True, slots=True)
class Plan:
    """The decision of one step, complete: with the state before it and the results it makes the state after it."""

    symbol: str
    request_id: str
    seq: int  # the state's seq after it
    epoch: int
    trigger: Cause
    risk: RiskFlags  # after it
    actions: tuple[Action, ...] = ()
    new_slots: tuple[InventorySlot, ...] = ()
    dropped_slots: tuple[str, ...] = ()  # FREE and EMPTY, and out of the window
    flipped_slots: tuple[str, ...] = ()  # whose `retiring` changes
    retry_at_ms: int = 0  # until when a slot rests after a refusal
    procedure: Procedure | None = None  # a plan with a procedure starts it, and is neither sent nor written
    changes: bool = False  # whether it changes the state at all

    @property
    def empty(self) -> bool:
        """Whether there is nothing to send and nothing to write."""
        return not (self.changes or self.actions)
