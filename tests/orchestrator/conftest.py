"""The orchestrator's surroundings, one for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gridtesting.live.databases import Database
from gridtesting.live.orchestrator import World, serving_world


@pytest.fixture
async def world(tmp_path: Path, database: Database) -> AsyncIterator[World]:
    """Executor and pricemon, at a price between two levels of the grid; the orchestrator's data in either database."""
    async with serving_world(tmp_path / "data", database) as surroundings:
        yield surroundings
