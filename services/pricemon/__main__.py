"""`python -m pricemon --config grid.toml`: settings, the real feed, and exit codes.

0: stopped by SIGTERM or SIGINT. 2: unusable configuration. 3: the address cannot be bound.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from gridservice.config_file import ConfigError
from gridservice.logs import announce_listening, configure_logging
from gridservice.signals import until_signal
from pricemon.ccxt_feed import CcxtFeed, build_exchange
from pricemon.config import Settings, read_settings
from pricemon.ports import UnknownSymbol
from pricemon.service import running


async def serve(settings: Settings) -> None:
    """Runs until a signal, or until the feed fails; raises the feed's error."""
    async with until_signal() as stop, running(settings, CcxtFeed(build_exchange(settings.venue))) as service:
        announce_listening("pricemon", service.port, settings.address.rpartition(":")[0])
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, service.feeding}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if service.feeding.done():
            service.feeding.result()


def main() -> int:
    """Runs the service and returns its exit code."""
    parser = argparse.ArgumentParser(prog="pricemon", description="Streams the prices of the symbols of a grid.toml.")
    parser.add_argument("--config", type=Path, default=Path("grid.toml"), help="path of the grid.toml (default: here)")
    configure_logging("pricemon")
    try:
        asyncio.run(serve(read_settings(parser.parse_args().config)))
    except (ConfigError, UnknownSymbol) as error:
        sys.stderr.write(f"pricemon: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"pricemon: {error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
