"""The text of docs/crash-points.md, from the registry: `python -m gridtesting.crash_page > docs/crash-points.md`."""

import sys
from collections.abc import Iterator, Mapping

from gridservice.crash_point_names import MOMENTS, WRITES

_HEAD = """# Crash points

Every place where the executor or the orchestrator may die with another durable state before than after it has a name.
Told to die there, a process sends itself SIGKILL: no `finally`, no flush, nothing is said to anybody. To pass a point
that is off costs some 40 ns. They are for tests: a process that was told to die says so in a warning at its start.

| environment variable | |
|---|---|
| `GRIDWRIGHT_CRASH` | where to die: `executor.told`, `executor.told:3` (its third pass), `*:17` (any point, the 17th) |
| | with `stop:` before it, where to stop, by SIGSTOP, until somebody sends SIGCONT: `stop:executor.told:3` |
| `GRIDWRIGHT_CRASH_TRACE` | a file that gets the name of each pass, one a line; alone it only counts |

A name that does not exist ends the start with exit code 2. This page is drawn from
`libs/gridservice/crash_point_names.py` by `python -m gridtesting.crash_page`. Tests walk the source: every transaction
that writes, every call that places or cancels, and all that DBOS records lies between crash points, and every name is
used once.

A case of the matrix has an id, `point/phase/fault`, and is played by `python -m gridchaos --case ID`. In
`executor.place.after:2/fill/none` an order is filled, and the executor dies after its second place from there.
Then it is started again, the grid goes on, and the venue's book is held against state, journal and update log.
Points of one service that a `+` joins kill it at the first, then at the next while it recovers.
"""


def page() -> str:
    """The whole page."""
    writes = _table("Around writes and calls", "`.before` and `.after` of", "what the block makes durable", WRITES)
    moments = _table("Moments", "point", "what is durable there", MOMENTS)
    return "\n".join([_HEAD, *writes, "", *moments, ""])


def _table(title: str, first: str, second: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield from (f"## {title}", "", f"| {first} | {second} |", "|---|---|")
    yield from (f"| `{name}` | {what} |" for name, what in rows.items())


if __name__ == "__main__":
    sys.stdout.write(page())
