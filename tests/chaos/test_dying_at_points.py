"""Real processes that die at a crash point: after the restart the books agree with the venue to the last digit.

These cases are CI's; `make chaos-all` plays all of them.
"""

from pathlib import Path

import pytest

from gridchaos.matrix.case import Case, Phase
from gridchaos.matrix.player import NotPassedError, play
from gridchaos.matrix.selection import Surveyed, essentials, matrix
from gridchaos.matrix.survey import carry_out, put_together, tasks, unpassed
from gridtesting.live.databases import Database

pytestmark = pytest.mark.system

CASES = [
    "executor.accept.after/placing/none",
    "executor.place.after/placing/traded-away",
    "executor.place.after:2+executor.look.after/placing/none",
    "executor.resolve.after/doubt/none",
    "executor.answer.before/fill/lost-answer",
    "executor.trade.after/partial/stream-cut",
    "executor.absent.after/trailing/lost-request",
    "executor.cancel.after/crossing/none",
    "executor.withdraw.after/crossing/cancel-banned",
    "executor.look_cancelled.after/halt/cancel-lost-answer",
    "executor.place.before/lift/hidden",
    "executor.start.caught_up/pruning/none",
    "orchestrator.prune_workflows.after/pruning/none",
    "orchestrator.trading_step.begun+orchestrator.start.settled/placing/none",
    "orchestrator.start.drained/doubt/event-missing",
    "orchestrator.commit_state.after/fill/none",
    "orchestrator.start.fenced+orchestrator.commit_state.after/fill/none",
    "orchestrator.run.before/fill/none",
    "orchestrator.batch_execute.after/partial/late-trade",
    "orchestrator.heard/trailing/cancel-crosses-half",
    "orchestrator.commit.after/crossing/events-reordered",
    "orchestrator.raise_fence.after/halt/cancel-undone-502",
    "orchestrator.lift_safe_mode.after/lift/none",
]


async def plays_well(case_id: str, folder: Path) -> None:
    case = Case.parse(case_id)
    played = await play(case, folder)
    assert played.died(case), played
    assert not played.verdict.problems
    assert played.verdict.mode == ("MODE_SAFE" if case.phase is Phase.HALT else "MODE_RUNNING")


@pytest.mark.xdist_group("dying")
@pytest.mark.parametrize("case_id", CASES)
async def test_a_process_that_dies_at_a_crash_point_leaves_nothing_undone(case_id: str, tmp_path: Path) -> None:
    await plays_well(case_id, tmp_path)


@pytest.mark.xdist_group("teeth")
@pytest.mark.parametrize("case_id", ["executor.ledger.written:5/placing/none", "orchestrator.commit.written/fill/none"])
async def test_a_transaction_that_dies_on_postgres_is_rolled_back(
    case_id: str, postgres_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_database.url)
    await plays_well(case_id, tmp_path)


@pytest.mark.xdist_group("teeth")
async def test_a_start_that_has_no_occasion_to_die_again_is_no_death_and_no_hang(tmp_path: Path) -> None:
    """The matrix plays such a case again, as it does if the first run has none."""
    case = Case.parse("executor.answer.before+executor.adopt.before/placing/none")
    with pytest.raises(NotPassedError, match="executor still runs"):
        await play(case, tmp_path, dies_within_seconds=6)
    assert (tmp_path / "trace-0").read_text(encoding="utf-8").split()[-1] == "executor.answer.before"


@pytest.fixture(scope="module")
def surveyed() -> Surveyed:
    """Every phase, really played. The starts after a death are `make chaos-all`'s to survey."""
    phases = [task for task in tasks() if not task.dies]
    return put_together([(task, carry_out(task)) for task in phases])


@pytest.mark.xdist_group("teeth")
def test_every_crash_point_is_passed_in_some_phase_or_it_is_said_where_it_is_died_at(surveyed: Surveyed) -> None:
    only_after_a_death = {"orchestrator.start.settled"}
    after_a_second = {"orchestrator.note_look.before", "orchestrator.note_look.after"}  # most phases are shorter
    assert set(unpassed(surveyed)) - after_a_second == only_after_a_death


@pytest.mark.xdist_group("teeth")
def test_the_cases_of_ci_have_every_service_phase_and_kind_of_fault_that_the_matrix_has(surveyed: Surveyed) -> None:
    wanted = {trait for case in matrix(surveyed) for trait in essentials(case)}
    assert wanted == {trait for case_id in CASES for trait in essentials(Case.parse(case_id))} - {
        ("executor", 2), ("orchestrator", 2),  # without the surveys of starts there are none
    }  # fmt: skip
