"""A short storm over real processes: the grid trades on between the kills, and every promise holds."""

from pathlib import Path

import pytest

from gridchaos.storms.deployment import TO_EXECUTOR, TO_VENUE
from gridchaos.storms.schedule import (
    Clock,
    Die,
    Fault,
    Halt,
    Kill,
    ManualOrder,
    Partition,
    Schedule,
    Snap,
    Stop,
)
from gridchaos.storms.storm import play
from gridtesting.live.databases import SQLITE, Database

pytestmark = pytest.mark.system

SMALL = Schedule(
    seed=7,
    database=SQLITE,
    events=(
        Fault(0, {"kind": "FAULT_KIND_RESET_AFTER", "endpoint": "POST order", "count": 1}),
        Kill(1, "orchestrator"),
        Partition(1, TO_VENUE, "stalled", 4),
        Die(2, "executor", (30,)),
        Clock(0, -4_000),
        Stop(1, "pricemon", 3),
        Snap(1, "executor", 1, arrives=True),
        Partition(1, TO_EXECUTOR, "responses-dropped", 3),
        Kill(2, "simex"),
        ManualOrder(0, "sell", 60),
        Halt(0, 3),
        Kill(1, "orchestrator", at_once=True),
    ),
)


async def test_a_storm_leaves_every_promise_kept_and_the_grid_trading(tmp_path: Path) -> None:
    played = await play(SMALL, tmp_path, Database(SQLITE))
    result = played.result
    assert result.problems == (), played.said
    assert result.clean
    assert result.kills == SMALL.kills == 6
    assert result.fills >= 6  # between the kills it trades, or they prove nothing
    assert result.protected_ms
    assert result.faults >= 1
