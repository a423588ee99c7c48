"""The figures as tables in Markdown: what the terminal shows, and what docs/performance.md keeps."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gridbench.case import BY_ACTIONS, BY_SLOTS
from gridbench.results import Figures, StartFigures, StepFigures
from gridbench.steps import ENGINE, FLOOR, PER_ACTION, PLAIN
from gridbench.targets import Target, targets

BEGIN, END = "<!-- figures: written by `make bench WRITE_DOCS=1` -->", "<!-- end of the figures -->"

_SUBJECTS = {
    ENGINE: "**Gridwright**",
    FLOOR: "(a) floor: two commits, one call",
    PLAIN: "(b) plain DBOS workflow",
    PER_ACTION: "(c) a workflow per action",
}
_STEP_HEAD = ("", "actions", "p50 ms", "p99 ms", "p50 / (b)", "CPU ms", "CPU / (b)", "kB", "flushes")


def as_markdown(figures: Figures) -> str:
    """The report of a run: all tables with their headings."""
    return "\n".join(_sections(figures))


def write_into(document: Path, figures: Figures) -> None:
    """Replaces what stands between the marks."""
    text = document.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end, f"{document} has lost the marks between which the figures stand"
    document.write_text(f"{before}{BEGIN}\n\n{as_markdown(figures)}\n{END}{after}", encoding="utf-8")


def _sections(figures: Figures) -> Iterator[str]:
    machine = figures.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine.packages.items())
    yield (
        f"Measured on {machine.date}: {machine.cores} cores of {machine.processor}, {machine.memory_gb:g} GB, "
        f"{machine.system}, Python {machine.python}, {packages}. Load at the start {machine.load_at_start:g}; "
        f"{figures.rounds} rounds; the whole took {figures.took_s:.0f} s.\n"
    )
    yield "### Targets\n"
    yield from _table(("figure", "is", "limit", ""), (_target_row(target) for target in targets(figures)))
    for database, rows in figures.steps.items():
        yield f"### A step on {database}, 50 slots\n"
        shown = [row for case in BY_ACTIONS for row in rows if (row.actions, row.slots) == (case.actions, case.slots)]
        yield from _table(_STEP_HEAD, (_step_row(row) for row in shown))
    yield "### A step of 10 actions by the size of its grid\n"
    yield from _table(("database", "slots", "p50 ms", "CPU ms", "kB", "p50 / that of 10 slots"), _slot_rows(figures))
    yield "### Decisions\n"
    decisions = figures.decisions
    yield from _table(
        ("price", "per second of CPU", "statements"),
        [
            ("inside the quiet band", f"{decisions.inside_per_second:,.0f}", str(decisions.statements)),
            (f"outside, {decisions.slots} slots", f"{decisions.outside_per_second:,.0f}", str(decisions.statements)),
        ],
    )
    yield "### The services against simex\n"
    yield from _table(
        ("", *figures.live), [(name, *values) for name, values in zip(_LIVE, _live_columns(figures), strict=True)]
    )
    yield "### simex under load\n"
    yield from _table(("", ""), _simex_rows(figures))


def _simex_rows(figures: Figures) -> Iterator[tuple[str, str]]:
    orders = figures.orders
    connections = f"{orders.connections} connections"
    yield f"signed orders through HTTP over {connections}, per second", f"{orders.orders_per_second:,.0f}"
    yield "CPU of simex by the order, ms", f"{orders.cpu_ms:.2f}"
    yield "memory by 100,000 open orders: of who took them, MB", f"{orders.memory_mb:.0f}"
    yield "memory by 100,000 open orders: after a restart, MB", f"{orders.recovered_memory_mb:.0f}"
    yield f"start with {orders.orders:,} open orders, s", f"{orders.recovery_s:.1f}"
    for load in (figures.trades, figures.all_streams):
        streams = ", ".join(f"@{name.partition('@')[2]}" for name in load.streams)
        yield f"events to one subscriber of {streams}, per second", f"{load.frames_per_second:,.0f}"


_LIVE = (
    "frame to book, p50 ms", "frame to book, p99 ms", "orchestrator killed: start to first order, s (most), CPU s",
    "all three killed: start to first order, s (most), CPU s", "memory of simex, MB", "memory of pricemon, MB",
    "memory of executor, MB", "memory of orchestrator, MB",
)  # fmt: skip


def _live_columns(figures: Figures) -> Iterator[tuple[str, ...]]:
    columns = [
        (
            f"{live.tick_to_order_p50_ms:.0f}",
            f"{live.tick_to_order_p99_ms:.0f}",
            *(_start(each) for each in (live.orchestrator_start, live.all_start)),
            *(f"{memory.peak_mb:.0f}" for memory in live.memory.values()),
        )
        for live in figures.live.values()
    ]
    return zip(*columns, strict=True)


def _start(figures: StartFigures) -> str:
    return f"{figures.seconds:.1f} ({figures.most_seconds:.1f}), {figures.cpu_seconds:.1f}"


def _target_row(target: Target) -> tuple[str, ...]:
    bound = "at least" if target.at_least else "at most"
    return target.name, _amount(target.value, target.unit), f"{bound} {_amount(target.limit, target.unit)}", (
        "met" if target.met else "MISSED"
    )  # fmt: skip


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2f}"
    return f"{number} {unit}".strip()


def _step_row(row: StepFigures) -> tuple[str, ...]:
    return (
        _SUBJECTS[row.subject], str(row.actions), f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", f"{row.p50_ratio:.2f}",
        f"{row.cpu_ms:.1f}", f"{row.cpu_ratio:.2f}", f"{row.kilobytes:.1f}",
        "not counted" if row.flushes is None else f"{row.flushes:.1f}",
    )  # fmt: skip


def _slot_rows(figures: Figures) -> Iterator[tuple[str, ...]]:
    for database in figures.steps:
        for case in BY_SLOTS:
            row = figures.step(database, ENGINE, case)
            yield (
                database, f"{row.slots:,}", f"{row.p50_ms:.1f}", f"{row.cpu_ms:.1f}", f"{row.kilobytes:.1f}",
                f"{row.p50_ratio:.2f}",
            )  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(head))]
    for number, row in enumerate(cells):
        yield "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        if number == 0:
            yield "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    yield ""
