"""What an exchange changes in a storm while its clients trade, and what each change does to the grid. Pure.

A change begins, lasts some beats and is taken back. How it is made is left to `venue_player`.
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

    after: int  # so many beats
    change: str
    beats: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What a change does to the grid.

    `certain` is a trouble that must be shown while it lasts, whatever the grid does; `possible` are those that it may
    cause, which must be gone after it. `closings_wait`: the venue does not take every closing order meanwhile.
    `blinds`: the venue does not let the grid see what else has changed; it can be shown once this is over.
    """

    closings_wait: bool = False
    certain: Kind | None = None
    possible: frozenset[Kind] = frozenset()
    blinds: bool = False

    @property
    def kinds(self) -> frozenset[Kind]:
        """All that it may cause."""
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
"""Every change by its name."""

_BEATS = (30, 150)


def draw_change(chance: Random, after: int) -> VenueChange:
    """Draws a change and how long it stays in force."""
    return VenueChange(after, chance.choice(sorted(EFFECTS)), chance.randint(*_BEATS))


def changes_for(chance: Random, beats: int) -> Iterator[VenueChange]:
    """One after another, each kind about as often as any other, for so many beats in all."""
    passed = 0
    while passed < beats:
        kinds = sorted(EFFECTS)
        chance.shuffle(kinds)
        for change in kinds:
            after = chance.randint(10, 60)
            passed += after
            yield VenueChange(after, change, chance.randint(*_BEATS))
