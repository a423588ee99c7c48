"""The orchestrator's surroundings, one for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gridtesting.orchestrator import World, serving_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Executor and pricemon, at a price between two levels of the grid."""
    async with serving_world(tmp_path / "data") as surroundings:
        yield surroundings
