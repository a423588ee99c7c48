"""The tables say what was measured and whether it is enough, and find their place in the document."""

from dataclasses import replace
from pathlib import Path

import pytest

from gridbench.decisions import Decisions, measure_decisions
from gridbench.live import Live, Memory, Start, percentile
from gridbench.machine import this_machine
from gridbench.report import BEGIN, END, as_markdown, write_into
from gridbench.results import Figures, live_figures, step_figures
from gridbench.simex_load import OrderLoad, measure_orders
from gridbench.simex_stream import EVERYTHING, TRADES, StreamLoad
from gridbench.steps import ENGINE, PER_ACTION, PLAIN, Series, cells, ratio
from gridbench.targets import targets

# Seconds of CPU and of a step, so that each target is met with something to spare.
COSTS = {ENGINE: 0.012, PLAIN: 0.010, PER_ACTION: 0.120}


def figures(inside_per_second: float = 2_000_000) -> Figures:
    results = {
        (subject, case): Series(
            [[COSTS.get(subject, 0.003)] * 10] * 10, [COSTS.get(subject, 0.003)] * 10, [1e3] * 10, 5
        )
        for subject, case in cells()
    }
    starts = (Start(2.0, 1.0), Start(3.0, 1.5))
    live = Live(
        (20, 30, 40),
        starts,
        starts,
        {name: Memory(100, 120) for name in ("simex", "pricemon", "executor", "orchestrator")},
    )
    return Figures(
        machine=this_machine(),
        rounds=10,
        took_s=100,
        steps={database: step_figures(results) for database in ("SQLite", "Postgres")},
        decisions=Decisions(inside_per_second, 10_000, 0),
        live={database: live_figures(live) for database in ("SQLite", "Postgres")},
        orders=OrderLoad(100_000, 8, 1_800.0, 0.5, 170.0, 2.1, 120.0),
        trades=StreamLoad(TRADES, 1_000, 1_000, 0.04),
        all_streams=StreamLoad(EVERYTHING, 1_000, 4_000, 0.2),
    )


def test_every_target_is_shown_with_its_figure_and_its_limit() -> None:
    text = as_markdown(figures())

    assert "MISSED" not in text
    assert "1.20 ×" in text
    assert "at most 1.30 ×" in text
    assert len(list(targets(figures()))) == text.count(" met ")


def test_a_figure_beyond_its_limit_is_missed() -> None:
    slow = figures(inside_per_second=999_999)

    assert [target.name for target in targets(slow) if not target.met] == ["decisions inside the quiet band"]
    assert "MISSED" in as_markdown(slow)


def test_the_figures_replace_those_that_stood_in_the_document(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text(f"before\n{BEGIN}\nold figures\n{END}\nafter\n")

    write_into(document, figures())
    write_into(document, replace(figures(), took_s=77))
    text = document.read_text()

    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old figures" not in text
    assert text.count("### Targets") == 1
    assert "the whole took 77 s" in text


def test_the_project_s_own_document_has_a_place_for_them() -> None:
    text = (Path(__file__).parents[2] / "docs" / "performance.md").read_text(encoding="utf-8")
    assert 0 < text.find(BEGIN) < text.find(END)


@pytest.mark.parametrize(("share", "expected"), [(0.5, 2), (0.99, 4), (0.0, 1), (1.0, 4)])
def test_a_percentile_is_one_of_the_samples(share: float, expected: int) -> None:
    assert percentile([4, 1, 3, 2], share) == expected


def test_a_ratio_is_taken_round_by_round() -> None:
    assert ratio([2, 20, 3], [1, 10, 3]) == 2  # one round ten times as slow, for both


def test_the_fastest_and_the_slowest_steps_are_of_all_rounds() -> None:
    series = Series([[1, 2, 3], [4, 5, 60]], [1, 3], [10, 30])
    assert (series.p50, series.p99, series.cpu, series.bytes) == (3.5, 60, 2, 20)


async def test_decisions_touch_no_database(tmp_path: Path) -> None:
    decisions = await measure_decisions(tmp_path)

    assert decisions.statements == 0
    assert decisions.inside_per_second > decisions.outside_per_second > 0


async def test_orders_are_measured_on_a_book_that_is_read_again(tmp_path: Path) -> None:
    load = await measure_orders(tmp_path, orders=80)

    assert load.orders == 80
    assert load.orders_per_second > 0
    assert load.cpu_ms > 0
    assert load.recovery_s > 0
