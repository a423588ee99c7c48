"""Opens a market's source from its settings, and names it so that the book on disk recognises it."""

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gridservice.config_file import ConfigError
from gridsim.market import Source
from gridsim.simulation import Simulation
from gridsim.tape import Tape
from gridsim.tape_lines import TapeError
from simex.config import MarketSettings

_CUT, _FETCH = "the file breaks off", "fetch it whole"


def open_source(settings: MarketSettings) -> Source:
    """Opens the market's source. Raises ConfigError for a tape with a malformed line anywhere."""
    if settings.file is None:
        return Simulation(
            rules=settings.rules,
            seed=settings.seed,
            start_price=settings.start_price,
            volatility=settings.volatility,
            reversion=settings.reversion,
            burst_chance=settings.burst_chance,
            events_per_second=settings.events_per_second,
            trade_notional=settings.trade_notional,
        )
    tape = Tape(settings.rules, partial(_lines, settings.file), settings.volume_in_quote, settings.time_shift_ms)
    try:
        for _ in tape.after(tape.opening()):
            pass  # the whole tape is read once, so that no malformed line stops a running market
    except (TapeError, OSError, EOFError, UnicodeDecodeError) as error:
        raise ConfigError("simex.markets.file", str(settings.file), f"not a readable tape: {error}") from error
    return tape


def identity(settings: MarketSettings) -> str:
    """The source that a stored position belongs to: a simulation's seed and first price, or a tape's contents."""
    if settings.file is None:
        return f"simulation seed={settings.seed} start_price={settings.start_price.normalize():f}"
    digest = hashlib.sha256(settings.file.read_bytes()).hexdigest()
    return f"replay sha256={digest}"


def _lines(path: Path) -> Iterator[str]:
    """The lines of a tape. Raises TapeError if the file is truncated: a partial line may look complete."""
    number, line = 0, "\n"
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="ascii") as lines:
        try:
            for number, line in enumerate(lines, start=1):  # noqa: B007  # what is left of them is the last one
                yield line
        except (EOFError, zlib.error):
            raise TapeError(number, line.strip(), f"{_CUT} after this line; {_FETCH}") from None
    if not line.endswith("\n"):
        raise TapeError(number, line, f"{_CUT} in this line, or it lacks its line end; {_FETCH}, or end the line")
