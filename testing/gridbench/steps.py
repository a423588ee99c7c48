"""Step benchmark: engine and baselines take turns in each round, so that a disturbance affects all of them."""

import contextlib
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gridbench.case import BY_ACTIONS, BY_SLOTS, Case
from gridbench.database import Meter
from gridbench.process import Worker, stub_executor, worker

ENGINE, FLOOR, PLAIN, PER_ACTION = "engine", "floor", "plain", "per-action"
SUBJECTS = (ENGINE, FLOOR, PLAIN, PER_ACTION)
_STEPS = 15  # steps of a turn
_PER_ACTION_WORKFLOWS = 20  # workflows of a turn with one workflow per action
_COUNTED_STEPS = 20

Say = Callable[[str], None]


@dataclass(slots=True)
class Series:
    """One subject on one case, one number per round. CPU is that of the worker and of the database's processes."""

    seconds: list[list[float]] = field(default_factory=list[list[float]])  # of each step
    cpu_seconds: list[float] = field(default_factory=list[float])  # per step
    bytes_written: list[float] = field(default_factory=list[float])  # per step
    flushes: float | None = None  # per step

    @property
    def rounds_p50(self) -> list[float]:
        """Median of each round, in seconds."""
        return [statistics.median(each) for each in self.seconds]

    @property
    def p50(self) -> float:
        """Median of the rounds' medians, in seconds."""
        return statistics.median(self.rounds_p50)

    @property
    def p99(self) -> float:
        """99th percentile of all steps of all rounds, in seconds; the slowest if they are fewer than a hundred."""
        steps = sorted(second for each in self.seconds for second in each)
        return steps[min(len(steps) - 1, len(steps) * 99 // 100)]

    @property
    def cpu(self) -> float:
        """Median over the rounds of CPU seconds per step."""
        return statistics.median(self.cpu_seconds)

    @property
    def bytes(self) -> float:
        """Median over the rounds of bytes per step."""
        return statistics.median(self.bytes_written)


Cell = tuple[str, Case]
Results = Mapping[Cell, Series]


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """Returns the median of the rounds' ratios: what slowed the machine down in a round slowed both."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def cells() -> list[Cell]:
    """Returns the measured pairs: all subjects by actions, the engine by slots too."""
    return [(subject, case) for case in BY_ACTIONS for subject in SUBJECTS] + [(ENGINE, case) for case in BY_SLOTS]


async def measure_steps(meter: Meter, folder: Path, rounds: int, say: Say) -> Results:
    """Measures steps on one database."""
    results = {cell: Series() for cell in cells()}
    async with contextlib.AsyncExitStack() as stack:
        executor = await stack.enter_async_context(stub_executor(folder))
        workers = {
            name: await stack.enter_async_context(worker(name, folder, executor, meter.url_for(name)))
            for name in SUBJECTS
        }
        for name, case in results:
            await workers[name].run(case, 2)  # caches, connections, the grid's first orders
        for number in range(rounds):
            say(f"round {number + 1} of {rounds}")
            await _round(workers, meter, results, number)
        say("counting flushes")
        for (name, case), series in results.items():
            if case in BY_ACTIONS:
                series.flushes = await meter.flushes(workers[name], case, steps_of_turn(name, case, _COUNTED_STEPS))
    return results


async def _round(workers: Mapping[str, Worker], meter: Meter, results: Results, number: int) -> None:
    order = list(results)
    start = number * 5 % len(order)  # no subject always follows the same one
    for name, case in order[start:] + order[:start]:
        steps = steps_of_turn(name, case)
        cpu_before, bytes_before = meter.mark()
        turn = await workers[name].run(case, steps)
        cpu_after, bytes_after = meter.mark()
        series = results[name, case]
        series.seconds.append(list(turn.seconds))
        series.cpu_seconds.append((turn.cpu_seconds + cpu_after - cpu_before) / steps)
        series.bytes_written.append(meter.bytes_of(turn, bytes_before, bytes_after) / steps)


def steps_of_turn(name: str, case: Case, usual: int = _STEPS) -> int:
    """How many steps of a case one turn of a subject has: fewer where each action is a workflow of its own."""
    return min(10, max(1, _PER_ACTION_WORKFLOWS // case.actions)) if name == PER_ACTION else usual
