"""Changes of an exchange in a storm while its clients trade, and the effect of each on the grid. Pure.

A change begins, lasts some beats and is reverted. `player` makes it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random  # noqa: TID251  # the caller seeds it

from gridservice.troubles import Kind

TICK, MINIMUM, FEES, BREAK, DELISTED = "tick", "minimum", "fees", "break", "delisted"
KEYS, ORDER_LIMIT, ORDER_PLACES = "keys", "order-limit", "order-places"
COINS, QUOTE, FOREIGN_STOP = "coins", "quote", "foreign-stop"


@dataclass(frozen=True, slots=True)
class VenueChange:
    """The exchange changes something for some beats."""

    after: int  # beats after the previous event
    change: str
    beats: int


@dataclass(frozen=True, slots=True)
class Effect:
    """Effect of a change on the grid.

    `certain` is a trouble that must be shown while the change lasts, independent of the grid's actions. `possible` are
    those that it may cause, which must be gone after it. `closings_wait`: the venue does not accept every closing order
    meanwhile. `blinds`: the venue hides other changes from the grid; they can be shown once this change has ended.
    """

    closings_wait: bool = False
    certain: Kind | None = None
    possible: frozenset[Kind] = frozenset()
    blinds: bool = False

    @property
    def kinds(self) -> frozenset[Kind]:
        """Troubles that it may cause."""
        return self.possible if self.certain is None else self.possible | {self.certain}


_UNFIT = frozenset({Kind.INVALID_ORDER, Kind.SYMBOL_REFUSED, Kind.FEES_DIFFER})

EFFECTS = {
    TICK: Effect(possible=_UNFIT),
    MINIMUM: Effect(closings_wait=True, certain=Kind.SYMBOL_REFUSED, possible=_UNFIT),
    FEES: Effect(possible=_UNFIT),  # noticed by the first fill that carries them
    BREAK: Effect(closings_wait=True, certain=Kind.MARKET_CLOSED),
    DELISTED: Effect(
        closings_wait=True,
        certain=Kind.SYMBOL_REFUSED,
        possible=frozenset({Kind.MARKET_CLOSED, Kind.INVALID_ORDER, Kind.VENUE_UNREACHABLE, Kind.FEED_STALE}),
        blinds=True,
    ),
    KEYS: Effect(
        closings_wait=True, certain=Kind.KEY_REFUSED, possible=frozenset({Kind.VENUE_UNREACHABLE}), blinds=True
    ),
    ORDER_LIMIT: Effect(closings_wait=True, possible=frozenset({Kind.ORDER_LIMIT, Kind.RATE_LIMITED})),
    ORDER_PLACES: Effect(certain=Kind.SYMBOL_REFUSED, possible=frozenset({Kind.ORDER_PLACES, Kind.INVALID_ORDER})),
    COINS: Effect(closings_wait=True, possible=frozenset({Kind.INSUFFICIENT_FUNDS})),
    QUOTE: Effect(possible=frozenset({Kind.INSUFFICIENT_FUNDS})),
    FOREIGN_STOP: Effect(),
}
"""Effects by the name of the change."""

_BEATS = (30, 150)


def draw_change(chance: Random, after: int) -> VenueChange:
    """Draws one change."""
    return VenueChange(after, chance.choice(sorted(EFFECTS)), chance.randint(*_BEATS))


def changes_for(chance: Random, beats: int) -> Iterator[VenueChange]:
    """Draws a sequence of changes, each kind about equally often, for the given number of beats in all."""
    passed = 0
    while passed < beats:
        kinds = sorted(EFFECTS)
        chance.shuffle(kinds)
        for change in kinds:
            after = chance.randint(10, 60)
            passed += after
            yield VenueChange(after, change, chance.randint(*_BEATS))
