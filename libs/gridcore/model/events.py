"""Triggers of a step, and the plan that a step decides."""

from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.actions import Action, OrderUpdate
from gridcore.model.market_rules import MarketRules
from gridcore.model.slots import InventorySlot
from gridcore.model.state import ForeignOrders, Funds, Mode, RiskFlags, Rule, StateRebuilt


@dataclass(frozen=True, slots=True)
class PriceChanged:
    """A new price, current as of `at_ms`.

    `passed`: extremes of the older prices that it replaced, the first of them received at `passed_since_ms`. Only the
    risk check reads them. Times are Unix ms.
    """

    at_ms: int
    price: Decimal
    passed: tuple[Decimal, ...] = ()
    passed_since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ticked:
    """A timer tick. `price` is the last one received; the feed last proved it current at `price_heard_ms`."""

    at_ms: int
    price: Decimal | None
    price_heard_ms: int


@dataclass(frozen=True, slots=True)
class OrdersUpdated:
    """A batch of the update log, in offset order, with the last price received."""

    at_ms: int
    price: Decimal | None
    price_heard_ms: int
    updates: tuple[OrderUpdate, ...]


@dataclass(frozen=True, slots=True)
class ModeChanged:
    """An operator or a procedure sets the grid's mode."""

    at_ms: int
    mode: Mode
    rule: Rule
    reason: str
    by: str
    clears_itself: bool = False


@dataclass(frozen=True, slots=True)
class ConditionsSeen:
    """Conditions at the venue have changed, or prices were not observed for a while.

    The step only records this. The next price or tick acts on it.
    """

    at_ms: int
    foreign: ForeignOrders
    funds: Funds | None = None  # what the account can provide; None: more than the grid could ever need
    rules: MarketRules | None = None  # None: unchanged
    looked_until_ms: int = 0  # last observation of a price, if it is at least the jump window ago; else 0


Trigger = PriceChanged | Ticked | OrdersUpdated | ModeChanged | ConditionsSeen

Cause = Trigger | StateRebuilt
"""The causes that a step in the journal can have."""


@dataclass(frozen=True, slots=True)
class EnterSafeMode:
    """The risk check requires a halt: start the safe mode procedure."""

    rule: Rule
    reason: str
    clears_itself: bool


@dataclass(frozen=True, slots=True)
class ExitSafeMode:
    """Conditions have been normal long enough: start the procedure that exits safe mode."""

    reason: str


Procedure = EnterSafeMode | ExitSafeMode


@dataclass(frozen=True, slots=True)
class Plan:
    """The complete decision of one step. The state before it, the plan and its results give the state after it."""

    symbol: str
    request_id: str
    seq: int  # the state's seq after it
    epoch: int
    trigger: Cause
    risk: RiskFlags  # after it
    actions: tuple[Action, ...] = ()
    new_slots: tuple[InventorySlot, ...] = ()
    dropped_slots: tuple[str, ...] = ()  # keys of slots that are FREE, EMPTY and out of the window or no longer wanted
    flipped_slots: tuple[str, ...] = ()  # keys of slots whose `retiring` changes
    retry_at_ms: int = 0  # until when a slot rests after a first refusal
    procedure: Procedure | None = None  # the plan only starts it, and is neither sent nor committed
    changes: bool = False  # whether it changes the state, apart from its actions

    @property
    def empty(self) -> bool:
        """Reports whether there is nothing to send and nothing to commit."""
        return not (self.changes or self.actions)
