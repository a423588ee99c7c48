"""simex put together: venue, REST, websockets, control and the markets' clocks, started and stopped as one."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from gridrpc.folders import usable_folder
from gridrpc.server import start_server
from gridwright.v1 import simex_pb2, simex_pb2_grpc
from simex.config import MarketSettings, Settings
from simex.control import ControlServicer
from simex.endpoints import private_endpoints, public_endpoints
from simex.gateway import Gateway
from simex.keys import Keys
from simex.private_api import PrivateApi
from simex.public_api import PublicApi
from simex.public_record import PublicRecord
from simex.public_streams import PublicStreams
from simex.pump import Pump
from simex.rest import Rest
from simex.sources import identity, open_source
from simex.store import Store
from simex.user_stream import UserStream
from simex.venue import Listing, Venue
from simex.ws_api import WsApi

BOOK = "simex.sqlite"
_TICKER_SECONDS = 1.0
_GRACE_SECONDS = 1.0

_Task = asyncio.Task[None]


def wall_clock_ms() -> int:
    """The venue's clock where it is right: Unix milliseconds."""
    return time.time_ns() // 1_000_000


def clock_off_by(offset_ms: int) -> Callable[[], int]:
    """One that is ahead of it."""
    return lambda: wall_clock_ms() + offset_ms


@dataclass(frozen=True, slots=True)
class Simex:
    """A running simex: where it listens, as `host:port`, and the clocks that keep it going."""

    http_address: str
    control_address: str
    clocks: tuple[_Task, ...]

    @property
    def http_url(self) -> str:
        """The base under which `/api/v3`, `/ws`, `/stream` and `/ws-api/v3` lie."""
        return f"http://{self.http_address}"

    async def failed(self) -> BaseException | None:
        """Waits until one of the clocks has stopped, and returns why."""
        done, _ = await asyncio.wait(self.clocks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().exception()


@asynccontextmanager
async def serving(settings: Settings, clock_ms: Callable[[], int] = wall_clock_ms) -> AsyncIterator[Simex]:
    """Opens the book and serves it until the block is left.

    Raises ConfigError for a setting that cannot be used, BookInUse where another simex owns the book, OSError where an
    address cannot be bound.
    """
    listings = [_listing(market) for market in settings.markets]
    async with AsyncExitStack() as stack:
        store = Store(usable_folder(settings.data_dir, "simex.data_dir") / BOOK)
        stack.callback(store.close)
        venue = Venue(listings, settings.every_account, store)
        record = PublicRecord(venue.listings)
        streams = PublicStreams(venue, record, clock_ms)
        user_stream = UserStream(clock_ms)
        for listener in (record.note, streams.publish, user_stream.publish):
            venue.listen(listener)
        public = PublicApi(venue, record)
        endpoints = (*public_endpoints(public), *private_endpoints(PrivateApi(venue, public.symbol)))
        keys = Keys(settings.every_key)
        gateway = Gateway(endpoints, keys, clock_ms)
        ws_api = WsApi(gateway, user_stream)
        http_port = await _serve_http(stack, settings.address, _app(Rest(gateway), streams, ws_api))
        servicer = ControlServicer(venue, _flushing(streams, ws_api), clock_ms)
        control_port = await _serve_control(stack, settings.control_address, servicer)
        clocks = [Pump(venue, each.rules.symbol, each.speed, clock_ms).run() for each in settings.markets]
        yield Simex(
            http_address=f"{_host(settings.address)}:{http_port}",
            control_address=f"{_host(settings.control_address)}:{control_port}",
            clocks=tuple(_start(stack, clock) for clock in (*clocks, _send_tickers(streams))),
        )


def _app(rest: Rest, streams: PublicStreams, ws_api: WsApi) -> web.Application:
    app = web.Application()
    app.router.add_get("/ws", streams.serve)
    app.router.add_get("/ws/{name:.*}", streams.serve)
    app.router.add_get("/stream", streams.serve)
    app.router.add_get("/ws-api/v3", ws_api.serve)
    app.router.add_route("*", "/api/v3/{path:.*}", rest.handle)

    async def close_sockets(_app: web.Application) -> None:
        await asyncio.gather(streams.close(), ws_api.close())

    app.on_shutdown.append(close_sockets)
    return app


async def _serve_http(stack: AsyncExitStack, address: str, app: web.Application) -> int:
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=_GRACE_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, _host(address), int(address.rpartition(":")[2])).start()
    except OSError as error:
        raise OSError(
            f"address {address!r} cannot be bound, the port is in use or not for us: stop its owner or choose another"
        ) from error
    port: int = runner.addresses[0][1]
    return port


async def _serve_control(stack: AsyncExitStack, address: str, servicer: ControlServicer) -> int:
    service = simex_pb2.DESCRIPTOR.services_by_name["Simex"]
    server = await start_server(address, [(service, simex_pb2_grpc.add_SimexServicer_to_server, servicer)])
    stack.push_async_callback(server.stop, _GRACE_SECONDS)
    return server.port


def _flushing(streams: PublicStreams, ws_api: WsApi) -> Callable[[], Awaitable[None]]:
    async def flushed() -> None:
        await asyncio.gather(streams.flushed(), ws_api.flushed())

    return flushed


def _start(stack: AsyncExitStack, clock: Coroutine[None, None, None]) -> _Task:
    task = asyncio.create_task(clock)

    async def stop() -> None:
        task.cancel()
        await asyncio.wait({task})

    stack.push_async_callback(stop)
    return task


async def _send_tickers(streams: PublicStreams) -> None:
    while True:
        await asyncio.sleep(_TICKER_SECONDS)
        streams.publish_tickers()


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _listing(market: MarketSettings) -> Listing:
    return Listing(market.rules, market.liquidity, open_source(market), identity(market), market.running)
