"""Soak: a grid trades for a long time while its exchange changes all the time, without kills.

It checks the promises of every storm; that each trouble is shown within ten seconds and gone within ten seconds of its
end; that no refusal is repeated faster than its back-off; and that closing orders are never starved while the exchange
would accept them.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from gridchaos.results import Result
from gridchaos.storms.deployment import storm_deployment
from gridchaos.storms.schedule import draw_soak
from gridchaos.storms.storm import Storm
from gridchaos.venue_changes.watcher import VenueWatch
from gridtesting.live.databases import SQLITE, Database
from gridtesting.live.processes import Stack

BEAT_SECONDS = 0.5
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Soaked:
    """Result of the soak. `lines` are its figures, `problems` a sentence for each rule that was broken."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]
    said: str


def run_soak(minutes: float, seed: int, log: Path, say: Say) -> bool:
    """Runs the soak; returns whether everything held. Otherwise the services' output is kept in `log`."""
    say(f"soak of {minutes:g} minutes on {SQLITE}, seed {seed}")
    with tempfile.TemporaryDirectory(prefix="gridwright-soak-") as folder:
        soaked = asyncio.run(soak(minutes, seed, Path(folder)))
    for line in [*soaked.lines, *soaked.problems]:
        say(line)
    if soaked.problems:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(soaked.said, encoding="utf-8")
        say(f"FAILED; output of the services: {log}")
    return not soaked.problems


async def soak(minutes: float, seed: int, folder: Path) -> Soaked:
    """Plays the soak over real services in the folder."""
    began = time.monotonic()
    schedule = draw_soak(seed, SQLITE, int(60 * minutes / BEAT_SECONDS))
    async with storm_deployment(folder, "") as place:
        stack = Stack(place.deployment, folder / "logs", place.configs, forked=True)
        watch = VenueWatch(stack.channels, place.deployment)
        try:
            async with stack.channels:
                storm = Storm(schedule, place, stack, Database(SQLITE), beat_seconds=BEAT_SECONDS, log=watch)
                looking = asyncio.create_task(watch.look_on())
                await storm.play()
                looking.cancel()
                return _soaked(storm.result(time.monotonic() - began), watch, len(schedule.events), stack.outputs())
        finally:
            await stack.end()


def _soaked(result: Result, watch: VenueWatch, events: int, said: str) -> Soaked:
    shown, starving = watch.shown, watch.starving
    lines = (
        f"{events} events, {result.fills} fills, {result.seconds:g} s",
        f"refused places: {watch.repetitions.refused}",
        f"longest wait of a closing order that the exchange would have accepted: {starving.longest_seconds:.1f} s",
        f"troubles shown after {_times(shown.shown_ms)}",
        f"troubles gone after {_times(shown.gone_ms)}",
        f"shown without a cause in force: {', '.join(sorted(shown.uncaused)) or 'none'}",
    )
    return Soaked(lines, (*result.problems, *watch.problems), said)


def _times(times_ms: Sequence[int]) -> str:
    if not times_ms:
        return "(none)"
    return f"{median(times_ms) / 1000:.1f} s (median of {len(times_ms)}), {max(times_ms) / 1000:.1f} s at longest"
