"""A real executor in this process, called without gRPC: its servicer gets what clients send, also across crashes.

For state machines with thousands of steps. Ledger, servicer and client are the real ones. A call that a crash breaks is
repeated once the executor is back, as clients do. Time stands still unless the test moves it.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from executor.api.servicer import ExecutorServicer
from executor.ledger import updates
from executor.ledger.opening import Ledger, open_ledger
from executor.limits import ExecutorLimits
from executor.service import Executor
from executor.venue.clock import VenueClock
from gridcore.model.actions import ActionResult, OrderUpdate
from gridcore.model.events import Plan
from gridrpc.convert_orders import action_to_proto, result_from_proto
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import STEPWISE, SYMBOL, CrashError, CrashPoint, fresh_ledger, mortal
from gridwright.v1 import executor_pb2
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.reachability import Reachability

T = TypeVar("T")


class DirectExecutor:
    """Opens, crashes and reopens over one ledger. `crash` selects the transaction at which it dies."""

    def __init__(self, folder: Path, clock: ManualClock, venue: FakeVenue, pace: ExecutorLimits = STEPWISE) -> None:
        self._folder = folder
        self._clock = clock
        self._venue = venue
        self._pace = pace

    async def open(self) -> None:
        """Recovers the ledger and serves."""
        self.crash = CrashPoint()
        self._stack = contextlib.ExitStack()
        url = fresh_ledger(self._folder, self._clock())
        opened = self._stack.enter_context(open_ledger(url, self._clock()))
        self.ledger: Ledger = mortal(opened, self.crash)
        self.executor = Executor(self.ledger, self._venue, (SYMBOL,), self._pace, VenueClock(self._clock))
        self.servicer = ExecutorServicer(self.executor)
        await self.executor.start()

    async def close(self) -> None:
        """Closes it; actions in flight are left to the next opening, which finds them interrupted."""
        await self.executor.close()
        self._stack.close()

    async def reopen(self) -> None:
        """Crashes, if it has not, and recovers while the venue answers reads."""
        self._venue.reads_to_fail = 0
        await self.close()
        await self.open()

    def die_after(self, transactions: int, *, after_commit: bool) -> None:
        """Makes it die at the n-th transaction from now, right before or right after its commit."""
        self.crash.at, self.crash.after_commit = self.crash.commits + transactions, after_commit

    async def through(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer; repeats the call whenever the executor crashes during it."""
        while True:
            try:
                return await call()
            except CrashError:
                await self.reopen()

    async def poll(self) -> None:
        """Runs its poll of the venue once."""

        async def call() -> None:
            await self.executor.watches[0].poll_once()  # of the executor that exists by then

        await self.through(call)

    async def log(self, after_offset: int = 0, limit: int = 100_000) -> list[OrderUpdate]:
        """Reads the update log after an offset from the ledger."""
        return await self.through(lambda: self.ledger.writer.run(updates.page, SYMBOL, after_offset, limit))

    async def execute(self, plan: Plan) -> tuple[ActionResult, ...]:
        """Calls BatchExecute for a plan through the orchestrator's client."""
        request = executor_pb2.BatchExecuteRequest(
            request_id=plan.request_id,
            symbol=plan.symbol,
            epoch=plan.epoch,
            actions=[action_to_proto(action) for action in plan.actions],
        )

        async def call() -> Sequence[ActionResult]:
            answers = self.servicer.BatchExecute(request, _NOBODY)
            return [result_from_proto(message) async for message in answers]

        return tuple(sorted(await self.through(call), key=lambda result: result.index))

    def client(self) -> ExecutorClient:
        """The orchestrator's client to it."""
        channel: Any = _Channel(self)
        return ExecutorClient(channel, Reachability("executor"))


_NOBODY: Any = None  # the servicer does not use its context


class _Channel:
    """The part of a channel that a stub uses."""

    def __init__(self, deployment: DirectExecutor) -> None:
        self._deployment = deployment

    def unary_unary(self, method: str, **_: object) -> Callable[..., Awaitable[Any]]:
        name = method.rpartition("/")[2]

        async def call(request: object, timeout: float | None = None) -> Any:  # noqa: ASYNC109  # the stub's signature
            del timeout
            return await self._deployment.through(lambda: getattr(self._deployment.servicer, name)(request, _NOBODY))

        return call

    def unary_stream(self, method: str, **_: object) -> Callable[..., AsyncIterator[Any]]:
        name = method.rpartition("/")[2]

        async def stream(request: object) -> AsyncIterator[Any]:
            try:
                async for message in getattr(self._deployment.servicer, name)(request, _NOBODY):
                    yield message
            except CrashError:
                await self._deployment.reopen()  # the stream ends, and its reader opens another

        return stream
