"""Formats all results as a table, for the terminal and for docs/reliability.md between its two markers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gridchaos.results import ZEROS, Result, Sums, sums

BEGIN, END = "<!-- chaos: python -m gridchaos --report --write-docs -->", "<!-- end of chaos -->"
_NAMES = {"case": "the matrix", "storm": "storms", "database": "databases that go wrong"}
_HEAD = ("", "database", "engine", "played", "kills", "faults", "fills", *(name.replace("_", " ") for name in ZEROS))
_TIMES = ("protected after, median", "worst", "UNKNOWN, longest", "undisturbed", "machine time")


def table(results: Sequence[Result]) -> str:
    """Returns the sums, a row per kind and database; failures below. Restart times last until all exit orders rest."""
    head = [*_HEAD, *_TIMES]
    rows = [_row(each) for each in sums(newest(results))]
    lines = [_line(head), _line(["---"] * len(head)), *map(_line, rows)]
    failed = [name for each in sums(newest(results)) for name in each.failed]
    return "\n".join([*lines, *(["", *(f"- failed: `{name}`" for name in failed)] if failed else [])])


def write_into(page: Path, results: Sequence[Result]) -> None:
    """Writes the table between the page's markers. Raises ValueError if they are missing."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no place for the table: add the lines {BEGIN!r} and {END!r}")
    page.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}", encoding="utf-8")


def newest(results: Sequence[Result]) -> list[Result]:
    """Returns the last result of each case: a resumed run repeats what had failed."""
    return list({(result.kind, result.id, result.database, result.engine): result for result in results}.values())


def _row(each: Sums) -> Iterator[str]:
    yield from (_NAMES.get(each.kind, each.kind), each.database, each.engine)
    yield from (f"{number:,}" for number in (each.played, each.kills, each.faults, each.fills, *each.zeros))
    yield from map(_seconds, (each.protected_median_ms, each.protected_worst_ms))
    yield from map(_seconds, (each.unknown_worst_ms, each.calm_unknown_worst_ms))
    yield f"{each.seconds / 60:.0f} min"


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.2f} s"


def _line(cells: "Sequence[str] | Iterator[str]") -> str:
    return f"| {' | '.join(cells)} |"
