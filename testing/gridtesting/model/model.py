"""The complete model."""

from collections.abc import Callable, Iterable, Iterator

from gridtesting.model.executor import executor_moves
from gridtesting.model.explorer import Explored, explore
from gridtesting.model.orchestrator import orchestrator_moves
from gridtesting.model.promises import PROMISES, at_rest
from gridtesting.model.pruning import forgetful, forgotten
from gridtesting.model.rules import Bounds, Rules
from gridtesting.model.venue import venue_moves
from gridtesting.model.world import Step, World


def protocol(rules: Rules, bounds: Bounds) -> Callable[[World], Iterable[Step]]:
    """Returns a function that yields every move of every party."""
    forgets = forgetful(rules)

    def moves(world: World) -> Iterator[Step]:
        if world.broken:
            return
        for name, after in orchestrator_moves(world, rules, bounds):
            yield name, forgotten(after) if forgets else after
        yield from executor_moves(world, rules, bounds)
        yield from venue_moves(world)

    return moves


def explore_protocol(rules: Rules, bounds: Bounds, most_states: int = 3_000_000) -> Explored:
    """Explores all worlds within the bounds. Raises BrokenPromiseError with a shortest path to a broken promise."""

    def at_rest_after_all(world: World) -> bool:
        return world.kept.acts == bounds.actions and at_rest(world)

    return explore([World()], protocol(rules, bounds), PROMISES, goal=at_rest_after_all, most_states=most_states)
