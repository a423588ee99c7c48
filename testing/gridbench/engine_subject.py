"""The real orchestrator as a subject: its service, engine, loop, workflows, state and store; nothing is replaced."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from gridbench.case import BOT, Case, first_price, some_ended
from gridbench.place import Place
from gridcore.grid.portions import MOST_OPENINGS
from gridcore.model.events import Trigger
from griddb.urls import DatabaseSettings
from gridservice.clock import now_ms
from orchestrator.config import Settings
from orchestrator.service import Service, running
from orchestrator.symbol.worker import SymbolWorker


class EngineSubject:
    """Makes the symbol's loop step; a step ends when it is committed and the loop could take the next."""

    def __init__(self, service: Service) -> None:
        self._engine = service.engine

    async def run(self, case: Case, steps: int) -> list[float]:
        """Runs steps of the real loop, scheduled by the loop itself."""
        worker = self._engine.workers[case.symbol]
        while (missing := case.slots - len(worker.context.state.slots)) > 0:
            await self._step(worker, first_price(now_ms()), actions=min(missing, MOST_OPENINGS))
        return [
            await self._step(worker, some_ended(case, worker.context.state, now_ms()), actions=case.actions)
            for _ in range(steps)
        ]

    async def _step(self, worker: SymbolWorker, trigger: Trigger, *, actions: int) -> float:
        over: asyncio.Future[float] = asyncio.get_running_loop().create_future()

        async def command() -> None:
            began = time.perf_counter()
            plan = await worker.loop.step(trigger)
            over.set_result(time.perf_counter() - began)
            assert len(plan.actions) == actions, f"the step has {len(plan.actions)} actions, not {actions}"

        worker.context.events.put_command(command)
        ends: set[asyncio.Future[Any]] = {over, self._engine.failure}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if self._engine.failure.done():
            raise self._engine.failure.result()
        return over.result()


@contextlib.asynccontextmanager
async def engine(place: Place, cases: Sequence[Case]) -> AsyncIterator[EngineSubject]:
    """Runs the orchestrator with a grid for each case, through its normal startup, without prices or ticks."""
    settings = Settings(
        bot=BOT,
        address="127.0.0.1:0",
        executor_address=place.executor_address,
        pricemon_address=place.executor_address,
        data_dir=place.folder,
        database=DatabaseSettings(place.database),
        tick_interval_ms=0,
        retention_hours=1,
        max_update_batch=100,
        conditions_interval_ms=10_000,
        reconcile_timeout_ms=1_000,
        grids=tuple(case.grid for case in cases),
    )
    async with running(settings) as service:
        await service.engine.start()
        yield EngineSubject(service)
