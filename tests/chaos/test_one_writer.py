"""A process that is stopped at a crash point, and a second one that is started meanwhile: never two that write (P7)."""

from pathlib import Path

import pytest

from gridchaos.matrix.case import Phase
from gridchaos.matrix.matrix import parse
from gridchaos.matrix.paused_process import Stop, play_stop, stops
from gridchaos.matrix.selection import Surveyed
from gridtesting.live.databases import Database

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    ("stop_id", "sentence"),
    [
        ("stop/orchestrator.commit.written/fill", "orchestrator: another orchestrator holds the data in "),
        ("stop/executor.place.before/fill", "executor: another executor holds this account's ledger"),
    ],
)
async def test_in_files_a_stopped_process_keeps_its_lease_and_a_second_one_is_refused(
    stop_id: str, sentence: str, tmp_path: Path
) -> None:
    stopped = await play_stop(Stop.parse(stop_id), tmp_path)
    assert (stopped.problems, stopped.verdict.problems) == ((), ())
    assert stopped.said.startswith(sentence)


@pytest.mark.parametrize(
    "stop_id",
    [
        "stop/orchestrator.start.agreed/placing",  # resumes by reading updates of orders that the second one has placed
        "stop/orchestrator.batch_execute.after/fill",  # by committing what the second one has committed
        "stop/executor.place.before/fill",  # by placing what the second one has found not to be placed
    ],
)
async def test_on_postgres_the_second_takes_over_and_the_first_changes_nothing_when_it_resumes(
    stop_id: str, postgres_database: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_database.url)
    stopped = await play_stop(Stop.parse(stop_id), tmp_path)
    assert (stopped.problems, stopped.verdict.problems) == ((), ())
    assert "another" in stopped.said


def test_every_point_that_is_passed_is_stopped_at_once() -> None:
    placing, fill = {"executor.told": 3, "executor.place.after": 3}, {"executor.told": 1, "executor.trade.after": 1}
    found = stops(Surveyed({Phase.PLACING: placing, Phase.FILL: fill}, {}))
    assert [stop.id for stop in found] == [
        "stop/executor.place.after/placing", "stop/executor.told/placing", "stop/executor.trade.after/fill",
    ]  # fmt: skip
    assert [parse(stop.id) for stop in found] == found


@pytest.mark.parametrize("wrong", ["stop/executor.tod/fill", "stop/executor.told", "stop/executor.told/filling"])
def test_what_is_no_stop_is_refused_in_a_sentence(wrong: str) -> None:
    with pytest.raises(ValueError, match="give "):
        parse(wrong)
