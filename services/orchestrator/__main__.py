"""The orchestrator process: `python -m orchestrator --config grid.toml`.

Exit codes: 0 stopped by a signal, 2 config or grid refused, 3 address in use, 4 another orchestrator holds the symbol,
5 a recorded workflow or state cannot be finished, or the database has another schema version, 6 the database does not
answer, 1 any other error.
"""

import argparse
import asyncio
import os
import sys
import threading
from pathlib import Path
from typing import Any

from griddb.first_connection import until_reachable
from gridrpc.database_health import publish_database_health
from gridservice.config_file import ConfigError
from gridservice.crash_point import arm
from gridservice.data_folder import usable_folder
from gridservice.errors import StopError
from gridservice.logs import announce_listening, configure_logging
from gridservice.signals import until_signal
from gridservice.tasks import cancel_and_wait
from orchestrator.config import Settings, load_settings
from orchestrator.service import running

_LEAVE_SECONDS = 5.0


def main() -> int:
    """Runs until a signal or a StopError; returns the exit code."""
    parser = argparse.ArgumentParser(prog="orchestrator", description="Trades one grid per symbol and keeps its state.")
    parser.add_argument("--config", type=Path, default=Path("grid.toml"), help="path of the grid.toml (default: here)")
    configure_logging("orchestrator")
    try:
        arm(os.environ)
        settings = load_settings(parser.parse_args().config)
        if settings.database.url is None:
            usable_folder(settings.data_dir, "orchestrator.data_dir")
        else:
            until_reachable(settings.database.url, settings.database.wait_seconds)
        asyncio.run(serve(settings))
    except ConfigError as error:
        return _say(str(error), 2)
    except StopError as error:
        return _say(str(error), error.exit_code)
    return 0


async def serve(settings: Settings) -> None:
    """Serves until a signal. Raises StopError if the process must not continue."""
    async with until_signal() as stop, running(settings) as service:
        announce_listening("orchestrator", service.server.port, settings.address.rpartition(":")[0])
        starting = asyncio.create_task(service.engine.start())
        signalled = asyncio.create_task(stop.wait())
        ends: set[asyncio.Future[Any]] = {signalled, service.engine.failure}
        tasks: list[asyncio.Task[Any]] = [starting, signalled]
        try:
            await asyncio.wait({starting, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                watching = asyncio.create_task(publish_database_health(service.server, service.stores))
                tasks.append(watching)
                await asyncio.wait({watching, *ends}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    await watching
            if service.engine.failure.done():
                raise service.engine.failure.result()
        finally:
            _leave_in_any_case(service.engine.failure)
            await cancel_and_wait(tasks)


def _leave_in_any_case(failure: asyncio.Future[StopError]) -> None:
    """Ends the process after _LEAVE_SECONDS, even if a thread still blocks.

    A DBOS thread that waits for a database cannot be interrupted; its workflow is resumed by the next startup. The
    timer always runs, because an outage that began a moment ago may not have been detected yet.
    """
    reason = failure.result() if failure.done() else None

    def leave() -> None:
        os._exit(0 if reason is None else _say(str(reason), reason.exit_code))

    leaving = threading.Timer(_LEAVE_SECONDS, leave)
    leaving.daemon = True
    leaving.start()


def _say(sentence: str, exit_code: int) -> int:
    sys.stderr.write(f"orchestrator: {sentence}\n")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
