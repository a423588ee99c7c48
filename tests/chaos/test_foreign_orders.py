"""Manual orders before, during and after many restarts: untouched, shown, counted against the budget (P6)."""

from pathlib import Path

import pytest

from gridchaos.matrix.matrix import parse
from gridchaos.matrix.restart_cases import Restarts, play_restarts

pytestmark = pytest.mark.system


async def test_manual_orders_outlive_a_dozen_restarts_and_bind_the_budget(tmp_path: Path) -> None:
    restarted = await play_restarts(Restarts(12, seed=7), tmp_path)  # `python -m gridchaos --case restarts/100/7`
    assert (restarted.problems, restarted.verdict.problems) == ((), ())
    assert restarted.verdict.audit.fills > 0


def test_restarts_are_known_by_their_id() -> None:
    assert parse("restarts/100/7") == Restarts(100, 7)
    assert Restarts(100, 7).id == "restarts/100/7"
    for wrong in ("restarts/100", "restarts/100/x", "restarts/-1/7"):
        with pytest.raises(ValueError, match="give restarts/count/seed"):
            parse(wrong)
