"""Streams one grid's state: keeps the orchestrator's newest answer and the last fills, across its restarts."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence

import grpc

from gridctl.view.snapshot import FillLine, Snapshot, fills_of
from griddeploy.process.supervisor import Incident, ServiceStatus
from gridservice.tasks import cancel_and_wait
from gridwright.v1 import orchestrator_pb2, orchestrator_pb2_grpc

_STEPS = 24  # in each answer: enough for the view and to miss no fill between two answers
_FILLS = 64
_PAUSE_SECONDS = 0.2


class StateWatcher:
    """The known state of one grid. Run `follow` as a task."""

    def __init__(self, orchestrator: "orchestrator_pb2_grpc.OrchestratorAsyncStub", symbol: str) -> None:
        self._orchestrator = orchestrator
        self.symbol = symbol
        self._answer: orchestrator_pb2.GetStateResponse | None = None
        self._answered_at = time.monotonic()
        self._connected = False
        self._fills: deque[FillLine] = deque(maxlen=_FILLS)

    async def follow(self) -> None:
        """Reads answers until it is cancelled. A broken stream is opened again."""
        request = orchestrator_pb2.WatchStateRequest(symbol=self.symbol, steps=_STEPS)
        while True:
            try:
                async for answer in self._orchestrator.WatchState(request):
                    self._take(answer)
            except grpc.aio.AioRpcError:
                pass  # it is down or starting; the snapshot shows for how long
            self._connected = False
            await asyncio.sleep(_PAUSE_SECONDS)

    def look(
        self,
        headline: str,
        services: Sequence[ServiceStatus] = (),
        incidents: Sequence[Incident] = (),
        troubles: Sequence[str] = (),
    ) -> Snapshot:
        """Returns the grid's current snapshot."""
        return Snapshot(
            symbol=self.symbol,
            headline=headline,
            answer=self._answer,
            answer_age_s=time.monotonic() - self._answered_at,
            connected=self._connected,
            fills=tuple(self._fills),
            services=services,
            incidents=incidents,
            troubles=troubles,
        )

    def _take(self, answer: orchestrator_pb2.GetStateResponse) -> None:
        self._answer = answer
        self._answered_at = time.monotonic()
        self._connected = True
        last = self._fills[-1].offset if self._fills else 0
        for step in reversed(answer.last_steps):  # newest first on the wire
            self._fills.extend(fill for fill in fills_of(step) if fill.offset > last)


@contextlib.asynccontextmanager
async def following(watchers: Sequence[StateWatcher]) -> AsyncIterator[None]:
    """Runs the watchers during the block."""
    tasks = [asyncio.create_task(watcher.follow()) for watcher in watchers]
    try:
        yield
    finally:
        await cancel_and_wait(tasks)
