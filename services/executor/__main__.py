"""`python -m executor --config grid.toml`: reads the settings, opens the ledger, serves until a signal."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Any

from executor.ccxt_client import make_client
from executor.ccxt_venue import CcxtVenue
from executor.clock import VenueClock, unix_ms
from executor.config import Settings, read_settings
from executor.ledger.store import Ledger, open_ledger
from executor.ledger.writer import LeaseTakenError
from executor.ports import UnknownSymbolError
from executor.service import Executor, Pace
from executor.servicer import ExecutorServicer
from griddb.errors import DatabaseError
from griddb.health import tell_health
from griddb.reach import until_reachable
from gridrpc.logs import announce_listening, configure_logging
from gridrpc.server import start_server, until_signal
from gridrpc.settings import ConfigError, read_toml
from gridwright.v1 import executor_pb2, executor_pb2_grpc

_BAD_CONFIG, _PORT_IN_USE, _LEASE_TAKEN = 2, 3, 4
_log = logging.getLogger(__name__)


def main() -> int:
    """Returns the exit code: 0 after a signal, else what stopped it, said in one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="executor", description="Acts on the venue, at most once per action.")
    parser.add_argument("--config", type=Path, required=True, help="TOML file with [venue], [executor], [[grids]]")
    arguments = parser.parse_args()
    configure_logging("executor")
    try:
        settings = read_settings(read_toml(arguments.config), os.environ)
        if settings.database.url is not None:
            until_reachable(settings.database.url, settings.database.wait_seconds)
        with open_ledger(settings.ledger_url, unix_ms()) as ledger:
            return asyncio.run(_serve(settings, ledger))
    except (ConfigError, UnknownSymbolError) as error:
        return _refuse(error, _BAD_CONFIG)
    except OSError as error:
        return _refuse(error, _PORT_IN_USE)
    except LeaseTakenError as error:
        return _refuse(error, _LEASE_TAKEN)
    except DatabaseError as error:
        return _refuse(error, error.exit_code)


def _refuse(error: Exception, code: int) -> int:
    sys.stderr.write(f"executor: {error}\n")
    return code


async def _serve(settings: Settings, ledger: Ledger) -> int:
    venue = CcxtVenue(make_client(settings.venue), settings.venue.recv_window_ms)
    pace = Pace(
        poll_interval_ms=settings.poll_interval_ms,
        visibility_lag_ms=settings.venue.visibility_lag_ms,
        requests_per_second=settings.requests_per_second,
        burst=settings.burst,
        keep_finished_ms=settings.keep_finished_ms,
    )
    executor = Executor(ledger, venue, settings.symbols, pace, VenueClock())
    descriptor = executor_pb2.DESCRIPTOR.services_by_name["Executor"]
    door = (descriptor, executor_pb2_grpc.add_ExecutorServicer_to_server, ExecutorServicer(executor))
    try:
        async with until_signal() as stop:
            server = await start_server(settings.address, [door], serving=False)
            announce_listening("executor", server.port, settings.address.rpartition(":")[0])
            starting = asyncio.create_task(executor.start_when_reachable())
            stopping = asyncio.create_task(stop.wait())
            failing = asyncio.wrap_future(ledger.writer.failure)
            tasks: list[asyncio.Task[Any]] = [starting, stopping]
            await asyncio.wait([*tasks, failing], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                tasks.append(asyncio.create_task(tell_health(server, ledger.guard)))
                await asyncio.wait([*tasks[1:], failing], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                task.cancel()
            executor.stop_taking()
            await server.stop()
            if failing.done():
                raise failing.result()
    finally:
        await executor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
