"""The gRPC channels of a run to its services, opened and closed together."""

from collections.abc import Awaitable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, Self

import grpc

from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX, Deployment
from gridrpc.channel import open_channel
from gridwright.v1 import executor_pb2_grpc, models_pb2, orchestrator_pb2_grpc, pricemon_pb2_grpc, simex_pb2_grpc

if TYPE_CHECKING:  # the asynchronous halves of the stubs exist for type checkers only
    from gridwright.v1.executor_pb2_grpc import ExecutorAsyncStub
    from gridwright.v1.orchestrator_pb2_grpc import OrchestratorAsyncStub
    from gridwright.v1.simex_pb2_grpc import SimexAsyncStub


class AsksTroubles(Protocol):
    """A stub of any of the three services."""

    def ListTroubles(  # noqa: N802  # the contract's name
        self, request: models_pb2.ListTroublesRequest, *, timeout: float
    ) -> Awaitable[models_pb2.ListTroublesResponse]:
        """Lists the troubles of the service."""
        ...


class Channels:
    """Stubs of a deployment's services, each with a channel that is opened on first use. An async context manager."""

    def __init__(self, deployment: Deployment) -> None:
        self._addresses = deployment.addresses
        self._channels: list[grpc.aio.Channel] = []

    @cached_property
    def simex(self) -> "SimexAsyncStub":
        """The stub of simex's control service."""
        return simex_pb2_grpc.SimexStub(self._open(SIMEX))

    @cached_property
    def executor(self) -> "ExecutorAsyncStub":
        """The executor's stub."""
        return executor_pb2_grpc.ExecutorStub(self._open(EXECUTOR))

    @cached_property
    def orchestrator(self) -> "OrchestratorAsyncStub":
        """The orchestrator's stub."""
        return orchestrator_pb2_grpc.OrchestratorStub(self._open(ORCHESTRATOR))

    @cached_property
    def watched(self) -> "OrchestratorAsyncStub":
        """The orchestrator's stub for WatchState: of several answers only the newest is kept."""
        return orchestrator_pb2_grpc.OrchestratorStub(self._open(ORCHESTRATOR, newest_only=True))

    @cached_property
    def troubled(self) -> dict[str, AsksTroubles]:
        """The stubs of the deployment's services that report troubles."""
        found: dict[str, AsksTroubles] = {}
        if PRICEMON in self._addresses:
            found[PRICEMON] = pricemon_pb2_grpc.PriceMonitorStub(self._open(PRICEMON))
        if EXECUTOR in self._addresses:
            found[EXECUTOR] = self.executor
        if ORCHESTRATOR in self._addresses:
            found[ORCHESTRATOR] = self.orchestrator
        return found

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for channel in self._channels:
            await channel.close()

    def _open(self, name: str, *, newest_only: bool = False) -> grpc.aio.Channel:
        channel = open_channel(self._addresses[name], newest_only=newest_only)
        self._channels.append(channel)
        return channel
