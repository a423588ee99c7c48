"""Where a subject of the step benchmark works: its folder or database, and the executor that it calls."""

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
    """A subject's own. `url` empty: SQLite in the folder."""

    folder: Path
    executor_address: str
    url: str = ""

    @property
    def database(self) -> sa.URL | None:
        """As the orchestrator's settings have it."""
        return parse_url(self.url, "url") if self.url else None


class Subject(Protocol):
    """Something that carries steps out."""

    async def run(self, case: Case, steps: int) -> list[float]:
        """So many steps of the case, one after another; the seconds that each took."""
        ...


OpenSubject = Callable[[Place], AbstractAsyncContextManager[Subject]]
