"""Builds the service from feed, board, feeder and server, and starts and stops them in the right order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

from gridrpc.server import start_server
from gridservice.metrics import serve_metrics
from gridservice.troubles import Troubles, publish_health
from gridwright.v1 import pricemon_pb2, pricemon_pb2_grpc
from pricemon.board import PriceBoard
from pricemon.clock import Clock, system_clock
from pricemon.config import Settings
from pricemon.feed_watch import FeedWatch
from pricemon.feeder import Feeder
from pricemon.figures import metrics
from pricemon.ports import PriceFeed
from pricemon.servicer import PriceMonitorServicer

STOP_SECONDS = 0.5  # streams end by themselves; this is for other open calls


@dataclass(frozen=True, slots=True)
class Pricemon:
    """A running service. `feeding` ends only by an error, such as UnknownSymbol."""

    port: int
    board: PriceBoard
    feeding: asyncio.Task[None]
    metrics_port: int  # 0 if metrics are off


@contextlib.asynccontextmanager
async def running(settings: Settings, feed: PriceFeed, clock: Clock = system_clock) -> AsyncIterator[Pricemon]:
    """Serves for the block. Raises OSError if the address cannot be bound.

    Health is NOT_SERVING until the venue's list of markets has been read, then SERVING, whatever happens to the feed: a
    restart would not fix a venue, and each price has its own age.
    """
    board = PriceBoard(settings.symbols)
    troubles = Troubles(lambda: clock().wall_ms)
    servicer = PriceMonitorServicer(board, settings.heartbeat_ms, clock, troubles)
    descriptor = pricemon_pb2.DESCRIPTOR.services_by_name["PriceMonitor"]
    add = pricemon_pb2_grpc.add_PriceMonitorServicer_to_server
    with serve_metrics(settings.metrics, partial(metrics, board, clock, troubles)) as metrics_port:
        server = await start_server(settings.address, [(descriptor, add, servicer)], serving=False)
        feeder = Feeder(feed, board, settings.patience, clock, troubles)
        feeding = asyncio.create_task(feeder.run(opened=lambda: server.set_serving(serving=True)))
        watch = FeedWatch(board, troubles, clock, settings.patience.stale_after_ms, feeder.broken, feed.silence)
        beside = [asyncio.create_task(loop) for loop in (publish_health(server, troubles), watch.run())]
        try:
            yield Pricemon(server.port, board, feeding, metrics_port)
        finally:
            board.close()
            feeding.cancel()
            for task in beside:
                task.cancel()
            await asyncio.wait([feeding, *beside])
            await server.stop(STOP_SECONDS)
            await feed.close()
