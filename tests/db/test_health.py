"""Health of a database; a refusal that comes late still ends the process."""

import asyncio
import threading

import pytest

from griddb.errors import UnreachableError
from gridrpc import database_health


class SlowToRefuse:
    """The first check blocks until it is released, and then raises, as for a lease that another process has taken."""

    away = ""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.looks = 0

    def ping(self) -> None:
        self.looks += 1
        if self.looks == 1:
            assert self.go_on.wait(30)
            raise UnreachableError("refused")


class SlowServer:
    """A server whose status is set during the check; the call lasts until the check has ended."""

    def __init__(self, database: SlowToRefuse) -> None:
        self._database = database

    async def set_serving(self, *, serving: bool) -> None:
        assert serving
        looks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task() and not task.done()]
        self._database.go_on.set()
        await asyncio.wait({task for task in looks if "to_thread" in repr(task.get_coro())}, timeout=30)


async def test_a_refusal_that_comes_while_nobody_waits_for_it_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_health, "_EVERY_SECONDS", 0.05)
    database = SlowToRefuse()
    with pytest.raises(UnreachableError, match="refused"):
        async with asyncio.timeout(30):
            await database_health.publish_database_health(SlowServer(database), database)  # type: ignore[arg-type]  # of a server it needs this much
    assert database.looks == 1
