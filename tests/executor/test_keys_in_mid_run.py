"""The executor as a process against a real simex that refuses its keys or falls silent: what is to be seen of it."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gridrpc.channel import open_channel
from gridtesting.live.orchestrator import eventually
from gridtesting.live.processes import start_listening
from gridtesting.live.simex import SimexHandle, running_simex
from gridwright.v1 import executor_pb2, executor_pb2_grpc, models_pb2, simex_pb2

pytestmark = pytest.mark.system

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE = "gridwright.v1.Executor"


@dataclass(frozen=True, slots=True)
class Seen:
    """What people and tools can see of an executor."""

    health: health_pb2_grpc.HealthStub
    executor: "executor_pb2_grpc.ExecutorAsyncStub"
    log: Path

    async def says(self, kinds: list[str], status: int) -> bool:
        answer = await self.executor.ListTroubles(models_pb2.ListTroublesRequest())
        found = [trouble.kind for trouble in answer.troubles]
        healths = [
            (await self.health.Check(health_pb2.HealthCheckRequest(service=name))).status for name in ("", SERVICE)
        ]
        return found == kinds and healths == [status, status]

    def alerts(self) -> list[str]:
        return [line for line in self.log.read_text(encoding="utf-8").splitlines() if "ALERT" in line]


@contextlib.asynccontextmanager
async def running_executor_of(simex: SimexHandle, folder: Path) -> AsyncIterator[Seen]:
    config = folder / "grid.toml"
    config.write_text(
        f'[venue]\nexchange = "binance"\nbase_url = "{simex.http_url}"\n'
        f'[executor]\ndata_dir = "{folder / "data"}"\naddress = "127.0.0.1:0"\n'
        '[[grids]]\nsymbol = "BTC/USDT"\n',
        encoding="utf-8",
    )
    log = folder / "executor.log"
    process, address = await start_listening("executor", config, log, forked=True)
    try:
        async with open_channel(address) as channel:
            yield Seen(health_pb2_grpc.HealthStub(channel), executor_pb2_grpc.ExecutorStub(channel), log)
    finally:
        await process.stop(0)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDWRIGHT_API_KEY", "simex")
    monkeypatch.setenv("GRIDWRIGHT_API_SECRET", "simex")


async def test_keys_that_stop_working_are_a_trouble_and_not_serving_until_they_work_again(tmp_path: Path) -> None:
    async with running_simex(tmp_path) as simex, running_executor_of(simex, tmp_path) as seen:
        await eventually(lambda: seen.says([], SERVING), "it serves without trouble", 30)
        await seen.executor.GetMarketRules(executor_pb2.GetMarketRulesRequest(symbol="BTC/USDT"))
        await simex.fault("ERROR_CODE", code=-2015, account="main")
        await eventually(lambda: seen.says(["KEY_REFUSED"], NOT_SERVING), "the keys are refused", 10)
        for _ in range(3):  # it continues while others ask, also for what is public or cached
            with contextlib.suppress(grpc.aio.AioRpcError):
                await seen.executor.GetMarketRules(executor_pb2.GetMarketRulesRequest(symbol="BTC/USDT"))
            with pytest.raises(grpc.aio.AioRpcError):
                await seen.executor.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol="BTC/USDT"))
            assert await seen.says(["KEY_REFUSED"], NOT_SERVING)
        assert len(seen.alerts()) == 1
        await simex.control.ClearFaults(simex_pb2.ClearFaultsRequest())
        await eventually(lambda: seen.says([], SERVING), "the keys are taken again", 10)
        assert len(seen.alerts()) == 2


async def test_an_exchange_that_falls_silent_is_a_trouble_and_not_serving_until_it_answers(tmp_path: Path) -> None:
    async with running_simex(tmp_path) as simex, running_executor_of(simex, tmp_path) as seen:
        await eventually(lambda: seen.says([], SERVING), "it serves without trouble", 30)
        await simex.fault("RESET_BEFORE", endpoint="*")
        await eventually(lambda: seen.says(["VENUE_UNREACHABLE"], NOT_SERVING), "nothing is answered", 15)
        await simex.control.ClearFaults(simex_pb2.ClearFaultsRequest())
        await eventually(lambda: seen.says([], SERVING), "it answers again", 10)
        assert len(seen.alerts()) == 2
