"""What the figures have to show, and whether they do."""

from collections.abc import Iterator
from dataclasses import dataclass

from gridbench.case import BY_SLOTS, Case
from gridbench.results import Figures
from gridbench.steps import ENGINE, PER_ACTION

TEN = Case(10, 50)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its limit; `at_least`: the limit is the least, else the most."""

    name: str
    value: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        """Whether the value keeps the limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


def targets(figures: Figures) -> Iterator[Target]:
    """What a run is held to, with the values that it reached."""
    for database in figures.steps:
        engine = figures.step(database, ENGINE, TEN)
        split = figures.step(database, PER_ACTION, TEN)
        cheaper = split.cpu_ratio / engine.cpu_ratio
        yield Target(f"10-action step against a plain DBOS workflow, {database}", engine.p50_ratio, 1.3, "×")
        yield Target(f"cheaper in CPU than a workflow per action, {database}", cheaper, 6, "×", at_least=True)
    if "Postgres" in figures.steps:
        grown = figures.step("Postgres", ENGINE, BY_SLOTS[-1]).p50_ratio
        yield Target("step of a grid of 1,000 slots against one of 10, Postgres", grown, 1.2, "×")
    inside = figures.decisions.inside_per_second
    yield Target("decisions inside the quiet band", inside, 1_000_000, "/s", at_least=True)
    yield Target("statements to a database meanwhile", figures.decisions.statements, 0, "")
    for database, live in figures.live.items():
        yield Target(
            f"orchestrator's start to its first order, {database}", live.orchestrator_start.most_seconds, 5, "s"
        )
        yield Target(f"all three services' start to the first order, {database}", live.all_start.most_seconds, 5, "s")
    orders = figures.orders
    yield Target("signed orders through HTTP, simex", orders.orders_per_second, 1_500, "/s", at_least=True)
    trades = figures.trades.frames_per_second
    yield Target("public events to one subscriber, simex", trades, 20_000, "/s", at_least=True)
    yield Target(f"start of simex with {orders.orders:,} orders in its book", orders.recovery_s, 3, "s")
    names = {name for live in figures.live.values() for name in live.memory}
    for name in sorted(names):
        most = max(live.memory[name].peak_mb for live in figures.live.values())
        yield Target(f"memory of {name}", most, 220, "MB")
