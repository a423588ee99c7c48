"""What to make of a storm that broke a promise: how often it does so again, and how little of it is needed.

A storm is real processes on a real machine, so it may fail today and not tomorrow; what is left after shrinking has
failed in the same way as often as it was asked to. How a storm is played is the caller's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gridchaos.storms.schedule import Event, Schedule

Player: TypeAlias = Callable[[Schedule], frozenset[str]]
"""Plays it, and gives the promises that it broke ("P1"); none where every one held."""

RERUNS = 5


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The shortest storm that was found to fail, after so many plays."""

    schedule: Schedule
    plays: int


def reruns(play: Player, schedule: Schedule, broken: frozenset[str], times: int = RERUNS) -> int:
    """In how many of so many plays it breaks one of those promises again."""
    return sum(bool(play(schedule) & broken) for _ in range(times))


def shrink(play: Player, schedule: Schedule, broken: frozenset[str], *, tries: int, plays: int) -> Shrunk:
    """Drops events while it breaks one of those promises in one of so many tries; gives up after so many plays.

    The later half goes first: what comes after the failure has no part in it. Then smaller and smaller parts.
    """
    allocation = _Purse(play, broken, tries, plays)
    size = len(schedule.events)
    while size > 0 and allocation.left > 0:
        shorter = _without_a_part(allocation, schedule, size)
        if shorter is None:
            size //= 2
        else:
            schedule = shorter
            size = min(size, len(schedule.events))
    return Shrunk(schedule, plays - allocation.left)


def _without_a_part(allocation: "_Purse", schedule: Schedule, size: int) -> Schedule | None:
    """The storm without some part of that size, the last first; None where each part is needed."""
    events = schedule.events
    parts: list[tuple[Event, ...]] = [events[max(0, end - size) : end] for end in range(len(events), 0, -size)]
    for part in parts:
        shorter = schedule.without(part)
        if allocation.fails(shorter):
            return shorter
    return None


class _Purse:
    """Plays as long as there is something left to spend."""

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
