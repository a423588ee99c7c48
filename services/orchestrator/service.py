"""Composition root of the service: opens lock, stores, channels, engine and server, and closes them in reverse order.

Only this module names concrete adapters.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from gridrpc.channel import open_channel, open_sync_channel
from gridrpc.server import Server, start_server
from gridservice.metrics import serve_metrics
from gridservice.troubles import publish_health
from gridwright.v1 import (
    executor_pb2_grpc,
    models_pb2,
    orchestrator_pb2,
    orchestrator_pb2_grpc,
    pricemon_pb2_grpc,
)
from orchestrator.api.servicer import OrchestratorServicer
from orchestrator.clients.batch_execute import BatchExecuteClient
from orchestrator.clients.executor import ExecutorClient
from orchestrator.clients.pricemon import PriceClient
from orchestrator.clients.reachability import Reachability
from orchestrator.config import EngineKind, Settings
from orchestrator.engine_dbos.engine import open_dbos_engine
from orchestrator.errors import AddressTakenError
from orchestrator.metrics import metrics
from orchestrator.storage import OpenEngine, OpenStores, open_stores
from orchestrator.trading_engine import TradingEngine
from orchestrator.troubles.peer_watch import FeedWatch, PeerWatch

_DESCRIPTOR = orchestrator_pb2.DESCRIPTOR.services_by_name["Orchestrator"]
_ASK_SECONDS = 3.0
_ENGINES: dict[EngineKind, OpenEngine] = {EngineKind.DBOS: open_dbos_engine}
_ADD = orchestrator_pb2_grpc.add_OrchestratorServicer_to_server


@dataclass(frozen=True, slots=True)
class Service:
    """A running server and an engine that has not been started yet."""

    engine: TradingEngine
    server: Server
    stores: OpenStores
    metrics_port: int  # 0 if metrics are disabled


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    """Serves until the block exits. Raises StopError if another process holds the data or the address."""
    async with contextlib.AsyncExitStack() as stack:
        symbols = [grid.symbol for grid in settings.grids]
        stores = stack.enter_context(
            open_stores(settings.data_dir, settings.database.url, symbols, _ENGINES[settings.engine])
        )
        executor_channel = open_channel(settings.executor_address)
        stack.push_async_callback(executor_channel.close)
        price_channel = open_channel(settings.pricemon_address, newest_only=True)
        stack.push_async_callback(price_channel.close)
        reachability = Reachability("executor")
        batch_channel = stack.enter_context(open_sync_channel(settings.executor_address))
        executor, prices = ExecutorClient(executor_channel, reachability), PriceClient(price_channel)
        engine = TradingEngine(
            settings,
            stores.by_symbol,
            stores.workflows,
            stores.others,
            executor,
            prices,
            lambda bridge, held: BatchExecuteClient(batch_channel, reachability, bridge, executor.clock, held),
        )
        stack.push_async_callback(engine.stop)
        stack.callback(stores.stop_waiting)
        servicer = OrchestratorServicer(engine.workers, stores.workflows, executor, prices, stores, engine.troubles)
        read = partial(metrics, engine.workers, executor, prices, stores, engine.troubles)
        try:
            metrics_port = stack.enter_context(serve_metrics(settings.metrics, read))
            server = await start_server(settings.address, [(_DESCRIPTOR, _ADD, servicer)], serving=False)
        except OSError as error:
            raise AddressTakenError(str(error)) from error
        stack.push_async_callback(server.stop)
        for loop in [publish_health(server, engine.troubles), *_watches(executor_channel, price_channel, engine)]:
            stack.callback(asyncio.create_task(loop).cancel)
        yield Service(engine, server, stores, metrics_port)


def _watches(
    executor: grpc.aio.Channel, pricemon: grpc.aio.Channel, engine: TradingEngine
) -> list[Coroutine[Any, Any, None]]:
    """Coroutines that watch the executor, pricemon and the price feed, and report their troubles."""
    request = models_pb2.ListTroublesRequest()
    ask_executor = executor_pb2_grpc.ExecutorStub(executor).ListTroubles
    ask_pricemon = pricemon_pb2_grpc.PriceMonitorStub(pricemon).ListTroubles
    return [
        PeerWatch("executor", lambda: ask_executor(request, timeout=_ASK_SECONDS), engine.troubles).run(),
        PeerWatch("pricemon", lambda: ask_pricemon(request, timeout=_ASK_SECONDS), engine.troubles).run(),
        FeedWatch(engine.workers, engine.troubles).run(),
    ]
