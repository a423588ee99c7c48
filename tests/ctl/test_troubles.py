"""Troubles of real servers, as `status` and the live view ask for them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from gridctl.commands.status import ask
from gridctl.view.trouble_watcher import TroubleWatch
from griddeploy.channels import Channels
from griddeploy.deployment import Deployment
from griddeploy.free_ports import free_ports
from gridrpc.channel import open_sync_channel
from gridrpc.server import start_server
from gridservice.troubles import Kind, Troubles
from gridtesting.live.orchestrator import eventually
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2

DESCRIPTOR = executor_pb2.DESCRIPTOR.services_by_name["Executor"]


class Troubled(executor_pb2_grpc.ExecutorServicer):
    """An executor that knows of nothing but its troubles."""

    def __init__(self, troubles: Troubles) -> None:
        self._troubles = troubles

    async def ListTroubles(  # noqa: N802
        self, request: models_pb2.ListTroublesRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> models_pb2.ListTroublesResponse:
        return self._troubles.to_proto()


@pytest.fixture
def troubles() -> Troubles:
    return Troubles(lambda: 1_700_000_000_000)


@pytest.fixture
async def deployment(troubles: Troubles) -> AsyncIterator[Deployment]:
    """A deployment whose executor answers, and whose other services are not there."""
    pricemon, orchestrator = free_ports(2)
    door = (DESCRIPTOR, executor_pb2_grpc.add_ExecutorServicer_to_server, Troubled(troubles))
    server = await start_server("127.0.0.1:0", [door])
    addresses = {
        "pricemon": f"127.0.0.1:{pricemon}",
        "executor": f"127.0.0.1:{server.port}",
        "orchestrator": f"127.0.0.1:{orchestrator}",
    }
    yield Deployment(Path("grid.toml"), "demo", ("BTC/USDT",), addresses)
    await server.stop(0)


async def test_a_service_that_serves_is_asked_for_its_troubles_and_one_that_does_not_is_as_before(
    troubles: Troubles, deployment: Deployment
) -> None:
    troubles.begin(Kind.KEY_REFUSED, "the venue refuses the keys")
    status = await asyncio.to_thread(ask, deployment, open_sync_channel)
    assert [each.kind for each in status.troubles["executor"]] == ["KEY_REFUSED"]
    assert "pricemon" not in status.troubles
    assert status.healths["pricemon"] == "UNAVAILABLE"


async def test_the_live_view_has_a_trouble_and_loses_it(troubles: Troubles, deployment: Deployment) -> None:
    async with Channels(deployment) as channels:
        watch = TroubleWatch(channels.troubled)
        async with watch.at_work():
            troubles.begin(Kind.KEY_REFUSED, "the venue refuses the keys")
            troubles.begin(Kind.MARKET_CLOSED, "in a break", symbol="ETH/USDT")

            async def seen() -> bool:
                return [line.partition(":")[0] for line in watch.of("BTC/USDT")] == ["KEY_REFUSED"]

            async def gone() -> bool:
                return not watch.of("BTC/USDT")

            await eventually(seen, "the account's trouble is shown with each grid, another symbol's is not")
            assert any("ETH/USDT" in line for line in watch.of("ETH/USDT"))
            troubles.end(Kind.KEY_REFUSED)
            await eventually(gone, "the trouble is over")
