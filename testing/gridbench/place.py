"""Environment of a subject of the step benchmark: its folder or database, and the executor that it calls."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from gridbench.case import Case
from griddb.urls import parse_url


@dataclass(frozen=True, slots=True)
class Place:
    """Environment of one subject. `url` empty: SQLite in the folder."""

    folder: Path
    executor_address: str
    url: str = ""

    @property
    def database(self) -> sa.URL | None:
        """Returns the database as the orchestrator's settings name it."""
        return parse_url(self.url, "url") if self.url else None


class Subject(Protocol):
    """Executes steps."""

    async def run(self, case: Case, steps: int) -> list[float]:
        """Runs the given number of steps of the case, one after another; returns the seconds of each."""
        ...


OpenSubject = Callable[[Place], AbstractAsyncContextManager[Subject]]
