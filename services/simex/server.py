"""simex put together: venue, REST, websockets, control and the markets' clocks, started and stopped as one."""

import asyncio
import time
from collections.abc import Callable

from aiohttp import web

from gridrpc.server import Server, start_server
from gridwright.v1 import simex_pb2, simex_pb2_grpc
from simex.config import MarketSettings, Settings
from simex.control import ControlServicer
from simex.private_api import PrivateApi
from simex.public_api import PublicApi
from simex.public_record import PublicRecord
from simex.public_streams import PublicStreams
from simex.pump import Pump
from simex.rest import Rest
from simex.signing import Credentials
from simex.sources import identity, open_source
from simex.store import Store
from simex.user_stream import UserStream
from simex.venue import Listing, Venue

BOOK = "simex.sqlite"
_TICKER_SECONDS = 1.0


def wall_clock_ms() -> int:
    """The venue's clock: Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Simex:
    """A running simex. `http_address` and `control_address` are where it listens, `failed` ends if it cannot go on."""

    def __init__(
        self, store: Store, runner: web.AppRunner, control: Server, tasks: list[asyncio.Task[None]], host: str
    ) -> None:
        self._store = store
        self._runner = runner
        self._control = control
        self._tasks = tasks
        self._host = host
        port: int = runner.addresses[0][1]
        self.http_address = f"{host}:{port}"
        self.control_address = f"{host}:{control.port}"

    @property
    def http_url(self) -> str:
        """The base under which `/api/v3`, `/ws` and `/ws-api/v3` lie."""
        return f"http://{self.http_address}"

    async def failed(self) -> BaseException:
        """Waits until one of the markets' clocks cannot go on, and returns why."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().exception() or asyncio.CancelledError()

    async def stop(self) -> None:
        """Stops serving, then closes the book."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._control.stop(grace_seconds=1.0)
        await self._runner.cleanup()
        self._store.close()


async def start(settings: Settings, clock_ms: Callable[[], int] = wall_clock_ms) -> Simex:
    """Opens the book and serves it.

    Raises ConfigError for a setting that cannot be used, BookInUse where another simex owns the book, OSError where an
    address cannot be bound.
    """
    listings = [_listing(market) for market in settings.markets]
    store = Store(settings.data_dir / BOOK)
    try:
        return await _serve(settings, Venue(listings, settings.balances, store), clock_ms)
    except BaseException:
        store.close()
        raise


async def _serve(settings: Settings, venue: Venue, clock_ms: Callable[[], int]) -> Simex:
    record = PublicRecord(venue.listings)
    credentials = Credentials(settings.api_key, settings.api_secret)
    streams = PublicStreams(venue, record, clock_ms)
    user_stream = UserStream(credentials, clock_ms)
    for listener in (record.note, streams.publish, user_stream.publish):
        venue.listen(listener)
    public = PublicApi(venue, record)
    rest = Rest(public, PrivateApi(venue, public.symbol), credentials, clock_ms)

    async def flushed() -> None:
        await streams.flushed()
        await user_stream.flushed()

    host, _, port = settings.address.rpartition(":")
    runner = await _start_http(rest, streams, user_stream, host, int(port))
    servicer = ControlServicer(venue, flushed, clock_ms)
    service = simex_pb2.DESCRIPTOR.services_by_name["Simex"]
    try:
        control = await start_server(
            settings.control_address, [(service, simex_pb2_grpc.add_SimexServicer_to_server, servicer)]
        )
    except BaseException:
        await runner.cleanup()
        raise
    pumps = [Pump(venue, market.rules.symbol, market.speed, clock_ms) for market in settings.markets]
    tasks = [asyncio.create_task(pump.run()) for pump in pumps]
    tasks.append(asyncio.create_task(_send_tickers(streams)))
    return Simex(venue.store, runner, control, tasks, host)


async def _start_http(
    rest: Rest, streams: PublicStreams, user_stream: UserStream, host: str, port: int
) -> web.AppRunner:
    app = web.Application()
    app.router.add_get("/ws", streams.serve)
    app.router.add_get("/ws/{name:.*}", streams.serve)
    app.router.add_get("/stream", streams.serve)
    app.router.add_get("/ws-api/v3", user_stream.serve)
    app.router.add_route("*", "/api/v3/{path:.*}", rest.handle)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        await runner.cleanup()
        raise OSError(
            f"address '{host}:{port}' cannot be bound: is the port in use? Choose another or stop its owner"
        ) from error
    return runner


async def _send_tickers(streams: PublicStreams) -> None:
    while True:
        await asyncio.sleep(_TICKER_SECONDS)
        streams.publish_tickers()


def _listing(market: MarketSettings) -> Listing:
    return Listing(market.rules, market.liquidity, open_source(market), identity(market), market.running)
