"""Builds simex from venue, REST, websockets, control and the markets' clocks; starts and stops them together."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from gridrpc.server import start_server
from gridservice.clock import now_ms
from gridservice.data_folder import usable_folder
from gridwright.v1 import simex_pb2, simex_pb2_grpc
from simex.access.keys import Keys
from simex.access.limits import Limits
from simex.access.request_log import RequestLog
from simex.api.endpoints import RETIRED, list_endpoints, private_endpoints, public_endpoints, trading_endpoints
from simex.api.fault_gateway import FaultGateway
from simex.api.gateway import Gateway
from simex.api.list_api import ListApi
from simex.api.middleware import middleware
from simex.api.private_api import PrivateApi
from simex.api.public_api import PublicApi
from simex.api.rest import Rest
from simex.api.trading_api import TradingApi
from simex.api.ws_api import WsApi
from simex.clock import VenueClock
from simex.config import MarketSettings, Settings
from simex.control.changes import ExchangeChanges
from simex.control.exchange_control import ExchangeControl
from simex.control.fault_control import FaultControl
from simex.control.reset import Reset
from simex.control.servicer import ControlServicer
from simex.exchange.market_clock import MarketClock
from simex.exchange.store import Store
from simex.exchange.venue import Listing, Venue
from simex.faults.cancel_race import CancelRace
from simex.faults.config import put_in_force
from simex.faults.kinds import Occasion, Places
from simex.faults.plan import FaultPlan
from simex.faults.stream_faults import StreamFaults
from simex.faults.visibility import Visibility
from simex.market_data.record import PublicRecord, first_update_id
from simex.market_sources import identity, open_source
from simex.streams.public_streams import PublicStreams
from simex.streams.user_stream import UserStream

BOOK = "simex.sqlite"
_GRACE_SECONDS = 1.0

_Task = asyncio.Task[None]


@dataclass(frozen=True, slots=True)
class Simex:
    """A running simex: its addresses as `host:port`, and its clocks."""

    http_address: str
    control_address: str
    clocks: tuple[_Task, ...]

    @property
    def http_url(self) -> str:
        """The base URL of `/api/v3`, `/ws`, `/stream` and `/ws-api/v3`."""
        return f"http://{self.http_address}"

    async def failed(self) -> BaseException | None:
        """Waits until one of the clocks has stopped, and returns its error."""
        done, _ = await asyncio.wait(self.clocks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().exception()


@asynccontextmanager
async def serving(settings: Settings, base_clock_ms: Callable[[], int] = now_ms) -> AsyncIterator[Simex]:
    """Opens the book and serves it for the block. The venue's clock is the given one plus the configured offset.

    Raises ConfigError for an unusable setting, BookInUse if another simex owns the book, OSError if an address cannot
    be bound.
    """
    listings = [_listing(market) for market in settings.markets]
    clock_ms = VenueClock(base_clock_ms, settings.clock_offset_ms)
    async with AsyncExitStack() as stack:
        store = Store(usable_folder(settings.data_dir, "simex.data_dir") / BOOK)
        stack.callback(store.close)
        venue = Venue(listings, settings.every_account, store)
        record = PublicRecord(venue.listings, first_update_id(clock_ms()))
        limits = Limits(settings.limits)
        streams = PublicStreams(venue, record, limits, clock_ms)
        plan = FaultPlan(settings.fault_seed)
        visibility = Visibility(plan, clock_ms)
        user_stream = UserStream(clock_ms, visibility.late_ms, store.lists)
        venue.fees.waives = lambda account: plan.strike(Occasion.FEE, "", account, clock_ms()) is not None
        for listener in (limits.note, visibility.note, record.note, streams.publish, user_stream.publish):
            venue.listen(listener)
        venue.listen_to_deposits(user_stream.tell_deposit)
        public = PublicApi(venue, record, limits)
        trading, private = TradingApi(venue, public.symbol), PrivateApi(venue, public.symbol, limits)
        lists = ListApi(venue, public.symbol)
        offered = (
            *public_endpoints(public),
            *trading_endpoints(trading),
            *private_endpoints(private),
            *list_endpoints(lists),
        )
        endpoints = (*offered, *RETIRED)
        keys = Keys(settings.every_key)
        world = ExchangeChanges(venue, keys, limits)
        world.restore()
        gateway = Gateway(endpoints, keys, limits, clock_ms)
        places = Places.of(endpoints, settings.every_account)
        put_in_force(plan, settings.faults, places)
        log = RequestLog()
        front = FaultGateway(gateway, plan, log, visibility, CancelRace(venue), clock_ms)
        sockets = StreamFaults(plan, clock_ms)
        ws_api = WsApi(gateway, front, user_stream, clock_ms)
        app = _app(Rest(gateway, front), streams, ws_api, sockets)
        app.middlewares.append(middleware(limits, clock_ms))
        app.on_shutdown.insert(0, front.close)
        http_port = await _serve_http(stack, settings.address, app)
        desk = FaultControl(plan, sockets, log, clock_ms, places)
        wiping = Reset(venue, record, visibility, sockets)
        servicer = ControlServicer(
            venue, _flushing(streams, ws_api), clock_ms, desk, ExchangeControl(world, wiping, sockets)
        )
        control_port = await _serve_control(stack, settings.control_address, servicer)
        clocks = [MarketClock(venue, each.rules.symbol, each.speed, clock_ms).run() for each in settings.markets]
        yield Simex(
            http_address=f"{_host(settings.address)}:{http_port}",
            control_address=f"{_host(settings.control_address)}:{control_port}",
            clocks=tuple(_start(stack, clock) for clock in (*clocks, streams.run())),
        )


def _app(rest: Rest, streams: PublicStreams, ws_api: WsApi, sockets: StreamFaults) -> web.Application:
    app = web.Application()
    for path in ("/ws", "/ws/{name:.*}", "/stream"):
        app.router.add_get(path, sockets.guarded("public", streams.serve))
    app.router.add_get("/ws-api/v3", sockets.guarded("user", ws_api.serve))
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


def _host(address: str) -> str:
    return address.rpartition(":")[0]


def _listing(market: MarketSettings) -> Listing:
    return Listing(market.rules, market.liquidity, open_source(market), identity(market), market.running)
