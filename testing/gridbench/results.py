"""All that one run has measured, as plain values: what the JSON holds, and what the tables and targets are made of."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from gridbench.case import BY_ACTIONS, BY_SLOTS, Case
from gridbench.decisions import Decisions
from gridbench.live import Live, Memory, Start, percentile
from gridbench.machine import Machine
from gridbench.simex_load import OrderLoad
from gridbench.simex_stream import StreamLoad
from gridbench.steps import ENGINE, PLAIN, Results, Series, ratio


@dataclass(frozen=True, slots=True)
class StepFigures:
    """One subject on one case. Ratios are to the plain DBOS workflow in the same rounds, 0 where it was not asked."""

    subject: str
    actions: int
    slots: int
    samples: int
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    kilobytes: float
    flushes: float | None
    p50_ratio: float
    cpu_ratio: float


@dataclass(frozen=True, slots=True)
class StartFigures:
    """From a start after SIGKILL to the first order: median, most, and the median of the CPU spent."""

    seconds: float
    most_seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """The services together, on one database."""

    samples: int
    tick_to_order_p50_ms: float
    tick_to_order_p99_ms: float
    restarts: int
    orchestrator_start: StartFigures
    all_start: StartFigures
    memory: Mapping[str, Memory]


@dataclass(frozen=True, slots=True)
class Figures:
    """A whole run. By database where there are two."""

    machine: Machine
    rounds: int
    took_s: float
    steps: Mapping[str, list[StepFigures]]
    decisions: Decisions
    live: Mapping[str, LiveFigures]
    orders: OrderLoad  # on simex alone, as are the streams
    trades: StreamLoad
    all_streams: StreamLoad

    def step(self, database: str, subject: str, case: Case) -> StepFigures:
        """The row of a subject for a case, on a database."""
        return next(
            row
            for row in self.steps[database]
            if (row.subject, row.actions, row.slots) == (subject, case.actions, case.slots)
        )

    def as_json(self) -> dict[str, object]:
        """For a machine to read."""
        return asdict(self)


def step_figures(results: Results) -> list[StepFigures]:
    """The rows of one database."""
    return [_row(subject, case, series, results) for (subject, case), series in results.items()]


def live_figures(live: Live) -> LiveFigures:
    """The figures of one run of the services."""
    return LiveFigures(
        samples=len(live.tick_to_order_ms),
        tick_to_order_p50_ms=percentile(live.tick_to_order_ms, 0.5),
        tick_to_order_p99_ms=percentile(live.tick_to_order_ms, 0.99),
        restarts=len(live.orchestrator_starts),
        orchestrator_start=_start_figures(live.orchestrator_starts),
        all_start=_start_figures(live.all_starts),
        memory=live.memory,
    )


def _start_figures(starts: Sequence[Start]) -> StartFigures:
    seconds = [start.seconds for start in starts]
    return StartFigures(
        statistics.median(seconds), max(seconds), statistics.median(start.cpu_seconds for start in starts)
    )


def _row(subject: str, case: Case, series: Series, results: Results) -> StepFigures:
    # By slots the engine is held against itself on the smallest grid.
    under = results.get((PLAIN, case)) if case in BY_ACTIONS else results[ENGINE, BY_SLOTS[0]]
    return StepFigures(
        subject=subject,
        actions=case.actions,
        slots=case.slots,
        samples=sum(len(each) for each in series.seconds),
        p50_ms=series.p50 * 1e3,
        p99_ms=series.p99 * 1e3,
        cpu_ms=series.cpu * 1e3,
        kilobytes=series.bytes / 1e3,
        flushes=series.flushes,
        p50_ratio=ratio(series.rounds_p50, under.rounds_p50) if under else 0.0,
        cpu_ratio=ratio(series.cpu_seconds, under.cpu_seconds) if under else 0.0,
    )
