"""The audit's evidence is of one moment: what moves while it is read is read again."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from griddeploy.audit.gather import gather_at_rest
from griddeploy.channels import Channels
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, SIMEX, Deployment
from gridrpc.server import start_server
from gridwright.v1 import (
    executor_pb2,
    executor_pb2_grpc,
    models_pb2,
    orchestrator_pb2,
    orchestrator_pb2_grpc,
    simex_pb2,
    simex_pb2_grpc,
)

SYMBOL = "BTC/USDT"


class Grid(
    orchestrator_pb2_grpc.OrchestratorServicer, executor_pb2_grpc.ExecutorServicer, simex_pb2_grpc.SimexServicer
):
    """A grid at rest that makes another step each time its journal has been read, so many times."""

    def __init__(self, moves: int) -> None:
        self.seq = 1
        self._left = moves

    async def GetTruth(self, request: Any, context: Any) -> simex_pb2.Truth:  # noqa: N802
        return simex_pb2.Truth(orders=[simex_pb2.TrueOrder(client_order_id=name) for name in self._names()])

    async def GetState(self, request: Any, context: Any) -> orchestrator_pb2.GetStateResponse:  # noqa: N802
        return orchestrator_pb2.GetStateResponse(state=models_pb2.State(symbol=SYMBOL, seq=self.seq), trading=True)

    async def Explain(self, request: Any, context: Any) -> orchestrator_pb2.TradingStep:  # noqa: N802
        if self._left and request.seq == self.seq:
            self._left -= 1
            self.seq += 1
        return orchestrator_pb2.TradingStep()

    async def ListOpenOrders(self, request: Any, context: Any) -> executor_pb2.ListOpenOrdersResponse:  # noqa: N802
        return executor_pb2.ListOpenOrdersResponse()

    async def GetLedger(self, request: Any, context: Any) -> executor_pb2.Ledger:  # noqa: N802
        return executor_pb2.Ledger()

    def _names(self) -> Iterator[str]:
        return (f"order-{seq}" for seq in range(1, self.seq + 1))


@asynccontextmanager
async def channels_to(grid: Grid) -> AsyncIterator[Channels]:
    """To a server that is all three services."""
    services = [
        (orchestrator_pb2.DESCRIPTOR, "Orchestrator", orchestrator_pb2_grpc.add_OrchestratorServicer_to_server),
        (executor_pb2.DESCRIPTOR, "Executor", executor_pb2_grpc.add_ExecutorServicer_to_server),
        (simex_pb2.DESCRIPTOR, "Simex", simex_pb2_grpc.add_SimexServicer_to_server),
    ]
    server = await start_server(
        "127.0.0.1:0", [(file.services_by_name[name], add, grid) for file, name, add in services]
    )
    address = f"127.0.0.1:{server.port}"
    deployment = Deployment(
        Path("grid.toml"), "test", (SYMBOL,), dict.fromkeys((SIMEX, EXECUTOR, ORCHESTRATOR), address)
    )
    try:
        async with Channels(deployment) as channels:
            yield channels
    finally:
        await server.stop(0)


async def test_a_grid_that_moves_while_it_is_read_is_read_again() -> None:
    async with channels_to(Grid(moves=3)) as channels:
        evidence = await gather_at_rest(channels, "test", (SYMBOL,), 30, pause_seconds=0.01)
    assert evidence.settled
    assert [book.state.seq for book in evidence.books] == [4]
    assert [len(book.steps) for book in evidence.books] == [4]
    assert [order.client_order_id for order in evidence.truth.orders] == ["order-1", "order-2", "order-3", "order-4"]


async def test_of_one_that_never_rests_it_is_said() -> None:
    async with channels_to(Grid(moves=1_000_000)) as channels:
        evidence = await gather_at_rest(channels, "test", (SYMBOL,), 0.5, pause_seconds=0.01)
    assert not evidence.settled
    assert evidence.books
