"""The Orchestrator gRPC service: read calls for people and tools, and the operator commands."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import islice
from typing import Any

import grpc

from gridcore.model.state import Mode
from gridrpc.convert_state import MODES, slot_to_proto
from gridrpc.database_health import Watched
from gridrpc.errors import FailedPrecondition, InvalidArgument, NotFound, Unavailable
from gridservice.troubles import Troubles
from gridwright.v1 import models_pb2, orchestrator_pb2, orchestrator_pb2_grpc
from orchestrator.api.operator_commands import OperatorCommands
from orchestrator.api.views import state_view, step_view, workflow_view
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceClient
from orchestrator.engine import WorkflowEngine, WorkflowRecord
from orchestrator.symbol.worker import SymbolWorker

Context = grpc.aio.ServicerContext[Any, Any]
_STEPS = 8
_WORKFLOWS = 20
_WATCH_PAUSE_SECONDS = 0.05  # between two messages to one watcher: prices change faster than a person reads


class OrchestratorServicer(orchestrator_pb2_grpc.OrchestratorServicer):
    """Answers from memory and from the journal; calls neither venue nor executor."""

    def __init__(
        self,
        workers: Mapping[str, SymbolWorker],
        engine: WorkflowEngine,
        executor: ExecutorClient,
        prices: PriceClient,
        databases: Watched,
        troubles: Troubles,
    ) -> None:
        self._workers = workers
        self._engine = engine
        self._executor = executor
        self._prices = prices
        self._databases = databases
        self._troubles = troubles

    async def ListTroubles(  # noqa: N802
        self, request: models_pb2.ListTroublesRequest, context: Context
    ) -> models_pb2.ListTroublesResponse:
        """Returns the current troubles: what keeps the grids from trading as they should."""
        return self._troubles.to_proto()

    async def GetState(  # noqa: N802  gRPC's names
        self, request: orchestrator_pb2.GetStateRequest, context: Context
    ) -> orchestrator_pb2.GetStateResponse:
        """Returns the current committed state."""
        return self._state(self._worker(request.symbol), _STEPS)

    async def WatchState(  # noqa: N802
        self, request: orchestrator_pb2.WatchStateRequest, context: Context
    ) -> AsyncIterator[orchestrator_pb2.GetStateResponse]:
        """Streams the state, now and after each change. A slow reader skips intermediate states."""
        worker = self._worker(request.symbol)
        while True:
            seen = worker.context.changes.count
            yield self._state(worker, request.steps or _STEPS)
            await asyncio.sleep(_WATCH_PAUSE_SECONDS)
            await worker.context.changes.after(seen)

    async def ListSlots(  # noqa: N802
        self, request: orchestrator_pb2.ListSlotsRequest, context: Context
    ) -> orchestrator_pb2.ListSlotsResponse:
        """Returns the slots, sorted by price, lowest first."""
        slots = self._worker(request.symbol).context.state.slots.values()
        return orchestrator_pb2.ListSlotsResponse(
            slots=[slot_to_proto(slot) for slot in sorted(slots, key=lambda slot: slot.price)]
        )

    async def Pause(  # noqa: N802
        self, request: orchestrator_pb2.OperatorRequest, context: Context
    ) -> orchestrator_pb2.ModeResponse:
        """Changes the mode to PAUSED."""
        return _mode(await self._operations(request).pause(request.request_id, request.who, request.why))

    async def Resume(  # noqa: N802
        self, request: orchestrator_pb2.OperatorRequest, context: Context
    ) -> orchestrator_pb2.ModeResponse:
        """Changes the mode from PAUSED to RUNNING."""
        return _mode(await self._operations(request).resume(request.request_id, request.who, request.why))

    async def EnterSafeMode(  # noqa: N802
        self, request: orchestrator_pb2.OperatorRequest, context: Context
    ) -> orchestrator_pb2.ModeResponse:
        """Records the request to enter safe mode and returns; the procedure continues in the background."""
        return _mode(*await self._operations(request).enter_safe_mode(request.request_id, request.who, request.why))

    async def ExitSafeMode(  # noqa: N802
        self, request: orchestrator_pb2.OperatorRequest, context: Context
    ) -> orchestrator_pb2.ModeResponse:
        """Records the request to exit safe mode and returns."""
        return _mode(*await self._operations(request).exit_safe_mode(request.request_id, request.who, request.why))

    async def ListWorkflows(  # noqa: N802
        self, request: orchestrator_pb2.ListWorkflowsRequest, context: Context
    ) -> orchestrator_pb2.ListWorkflowsResponse:
        """Returns workflows, newest first."""
        self._refuse_while_away()
        if request.symbol:
            self._worker(request.symbol)
        limit = request.limit or _WORKFLOWS

        def read() -> list[WorkflowRecord]:
            found = self._engine.newest_first(status=request.status)
            wanted = (record for record in found if not request.symbol or record.symbol == request.symbol)
            return list(islice(wanted, limit))

        records = await asyncio.to_thread(read)
        return orchestrator_pb2.ListWorkflowsResponse(workflows=[workflow_view(record) for record in records])

    async def GetWorkflow(  # noqa: N802
        self, request: orchestrator_pb2.GetWorkflowRequest, context: Context
    ) -> orchestrator_pb2.Workflow:
        """Returns one workflow with its steps and the phases of its journal row."""
        self._refuse_while_away()
        record = await asyncio.to_thread(self._engine.find, request.workflow_id)
        if record is None:
            raise NotFound(
                f"workflow_id = {request.workflow_id!r}: no such workflow; ListWorkflows shows what there is"
            )
        steps = await asyncio.to_thread(self._engine.steps_of, request.workflow_id)
        worker = self._workers.get(record.symbol)
        row = None if worker is None else await asyncio.to_thread(worker.context.committed.find, request.workflow_id)
        return workflow_view(record, steps, row)

    async def Explain(  # noqa: N802
        self, request: orchestrator_pb2.ExplainRequest, context: Context
    ) -> orchestrator_pb2.TradingStep:
        """Returns one step from the journal."""
        self._refuse_while_away()
        worker = self._worker(request.symbol)
        row = await asyncio.to_thread(worker.context.committed.find, request.request_id, seq=request.seq)
        if row is None:
            what = f"request_id = {request.request_id!r}" if request.request_id else f"seq = {request.seq}"
            raise NotFound(
                f"{what}: the journal of {worker.context.symbol} has no such step; it is at step "
                f"{worker.context.state.seq}, and "
                "orchestrator.retention_hours says how far back it goes"
            )
        return step_view(row)

    def _state(self, worker: SymbolWorker, steps: int) -> orchestrator_pb2.GetStateResponse:
        return state_view(
            worker.context,
            worker.context.committed.last_steps(steps),
            executor_reachable=self._executor.reachable,
            pricemon_reachable=self._prices.reachable,
        )

    def _operations(self, request: orchestrator_pb2.OperatorRequest) -> OperatorCommands:
        self._refuse_while_away()
        for field in ("request_id", "who", "why"):
            if not getattr(request, field):
                raise InvalidArgument(f"{field} is empty: give it; what an operator does is kept with name and reason")
        worker = self._worker(request.symbol)
        if worker.context.refused:
            raise FailedPrecondition(
                f"{worker.context.symbol} is refused, nothing is done for it now: {worker.context.refused}",
                reason="SYMBOL_REFUSED",
            )
        return OperatorCommands(worker)

    def _worker(self, symbol: str) -> SymbolWorker:
        self._refuse_early()
        if not symbol and len(self._workers) == 1:
            return next(iter(self._workers.values()))
        worker = self._workers.get(symbol)
        if worker is None:
            raise InvalidArgument(f"symbol = {symbol!r}: give one of {', '.join(sorted(self._workers))}")
        return worker

    def _refuse_early(self) -> None:
        if not self._workers:
            raise Unavailable("the orchestrator is starting: try again in a moment")

    def _refuse_while_away(self) -> None:
        """Rejects a call that needs the database during an outage; calls answered from memory still work."""
        self._refuse_early()
        if away := self._databases.away:
            raise Unavailable(f"{away}: nothing was done, try again once it can be used", reason="DATABASE_AWAY")


def _mode(mode: Mode, workflow_id: str = "") -> orchestrator_pb2.ModeResponse:
    return orchestrator_pb2.ModeResponse(mode=MODES.to_proto(mode), workflow_id=workflow_id)
