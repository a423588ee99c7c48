"""What a case of the matrix or a chunk of the storm gave, as one line of JSON, and the sums over many of them.

The file of a run is such lines, appended as they come, so that a run that was broken off goes on where it was.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median

ZEROS = ("duplicates", "orphans", "lost_fills", "applied_twice", "guessed", "foreign_touched")
"""The numbers that promise nothing bad only where they are 0; each a field of `Result`."""


ENGINE = "GRIDWRIGHT_ENGINE"
"""The variable that tells orchestrators what keeps their steps; lines without an engine are of the first."""
_FIRST_ENGINE = "dbos"


def present_engine() -> str:
    """With which engine this process plays."""
    return os.environ.get(ENGINE, _FIRST_ENGINE)


@dataclass(frozen=True, slots=True)
class Result:
    """One case or one chunk. `problems` are sentences; without any, every promise held and everything was reached."""

    kind: str  # "case", "database" or "storm"
    id: str  # plays it again: `python -m gridchaos --case ID`, or a storm's seed
    database: str  # "sqlite" or "postgres"
    kills: int
    faults: int  # of the venue, that struck
    fills: int  # of our orders, on the venue
    seconds: float
    duplicates: int = 0  # P1: orders of one client id, live orders of one slot
    orphans: int = 0  # P2
    lost_fills: int = 0  # P3: fills that no step has applied, and coins that are not accounted for
    applied_twice: int = 0  # P3: fills that were applied or logged more than once
    guessed: int = 0  # P4: recorded outcomes that the venue's book contradicts
    foreign_touched: int = 0  # P6
    protected_ms: tuple[int, ...] = ()  # of each restart with something to protect: until every exit order rested
    unknown_ms: tuple[int, ...] = ()  # of each order that was UNKNOWN: until it was known
    calm_unknown_ms: tuple[int, ...] = ()  # of each in a storm: the longest part without a death, a stop or a cut
    problems: tuple[str, ...] = ()
    engine: str = field(default_factory=present_engine)

    @property
    def clean(self) -> bool:
        """Whether every promise held."""
        return not self.problems and not any(getattr(self, name) for name in ZEROS)

    def line(self) -> str:
        """One line of JSON, which `parse` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, line: str) -> "Result":
        """The result of a line. Raises ValueError for what is none."""
        values = json.loads(line)
        known = {one.name for one in fields(cls)}
        if not isinstance(values, dict) or values.keys() - known:
            raise ValueError(f"{line[:80]!r} is no line of results: give the file that an earlier run has written")
        lists = {
            name: tuple(values.get(name, ())) for name in ("protected_ms", "unknown_ms", "calm_unknown_ms", "problems")
        }
        return cls(**{"engine": _FIRST_ENGINE, **values, **lists})


def append(path: Path, result: Result) -> None:
    """Adds a line. Lines are whole, also where the run is killed while it writes: a torn last one is passed over."""
    with path.open("a", encoding="utf-8") as file:
        file.write(result.line() + "\n")


def read(path: Path) -> list[Result]:
    """What a file holds so far; nothing where there is no file. Raises ValueError for a file of something else."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Result.parse(line) for line in lines[:-1] if line]  # what follows the last line break is torn


def played(path: Path, kind: str, *databases: str) -> list[Result]:
    """What a file holds of a kind, on these databases, with the present engine: what need not be played again."""
    wanted = (kind, present_engine())
    return [one for one in read(path) if (one.kind, one.engine) == wanted and one.database in databases]


@dataclass(frozen=True, slots=True)
class Sums:
    """Of all results of a kind on a database. Times in ms; None where there were none."""

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
    """One for each kind, database and engine, in alphabetical order."""
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
