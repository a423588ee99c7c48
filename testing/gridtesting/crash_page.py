"""Generates docs/crash-points.md from the registry: `python -m gridtesting.crash_page > docs/crash-points.md`."""

import sys
from collections.abc import Iterator, Mapping

from gridservice.crash_point_names import MOMENTS, WRITES

_HEAD = """# Crash points

Every place where a crash of the executor or the orchestrator leaves another durable state before than after it has a
name. A test can make a process send itself SIGKILL there: no `finally`, no flush, no message. Passing a disabled point
costs some 40 ns. Crash points are for tests only: a process with an enabled point logs a warning at startup.

| environment variable | |
|---|---|
| `GRIDWRIGHT_CRASH` | where to die: `executor.told`, `executor.told:3` (its third pass), `*:17` (any point, the 17th) |
| | with the prefix `stop:` it stops there by SIGSTOP until it gets SIGCONT: `stop:executor.told:3` |
| `GRIDWRIGHT_CRASH_TRACE` | a file that gets one line per pass with the point's name; alone it only counts |

With an unknown name the process exits at startup with code 2. `python -m gridtesting.crash_page` generates this page
from `libs/gridservice/crash_point_names.py`. Tests scan the source: every transaction that writes, every call that
places or cancels, and everything that DBOS records is between crash points, and every name is used once.

A case of the matrix has an id, `point/phase/fault`, and is run by `python -m gridchaos --case ID`. In
`executor.place.after:2/fill/none` an order is filled, and the executor dies after its second place from there.
Then it is restarted, the grid continues, and the venue's book is compared with state, journal and update log.
Points of one service joined by `+` kill it at the first, then at the next one while it recovers.
"""


def page() -> str:
    """Returns the whole page."""
    writes = _table("Around writes and calls", "`.before` and `.after` of", "what the block makes durable", WRITES)
    moments = _table("Moments", "point", "what is durable there", MOMENTS)
    return "\n".join([_HEAD, *writes, "", *moments, ""])


def _table(title: str, first: str, second: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield from (f"## {title}", "", f"| {first} | {second} |", "|---|---|")
    yield from (f"| `{name}` | {what} |" for name, what in rows.items())


if __name__ == "__main__":
    sys.stdout.write(page())
