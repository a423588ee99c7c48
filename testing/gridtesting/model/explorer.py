"""Explores all states of a small model breadth first: which promises hold in all of them, and that none is a dead end.

A model is pure: its states are hashable values, and `moves` yields every next state.
"""

from array import array
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S", bound=Hashable)

Moves = Callable[[S], Iterable[tuple[str, S]]]
Promise = Callable[[S], bool]

DEAD_END = "no dead end"


@dataclass(frozen=True, slots=True)
class Explored:
    """The extent of an exploration. `depth` is the number of moves to the farthest state."""

    states: int
    transitions: int
    depth: int


class BrokenPromiseError(AssertionError):
    """A state in which a promise does not hold, with a shortest path to it."""

    def __init__(self, promise: str, trace: tuple[str, ...], state: object) -> None:
        steps = "\n".join(f"  {number}. {move}" for number, move in enumerate(trace, 1))
        super().__init__(f"{promise!r} is broken after {len(trace)} moves:\n{steps}\nin the state\n  {state}")
        self.promise = promise
        self.trace = trace


class TooManyStatesError(Exception):
    """The model is larger than the bound, so nothing was shown."""


def explore(
    initial: Iterable[S],
    moves: Moves[S],
    promises: Mapping[str, Promise[S]],
    *,
    goal: Promise[S] | None = None,
    most_states: int = 2_000_000,
) -> Explored:
    """Visits all reachable states; with a goal it also checks that the goal is reachable from each of them.

    Raises BrokenPromiseError for the first state (by the number of moves) that breaks a promise or from which the goal
    is not reachable; TooManyStatesError beyond the bound.
    """
    search = _Search(initial, moves, promises, most_states)
    search.visit_all()
    if goal is not None:
        search.require_way_to(goal)
    return Explored(len(search.states), len(search.sources), len(search.trace(len(search.states) - 1)))


class _Search(Generic[S]):
    def __init__(
        self, initial: Iterable[S], moves: Moves[S], promises: Mapping[str, Promise[S]], most_states: int
    ) -> None:
        self._moves = moves
        self._promises = promises
        self._most = most_states
        self._numbers: dict[S, int] = {}  # in order of discovery, which is the order of distance
        self.states: list[S] = []
        self._came_by: list[tuple[int, str]] = []  # the state before and the move; -1 before an initial state
        self.sources, self._targets = array("i"), array("i")  # every transition, for the search back from the goal
        for state in initial:
            self._number(state, -1, "")

    def visit_all(self) -> None:
        here = 0
        while here < len(self.states):
            for name, state in self._moves(self.states[here]):
                self.sources.append(here)
                self._targets.append(self._number(state, here, name))
            here += 1

    def require_way_to(self, goal: Promise[S]) -> None:
        before: list[list[int]] = [[] for _ in self.states]
        for source, target in zip(self.sources, self._targets, strict=True):
            before[target].append(source)
        ahead = [number for number, state in enumerate(self.states) if goal(state)]
        leads = bytearray(len(self.states))
        while ahead:
            number = ahead.pop()
            if not leads[number]:
                leads[number] = 1
                ahead += before[number]
        lost = leads.find(0)
        if lost >= 0:
            raise BrokenPromiseError(DEAD_END, self.trace(lost), self.states[lost])

    def trace(self, number: int) -> tuple[str, ...]:
        return tuple(reversed(tuple(self._way_back(number))))

    def _way_back(self, number: int) -> Iterator[str]:
        before, name = self._came_by[number]
        while before >= 0:
            yield name
            before, name = self._came_by[before]

    def _number(self, state: S, before: int, name: str) -> int:
        known = self._numbers.get(state)
        if known is not None:
            return known
        number = self._numbers[state] = len(self.states)
        self.states.append(state)
        self._came_by.append((before, name))
        for promise, holds in self._promises.items():
            if not holds(state):
                raise BrokenPromiseError(promise, self.trace(number), state)
        if number >= self._most:
            raise TooManyStatesError(f"more than {self._most} states: make the model's bounds smaller")
        return number
