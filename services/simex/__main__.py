"""`python -m simex --config grid.toml`: reads the settings, serves until SIGTERM, reports an error in one sentence.

Exit codes: 0 stopped on request, 1 failed while running, 2 unusable setting, 3 a port or the book is in use.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from gridservice.config_file import ConfigError, read_toml
from gridservice.logs import configure_logging
from gridservice.signals import until_signal
from simex.config import Settings, read_settings
from simex.exchange.store import BookInUse
from simex.server import Simex, serving

_FLAGS = ("address", "control_address", "data_dir", "ports_file")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs simex and returns its exit code."""
    try:
        settings = _settings(_parse(arguments))
    except ConfigError as error:
        return _complain(error, 2)
    return run_simex(settings)


def run_simex(settings: Settings, announce: Callable[[Simex], None] = lambda _simex: None) -> int:
    """Serves until a signal and returns the exit code. `announce` may print more once it serves."""
    configure_logging("simex")
    try:
        return asyncio.run(_run(settings, announce))
    except ConfigError as error:
        return _complain(error, 2)
    except (BookInUse, OSError) as error:
        return _complain(error, 3)


async def _run(settings: Settings, announce: Callable[[Simex], None]) -> int:
    async with until_signal() as stop, serving(settings) as simex:
        _announce(simex, settings.ports_file)
        announce(simex)
        stopping, failing = asyncio.create_task(stop.wait()), asyncio.create_task(simex.failed())
        done, pending = await asyncio.wait({stopping, failing}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
    return _complain(f"a market cannot go on: {failing.result()}", 1) if failing in done else 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simex", description="A Binance-compatible spot exchange on this machine.")
    parser.add_argument("--config", type=Path, required=True, help="TOML file with a [simex] section")
    for flag in _FLAGS:
        parser.add_argument(f"--{flag.replace('_', '-')}", help=f"overrides simex.{flag}")
    return parser.parse_args(arguments)


def _settings(flags: argparse.Namespace) -> Settings:
    given = {flag: value for flag in _FLAGS if (value := getattr(flags, flag)) is not None}
    return read_settings(read_toml(flags.config).table("simex").overridden(given))


def _announce(simex: Simex, ports_file: Path | None) -> None:
    if ports_file is not None:
        ports = {"http": simex.http_address, "control": simex.control_address}
        partial = ports_file.with_suffix(".partial")
        partial.write_text(json.dumps(ports), encoding="ascii")
        partial.replace(ports_file)  # a reader that waits for the file never sees half of it
    sys.stdout.write(f"simex listening http={simex.http_address} control={simex.control_address}\n")
    sys.stdout.flush()


def _complain(error: BaseException | str, code: int) -> int:
    sys.stderr.write(f"simex: {error}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
