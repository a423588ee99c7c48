"""Batches in progress: one task per request id, independent of the calls that wait for it.

A broken call does not cancel the task. Calls with the same request id share the task and its results.
"""

import asyncio
from collections.abc import AsyncIterator

from executor.dispatch.sender import Sender, need_of
from executor.ledger import acceptance
from executor.ledger.opening import Ledger
from executor.ledger.requests import LedgerAction, LedgerRequest, NewRequest
from executor.venue.clock import VenueClock
from executor.venue.limits.rate_limit import Priority
from executor.venue.limits.throttle import PATIENCE_MS
from gridcore.model.actions import ActionResult
from gridservice.change_signal import ChangeSignal
from gridservice.crash_point import around
from gridservice.tasks import cancel_and_wait

_MOST_IN_FLIGHT = 8  # of one batch: enough to hide the round trip, few enough for any venue's burst limit


class Batches:
    """Accepts requests and executes their actions."""

    def __init__(self, ledger: Ledger, clock: VenueClock, sender: Sender) -> None:
        self._ledger = ledger
        self._clock = clock
        self._sender = sender
        self._running: dict[str, _Batch] = {}

    async def execute(self, request: NewRequest) -> AsyncIterator[ActionResult]:
        """Yields each result once it is recorded. Raises the errors of `acceptance.accept`."""
        with around("executor.accept"):
            recorded = await self._ledger.writer.run(acceptance.accept, request, self._clock.local_ms())
        if recorded.complete:
            for action in recorded.actions:
                assert action.result is not None
                yield action.result
            return
        batch = self._running.get(request.request_id)
        if batch is None:
            batch = _Batch(recorded, self._sender)
            self._running[request.request_id] = batch
            batch.task.add_done_callback(lambda _: self._running.pop(request.request_id, None))
        async for result in batch.results():
            yield result

    async def close(self, grace_seconds: float) -> None:
        """Waits for actions in flight, at most for the grace period. The next startup looks up the rest."""
        tasks = [batch.task for batch in self._running.values()]
        if not tasks:
            return
        await asyncio.wait(tasks, timeout=grace_seconds)
        await cancel_and_wait(tasks)


class _Batch:
    def __init__(self, request: LedgerRequest, sender: Sender) -> None:
        self._request = request
        self._sender = sender
        self._known: dict[int, ActionResult] = {}
        self._changes = ChangeSignal()
        self._slots = asyncio.Semaphore(_MOST_IN_FLIGHT)
        self.task = asyncio.create_task(self._work())
        self.task.add_done_callback(lambda _: self._changes.beat())

    async def results(self) -> AsyncIterator[ActionResult]:
        """Yields the results as they are recorded.

        Raises the error that ended the work, if there was one. The same request id may be sent again then.
        """
        told: set[int] = set()
        while len(told) < len(self._request.actions):
            seen = self._changes.count
            for index in sorted(self._known.keys() - told):
                told.add(index)
                yield self._known[index]
            if self.task.done():
                self.task.result()
                if not self._known.keys() - told:
                    return
            else:
                await self._changes.after(seen)

    async def _work(self) -> None:
        """Executes cancels first, because they free capital and reduce risk, then closings, then openings.

        The time limit applies to each group as a whole. An action without room in the budgets by then ends as NOT_SENT,
        so that the step can continue.
        """
        for priority in (Priority.CANCEL, Priority.CLOSING, Priority.OPENING):
            group = [one for one in self._request.actions if need_of(one.action).priority is priority]
            until = asyncio.get_running_loop().time() + PATIENCE_MS[priority] / 1000
            endings = await asyncio.gather(*(self._one(action, until) for action in group), return_exceptions=True)
            for ending in endings:
                if ending is not None:
                    raise ending

    async def _one(self, action: LedgerAction, until: float) -> None:
        async with self._slots:
            patience_ms = max(0, int((until - asyncio.get_running_loop().time()) * 1000))
            result = await self._sender.carry_out(self._request.symbol, self._request.epoch, action, patience_ms)
        self._known[action.index] = result
        self._changes.beat()
