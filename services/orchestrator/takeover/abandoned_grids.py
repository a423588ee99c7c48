"""Reports grids that were removed from the config but still have orders, a position or unfinished workflows.

Nothing of them is touched. Their workflows stay unfinished until the grid is put back or an operator cancels them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from gridcore.model.money import ZERO, canonical
from gridcore.model.state import State
from gridservice.troubles import Kind, Troubles
from orchestrator.engine import WorkflowRecord


@dataclass(frozen=True, slots=True)
class StoredGrid:
    """A symbol's stored state. `where` names its file or rows for an operator."""

    state: State
    where: str


def report_abandoned(
    grids: Iterable[StoredGrid], unfinished: Iterable[WorkflowRecord], symbols: Iterable[str], troubles: Troubles
) -> None:
    """Begins a trouble for each symbol not in `symbols` that has orders, a position or unfinished workflows."""
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
    steps = ["cancel its orders and sell its position yourself"] if grid is not None else []
    steps += [f"gridwright cancel-workflow {workflow_id}" for workflow_id in workflows]
    steps += [f"remove {grid.where}"] if grid is not None else []
    return (
        f"the config has no grid for {symbol} any more, and it still has {' and '.join(has)}: nothing manages them; "
        f"put its [[grids]] back to continue it, or give it up: {', then '.join(steps)}"
    )
