"""Result of a case of the matrix or of a storm, as one line of JSON, and the sums over many of them.

A run's file consists of such lines, appended as they come, so that an interrupted run resumes where it was.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median

ZEROS = ("duplicates", "orphans", "lost_fills", "applied_twice", "guessed", "foreign_touched")
"""Counts that must be 0 for the promises to hold; each is a field of `Result`."""


ENGINE = "GRIDWRIGHT_ENGINE"
"""Environment variable that selects the orchestrators' workflow engine; lines without an engine are of the first."""
_FIRST_ENGINE = "dbos"


def present_engine() -> str:
    """Returns the engine with which this process plays."""
    return os.environ.get(ENGINE, _FIRST_ENGINE)


@dataclass(frozen=True, slots=True)
class Result:
    """Result of one case or storm. `problems` are sentences; if empty, every promise held and it ran completely."""

    kind: str  # "case", "database" or "storm"
    id: str  # by which it is played again: `python -m gridchaos --case ID`, or a storm's seed
    database: str  # "sqlite" or "postgres"
    kills: int
    faults: int  # faults of the venue that struck
    fills: int  # fills of our orders, on the venue
    seconds: float
    duplicates: int = 0  # P1: orders of one client id, live orders of one slot
    orphans: int = 0  # P2
    lost_fills: int = 0  # P3: fills that no step has applied, and amounts that are not accounted for
    applied_twice: int = 0  # P3: fills that were applied or logged more than once
    guessed: int = 0  # P4: recorded outcomes that the venue's book contradicts
    foreign_touched: int = 0  # P6
    protected_ms: tuple[int, ...] = ()  # for each restart with something to protect: time until every exit order rested
    unknown_ms: tuple[int, ...] = ()  # for each order that was UNKNOWN: time until its fate was known
    calm_unknown_ms: tuple[int, ...] = ()  # the same in a storm: longest part without a death, a stop or a cut
    problems: tuple[str, ...] = ()
    engine: str = field(default_factory=present_engine)

    @property
    def clean(self) -> bool:
        """Whether every promise held."""
        return not self.problems and not any(getattr(self, name) for name in ZEROS)

    def line(self) -> str:
        """Returns one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, line: str) -> "Result":
        """Parses the result of a line. Raises ValueError for an invalid line."""
        values = json.loads(line)
        known = {one.name for one in fields(cls)}
        if not isinstance(values, dict) or values.keys() - known:
            raise ValueError(f"{line[:80]!r} is no line of results: give the file that an earlier run has written")
        lists = {
            name: tuple(values.get(name, ())) for name in ("protected_ms", "unknown_ms", "calm_unknown_ms", "problems")
        }
        return cls(**{"engine": _FIRST_ENGINE, **values, **lists})


def append(path: Path, result: Result) -> None:
    """Appends a line. If the run is killed during the write, the torn last line is ignored by readers."""
    with path.open("a", encoding="utf-8") as file:
        file.write(result.line() + "\n")


def read(path: Path) -> list[Result]:
    """Returns the results in a file, empty if there is no file. Raises ValueError for a file of another kind."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Result.parse(line) for line in lines[:-1] if line]  # text after the last line break is torn


def played(path: Path, kind: str, *databases: str) -> list[Result]:
    """Returns a file's results of a kind on these databases with the current engine: they need not be played again."""
    wanted = (kind, present_engine())
    return [one for one in read(path) if (one.kind, one.engine) == wanted and one.database in databases]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over all results of a kind on a database. Times in ms; None if there were none."""

    kind: str
    database: str
    engine: str
    played: int
    failed: tuple[str, ...]  # ids
    kills: int
    faults: int
    fills: int
    zeros: tuple[int, ...]  # in the order of ZEROS
    protected_median_ms: int | None
    protected_worst_ms: int | None
    unknown_worst_ms: int | None
    calm_unknown_worst_ms: int | None
    seconds: float


def sums(results: Iterable[Result]) -> list[Sums]:
    """Returns the sums for each kind, database and engine, in alphabetical order."""
    groups: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.kind, result.database, result.engine), []).append(result)
    return [_sum(*key, groups[key]) for key in sorted(groups)]


def _sum(kind: str, database: str, engine: str, results: Sequence[Result]) -> Sums:
    protected = [each for result in results for each in result.protected_ms]
    unknown = [each for result in results for each in result.unknown_ms]
    calm = [each for result in results for each in result.calm_unknown_ms]
    return Sums(
        kind=kind,
        database=database,
        engine=engine,
        played=len(results),
        failed=tuple(result.id for result in results if not result.clean),
        kills=sum(result.kills for result in results),
        faults=sum(result.faults for result in results),
        fills=sum(result.fills for result in results),
        zeros=tuple(sum(getattr(result, name) for result in results) for name in ZEROS),
        protected_median_ms=round(median(protected)) if protected else None,
        protected_worst_ms=max(protected, default=None),
        unknown_worst_ms=max(unknown, default=None),
        calm_unknown_worst_ms=max(calm, default=None),
        seconds=sum(result.seconds for result in results),
    )
