"""The services at their defaults against a simex with Binance's limits on: little weight, no 429, all grids trade."""

from pathlib import Path

import pytest

from gridbench.venue_limits import LIMIT_A_MINUTE, measure

pytestmark = pytest.mark.system


async def test_five_grids_at_defaults_stay_under_the_limits_and_are_never_refused(tmp_path: Path) -> None:
    measured = await measure(tmp_path, symbols=5, seconds=10.0, fills=5)
    assert 0 < measured.weight_a_minute < 0.6 * LIMIT_A_MINUTE
    assert measured.refused == 0
    assert len(measured.fill_to_order_ms) == 5
