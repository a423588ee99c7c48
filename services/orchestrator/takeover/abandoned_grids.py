"""Grids that the config has no more: what they still have is told, and nothing of it is touched.

Their workflows lie where they are, without an outcome, until the grid is back or an operator settles them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from gridcore.model.money import ZERO, canonical
from gridcore.model.state import State
from gridservice.troubles import Kind, Troubles
from orchestrator.engine_dbos.client import WorkflowRecord


@dataclass(frozen=True, slots=True)
class StoredGrid:
    """A state that the store has of a symbol, and where it is, for people."""

    state: State
    where: str


def report_abandoned(
    grids: Iterable[StoredGrid], unfinished: Iterable[WorkflowRecord], symbols: Iterable[str], troubles: Troubles
) -> None:
    """A trouble for each symbol that is none of `symbols` and still has orders, a position or unfinished workflows."""
    own = set(symbols)
    workflows: dict[str, list[str]] = defaultdict(list)
    for record in unfinished:
        workflows[record.symbol].append(record.workflow_id)
    stored = {grid.state.symbol: grid for grid in grids}
    for symbol in sorted({*workflows, *stored} - own):
        if has := _what_it_has(stored.get(symbol), workflows[symbol]):
            troubles.begin(Kind.GRID_LEFT, _sentence(symbol, has, stored.get(symbol), workflows[symbol]), symbol=symbol)


def _what_it_has(grid: StoredGrid | None, workflows: list[str]) -> list[str]:
    has: list[str] = []
    if grid is not None:
        resting = sum(slot.order is not None for slot in grid.state.slots.values())
        position = sum((slot.position for slot in grid.state.slots.values()), ZERO)
        has += [f"{resting} orders that may rest on the venue"] if resting else []
        has += [f"{canonical(position)} {grid.state.symbol.partition('/')[0]} in open positions"] if position else []
    return has + ([f"unfinished workflows ({', '.join(workflows)})"] if workflows else [])


def _sentence(symbol: str, has: list[str], grid: StoredGrid | None, workflows: list[str]) -> str:
    steps = ["cancel what rests and sell what it holds by hand"] if grid is not None else []
    steps += [f"gridwright cancel-workflow {workflow_id}" for workflow_id in workflows]
    steps += [f"take away {grid.where}"] if grid is not None else []
    return (
        f"the config has no grid for {symbol} any more, and it still has {' and '.join(has)}: nobody works for that; "
        f"put its [[grids]] back to go on with it, or give it up: {', then '.join(steps)}"
    )
