"""The rows of the table of risk rules. There are three kinds, by what a rule looks at.

The kind decides on which triggers a rule is looked at, and what it leaves of the quiet band: every row has to say in
which open interval of prices it cannot trip.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from gridcore.model.config import RiskConfig
from gridcore.model.money import ZERO
from gridcore.model.state import RiskFlags, Rule, State

Prices = tuple[Decimal, Decimal | None]
"""An open interval of prices. Upper end None: unbounded."""

EVERY_PRICE: Prices = ZERO, None


@dataclass(slots=True)  # not frozen: one is made for each decision, and a frozen one takes four times as long
class Facts:
    """What a rule can look at besides a price."""

    state: State
    config: RiskConfig
    unfit: str  # why the grid does not fit the venue's current rules; empty if it does
    at_ms: int = 0  # of a tick, as the next one: only rules of age and recovery read them
    price_heard_ms: int = 0


@dataclass(frozen=True, slots=True)
class Automatic:
    """The recovery of a rule whose halt ends by itself, `calm_ms` after the conditions of all such rules hold."""

    holds: Callable[[Facts], bool]
    once: str  # the same in words, for the documentation


@dataclass(frozen=True, slots=True)
class StateRule:
    """Looks at the committed state, at each price and each tick. `trips` returns the reason, or None."""

    name: Rule
    trips: Callable[[Facts], str | None]
    when: str  # the same in words, for the documentation
    recovery: Automatic | None = None  # None: manual
    replaces: bool = False  # whether it also trips in safe mode, and replaces the halt's reason

    def quiet(self, facts: Facts) -> Prices | None:
        """Returns the prices at which it cannot trip: no price matters to it, so all or none."""
        return EVERY_PRICE if self.trips(facts) is None else None


@dataclass(frozen=True, slots=True)
class AgeRule:
    """Looks at how old something is, at ticks only."""

    name: Rule
    trips: Callable[[Facts], str | None]
    when: str
    recovery: Automatic | None = None

    def quiet(self, facts: Facts) -> Prices | None:
        """Returns the prices at which it cannot trip: all, since ticks are decided whatever the price."""
        del facts
        return EVERY_PRICE


@dataclass(frozen=True, slots=True)
class PriceRule:
    """Looks at each price that was current, also at one that was skipped. Its recovery is manual.

    `trips` takes the flags, the price and the time at which it was current. `remember` returns the flags after it.
    """

    name: Rule
    trips: Callable[[RiskFlags, int, Decimal, RiskConfig], str | None]
    when: str
    remember: Callable[[RiskFlags, int, Decimal, RiskConfig], RiskFlags]
    stays: Callable[[RiskFlags, RiskConfig], Prices | None]  # the prices that neither trip it nor change its memory

    def quiet(self, facts: Facts) -> Prices | None:
        """Returns the prices at which it cannot trip and remembers nothing."""
        return self.stays(facts.state.risk, facts.config)
