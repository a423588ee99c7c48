"""Analyses a storm that broke a promise: how often it fails again, and which events suffice.

Storms run real processes and are not deterministic: a shrunk storm is accepted only after it has failed in the same way
in one of the given number of tries. The caller plays the storms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gridchaos.storms.schedule import Event, Schedule

Player: TypeAlias = Callable[[Schedule], frozenset[str]]
"""Plays it, and returns the promises that it broke ("P1"); empty if every one held."""

RERUNS = 5


@dataclass(frozen=True, slots=True)
class Shrunk:
    """Shortest storm found that fails, and the number of plays needed."""

    schedule: Schedule
    plays: int


def reruns(play: Player, schedule: Schedule, broken: frozenset[str], times: int = RERUNS) -> int:
    """Returns in how many of the given plays it breaks one of those promises again."""
    return sum(bool(play(schedule) & broken) for _ in range(times))


def shrink(play: Player, schedule: Schedule, broken: frozenset[str], *, tries: int, plays: int) -> Shrunk:
    """Drops events while the storm breaks one of those promises in one of `tries` tries; gives up after `plays` plays.

    The later half is tried first: events after the failure have no part in it. Then ever smaller parts.
    """
    allocation = _Allowance(play, broken, tries, plays)
    size = len(schedule.events)
    while size > 0 and allocation.left > 0:
        shorter = _without_a_part(allocation, schedule, size)
        if shorter is None:
            size //= 2
        else:
            schedule = shorter
            size = min(size, len(schedule.events))
    return Shrunk(schedule, plays - allocation.left)


def _without_a_part(allocation: "_Allowance", schedule: Schedule, size: int) -> Schedule | None:
    """Returns the storm without some part of that size, the last first; None if each part is needed."""
    events = schedule.events
    parts: list[tuple[Event, ...]] = [events[max(0, end - size) : end] for end in range(len(events), 0, -size)]
    for part in parts:
        shorter = schedule.without(part)
        if allocation.fails(shorter):
            return shorter
    return None


class _Allowance:
    """Plays storms while the allowance of plays lasts."""

    def __init__(self, play: Player, broken: frozenset[str], tries: int, plays: int) -> None:
        self.left = plays
        self._play = play
        self._broken = broken
        self._tries = tries

    def fails(self, schedule: Schedule) -> bool:
        for _ in range(self._tries):
            if self.left == 0:
                return False
            self.left -= 1
            if self._play(schedule) & self._broken:
                return True
        return False
