"""Command `python -m executor --config grid.toml`: reads the settings, opens the ledger, serves until a signal."""

import argparse
import asyncio
import logging
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

from executor.api.servicer import ExecutorServicer
from executor.config import Settings, read_settings
from executor.ledger.opening import Ledger, open_ledger
from executor.metrics import metrics
from executor.service import Executor
from executor.venue.ccxt.client import make_client
from executor.venue.ccxt.venue import CcxtVenue
from executor.venue.clock import VenueClock
from executor.venue.health import Ability
from executor.venue.limits.request_weights import RequestWeights
from executor.venue.limits.throttle import share_silence
from executor.venue.port import KeysRefusedError, UnknownSymbolError
from executor.venue.settings import VenueSettings
from griddb.errors import DatabaseError
from griddb.first_connection import until_reachable
from gridrpc.database_health import publish_database_health
from gridrpc.server import Server, start_server
from gridservice.clock import now_ms
from gridservice.config_file import HIDDEN, ConfigError, read_toml
from gridservice.crash_point import arm
from gridservice.logs import announce_listening, configure_logging
from gridservice.metrics import serve_metrics
from gridservice.signals import until_signal
from gridservice.silence import SharedSilence, address_of
from gridservice.troubles import publish_health
from gridwright.v1 import executor_pb2, executor_pb2_grpc

_BAD_CONFIG, _PORT_IN_USE = 2, 3
_log = logging.getLogger(__name__)


def main() -> int:
    """Runs the executor. Returns the exit code: 0 after a signal, else that of the error that stderr shows."""
    parser = argparse.ArgumentParser(prog="executor", description="Acts on the venue, at most once per action.")
    parser.add_argument("--config", type=Path, required=True, help="TOML file with [venue], [executor], [[grids]]")
    arguments = parser.parse_args()
    configure_logging("executor")
    try:
        arm(os.environ)
        settings = read_settings(read_toml(arguments.config), os.environ)
        if settings.database.url is not None:
            until_reachable(settings.database.url, settings.database.wait_seconds)
        with open_ledger(settings.ledger_url, now_ms()) as ledger:
            return asyncio.run(_serve(settings, ledger))
    except (ConfigError, UnknownSymbolError) as error:
        return _refuse(error, _BAD_CONFIG)
    except OSError as error:
        return _refuse(error, _PORT_IN_USE)
    except DatabaseError as error:
        return _refuse(error, error.exit_code)


def _refuse(error: Exception, code: int) -> int:
    sys.stderr.write(f"executor: {error}\n")
    return code


async def _serve(settings: Settings, ledger: Ledger) -> int:
    weights = RequestWeights(settings.venue.weights)
    client = make_client(settings.venue)
    venue = CcxtVenue(client, settings.venue.request_window_ms, weights)
    _log.info("venue %s: %s", settings.venue.exchange, settings.venue.known_from)
    hide = settings.venue.credentials.struck_from
    executor = Executor(ledger, venue, settings.symbols, settings.limits, VenueClock(), hide)
    share_silence(executor.throttle, SharedSilence(address_of(client.urls["api"]), "executor"))
    descriptor = executor_pb2.DESCRIPTOR.services_by_name["Executor"]
    door = (descriptor, executor_pb2_grpc.add_ExecutorServicer_to_server, ExecutorServicer(executor))
    try:
        async with until_signal() as stop:
            with serve_metrics(settings.metrics, partial(metrics, executor)):
                server = await start_server(settings.address, [door], serving=False)
                announce_listening("executor", server.port, settings.address.rpartition(":")[0])
                try:
                    await _run(executor, server, ledger, stop)
                except KeysRefusedError as error:
                    raise _no_use(settings.venue, error) from None
                finally:
                    executor.stop_taking()
                    await server.stop()
    finally:
        await executor.close()
    return 0


async def _run(executor: Executor, server: Server, ledger: Ledger, stop: asyncio.Event) -> None:
    """Starts the executor and runs it until the signal. Raises the error that ends it earlier."""
    starting = asyncio.create_task(executor.start_when_reachable())
    publishing = asyncio.create_task(publish_health(server, executor.troubles))
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.wrap_future(ledger.writer.failure)
    ends: list[asyncio.Future[Any]] = [stopping, failing]
    tasks: list[asyncio.Task[Any]] = [starting, stopping, publishing]
    try:
        await asyncio.wait([starting, *ends], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            watching = asyncio.create_task(
                publish_database_health(server, Ability(ledger.guard, executor.venue_health))
            )
            tasks.append(watching)
            await asyncio.wait([watching, *ends], return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
        if failing.done():
            raise failing.result()
    finally:
        for task in tasks:
            task.cancel()


def _no_use(venue: VenueSettings, error: KeysRefusedError) -> ConfigError:
    """Returns the configuration error for refused keys, without the keys."""
    said = venue.credentials.struck_from(str(error))
    remedy = f"{venue.exchange} refuses them ({said}); give the pair of one account that may read and trade from here"
    return ConfigError("environment variables GRIDWRIGHT_API_KEY and GRIDWRIGHT_API_SECRET", HIDDEN, remedy)


if __name__ == "__main__":
    sys.exit(main())
