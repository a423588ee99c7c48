"""Generates docs/states.md from the transition tables: `python -m gridcore.diagrams > docs/states.md`."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import TypeVar

from gridcore.model.modes import MODE_TRANSITIONS
from gridcore.model.orders import ENDED, TRANSITIONS, OrderStatus
from gridcore.model.slots import POSITION_TRANSITIONS, SLOT_TRANSITIONS, PositionStatus, SlotStatus
from gridcore.model.state import Mode

_PAGE = """\
# The life cycles

Drawn from the tables in `orders.py`, `slots.py` and `modes.py` of `libs/gridcore` by `python -m gridcore.diagrams`; a
test keeps this page and the tables together. An event that a status has no arrow for is an error.

## An order

As the state sees it: from the answer that it is on the venue, or may be, to its recorded end. A fill does not end an
order; its end comes through the update log, after all of its fills. An order leaves `UNKNOWN` only on evidence.

```mermaid
{orders}
```

## A slot

Its status follows from its order: `LOCKED` while the order rests on the venue, `PENDING` while the order is `UNKNOWN`
or `CANCELING`.

```mermaid
{slots}
```

Its position status follows from what it holds: `FILLED` can be closed by an order of its own, `DUST` is too small for
the venue and joins the next closing order. The size of a fill decides which status follows. A slot is removed from the
state only when it is `FREE` and `EMPTY`.

```mermaid
{positions}
```

## A grid

Its mode. `ENTERING` is the transition into safe mode, during which the opening orders are cancelled. A rule with
automatic recovery ends its own halt; every other halt needs manual recovery.

```mermaid
{modes}
```
"""

_Status = TypeVar("_Status", bound=Enum)
_Event = TypeVar("_Event", bound=Enum)
Edge = tuple[str, str, str]
"""From, event, to; `[*]` is the start and the end."""


def page() -> str:
    """Returns the whole page as Markdown."""
    ends = [(status.value, "", "[*]") for status in OrderStatus if status in ENDED]
    placed = [("[*]", "placed", OrderStatus.OPEN.value), ("[*]", "outcome not known", OrderStatus.UNKNOWN.value)]
    return _PAGE.format(
        orders=_diagram([*placed, *_edges(_with_sets(TRANSITIONS)), *ends]),
        slots=_diagram([("[*]", "", SlotStatus.FREE.value), *_edges(SLOT_TRANSITIONS)]),
        positions=_diagram([("[*]", "", PositionStatus.EMPTY.value), *_edges(POSITION_TRANSITIONS)]),
        modes=_diagram([("[*]", "", Mode.RUNNING.value), *_edges(_with_sets(MODE_TRANSITIONS))]),
    )


def _with_sets(table: Mapping[_Status, Mapping[_Event, _Status]]) -> dict[_Status, dict[_Event, set[_Status]]]:
    return {status: {event: {then} for event, then in row.items()} for status, row in table.items()}


def _edges(table: Mapping[_Status, Mapping[_Event, Iterable[_Status]]]) -> Iterator[Edge]:
    for status, row in table.items():
        for event, followers in row.items():
            for then in sorted(followers, key=lambda each: each.value):
                yield status.value, event.value, then.value


def _diagram(edges: Iterable[Edge]) -> str:
    # Arrows between the same two states share one line, which keeps the diagram readable.
    labels: dict[tuple[str, str], list[str]] = {}
    for start, event, end in edges:
        labels.setdefault((start, end), []).append(event)
    return "\n".join(["stateDiagram-v2", *(_arrow(*way, events) for way, events in labels.items())])


def _arrow(start: str, end: str, events: list[str]) -> str:
    label = "<br/>".join(event for event in events if event)
    return f"    {start} --> {end}" + (f": {label}" if label else "")


if __name__ == "__main__":
    sys.stdout.write(page())
