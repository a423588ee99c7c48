"""Real processes that die at a crash point: after the restart the books agree with the venue to the last digit."""

from pathlib import Path

import pytest

from gridchaos.case import Case, Phase
from gridchaos.player import play, survey
from gridrpc.crash_points import CRASH_POINTS
from gridtesting.databases import Database

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("system")]

CASES = [
    "executor.accept.after/placing/none",
    "executor.place.before:2/placing/none",
    "executor.place.after:2+executor.look.after/placing/none",
    "executor.answer.before/fill/lost-answer",
    "executor.trade.after/fill/none",
    "orchestrator.trading_step.begun+orchestrator.start.settled/placing/none",
    "orchestrator.commit.written/fill/none",
    "orchestrator.raise_fence.after/halt/none",
]


@pytest.mark.parametrize("case_id", CASES)
async def test_a_process_that_dies_at_a_crash_point_leaves_nothing_undone(case_id: str, tmp_path: Path) -> None:
    case = Case.parse(case_id)
    played = await play(case, tmp_path)
    assert played.died(case), played
    assert not played.verdict.problems
    assert played.verdict.mode == ("MODE_SAFE" if case.phase is Phase.HALT else "MODE_RUNNING")


@pytest.mark.parametrize("case_id", ["executor.ledger.written:5/placing/none", "orchestrator.commit.written/fill/none"])
async def test_a_transaction_that_dies_on_postgres_is_rolled_back(
    case_id: str, postgres_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_database.url)
    case = Case.parse(case_id)
    played = await play(case, tmp_path)
    assert played.died(case), played
    assert not played.verdict.problems


async def test_a_survey_counts_what_a_phase_passes(tmp_path: Path) -> None:
    passes = await survey(Phase.FILL, tmp_path)
    assert passes["executor"]["executor.trade.after"] >= 1  # the stream and the poll may both tell of the fill
    assert passes["orchestrator"]["orchestrator.on_order_update.begun"] >= 1
    assert passes["executor"].keys() | passes["orchestrator"].keys() <= CRASH_POINTS.keys()


@pytest.mark.parametrize("case_id", CASES)
def test_a_case_is_known_by_its_id(case_id: str) -> None:
    assert Case.parse(case_id).id == case_id
