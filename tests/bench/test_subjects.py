"""Engine and baselines really carry steps out: each in its own process, over the stub executor, on both databases."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gridbench.case import BY_SLOTS
from gridbench.process import BenchError, stub_executor, worker
from gridbench.steps import ENGINE, FLOOR, PER_ACTION, SUBJECTS
from gridtesting.live.databases import Database

CASE = BY_SLOTS[0]
STEPS = 2

pytestmark = pytest.mark.system


def recorded_steps(subject: str, database: Database, folder: Path) -> int:
    """How many rows the subject's own commits have left."""
    if subject == ENGINE:
        query = "SELECT count(*) FROM trading_steps WHERE trigger_kind = 'order_updates'"
        return int(database.query_state(folder, CASE.symbol, query)[0][0])
    if database.url:
        return int(database.query_state(folder, CASE.symbol, "SELECT count(*) FROM public.steps")[0][0])
    with closing(sqlite3.connect(folder / "plain.sqlite")) as file:
        return int(file.execute("SELECT count(*) FROM steps").fetchone()[0])


@pytest.mark.parametrize("subject", SUBJECTS)
async def test_a_subject_carries_out_the_steps_that_it_times(subject: str, tmp_path: Path, database: Database) -> None:
    async with (
        stub_executor(tmp_path) as executor,
        worker(subject, tmp_path, executor, database.url) as started,
    ):
        turn = await started.run(CASE, STEPS)

    assert len(turn.seconds) == STEPS
    assert all(second > 0 for second in turn.seconds)
    assert turn.cpu_seconds > 0
    workflows_a_step = CASE.actions if subject == PER_ACTION else 1
    assert recorded_steps(subject, database, tmp_path / subject) == STEPS * workflows_a_step


async def test_a_subject_that_cannot_start_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"floor\.log"):
        async with worker(FLOOR, tmp_path, "127.0.0.1:1", "postgresql://nobody@127.0.0.1:1/nothing"):
            pass
