"""Plays storms one after another, several in parallel, and analyses those that broke a promise."""

import asyncio
import contextlib
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gridchaos.results import Result, append, played
from gridchaos.storms.deployment import DATABASE_WIRES, WIRES
from gridchaos.storms.schedule import POSTGRES, Schedule, draw
from gridchaos.storms.shrinking import RERUNS, reruns, shrink
from gridchaos.storms.storm import Played, play
from gridchaos.workers import working
from gridtesting.live.databases import SQLITE, Database
from gridtesting.live.postgres import running_postgres

KIND = "storm"
KILLS = 40
"""Kills of one storm: a minute or two, so that an interrupted run loses little."""
_SHRINKING_PLAYS = 40

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run: storms from a seed on, until the time or the kills are reached.

    With `kills` the results are kept in the file, and storms that it contains are not played again; with `minutes` each
    run is independent. The output of a failed storm is stored beside the file.
    """

    results: Path
    database: str
    seed: int
    minutes: float | None = None
    kills: int | None = None
    jobs: int = 2


def run_storms(options: Options, say: Say) -> bool:
    """Plays storms; returns whether every promise held in all of them."""
    say(f"storms of {KILLS} kills each on {options.database}, from seed {options.seed} on")
    with working(options.jobs) as workers:
        results = list(_played(options, workers, say))
        failed = [result for result in results if not result.clean]
        for result in failed:
            _look_into(storm_of(result.id, options.database), result, options, workers, say)
    say(_sum(results))
    return not failed


def run_storm(schedule: Schedule, results: Path, say: Say) -> bool:
    """Plays one storm; returns whether every promise held."""
    with working(1) as workers:
        played = workers.submit(play_in, schedule.to_json()).result()
    _tell(played, results, say)
    return played.result.clean


def storm_of(name: str, database: str) -> Schedule:
    """Returns the storm of a seed, or of a file that contains one. Raises ValueError for anything else."""
    if name.isdecimal():
        return draw(int(name), database, WIRES + DATABASE_WIRES * (database == POSTGRES), kills=KILLS)
    try:
        return Schedule.from_json(Path(name).read_text(encoding="utf-8"))
    except (OSError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"--storm {name!r} is no storm: give a seed, or a file that chaos wrote") from error


def play_in(schedule_json: str) -> Played:
    """Plays one storm in a folder, and on a server, of its own. For a process that does nothing else."""
    schedule = Schedule.from_json(schedule_json)
    with tempfile.TemporaryDirectory(prefix="gridwright-storm-") as folder, _database(schedule.database) as database:
        try:
            return asyncio.run(play(schedule, Path(folder), database))
        finally:
            for left in multiprocessing.active_children():  # one that was being started as the storm ended:
                left.kill()  # this process could not end before it


def _played(options: Options, workers: Executor, say: Say) -> Iterator[Result]:
    """Yields their results as they come; with `kills` those in the file first."""
    ends = None if options.minutes is None else time.monotonic() + 60 * options.minutes
    done = {} if options.kills is None else _on_file(options)
    seeds = iter(_seeds(options, done))
    yield from done.values()
    running: set[Future[Played]] = set()
    while True:
        while len(running) < options.jobs and (ends is None or time.monotonic() < ends):
            seed = next(seeds, None)
            if seed is None:
                break
            running.add(workers.submit(play_in, storm_of(str(seed), options.database).to_json()))
        if not running:
            return
        finished, running = wait(running, return_when=FIRST_COMPLETED)
        for future in finished:
            played = future.result()
            if options.kills is not None:
                append(options.results, played.result)
            _tell(played, options.results, say)
            yield played.result


def _seeds(options: Options, done: dict[str, Result]) -> Iterator[int]:
    """Yields the seeds to play."""
    if options.kills is None:
        yield from count(options.seed)
        return
    for seed in range(options.seed, options.seed + -(-options.kills // KILLS)):
        if str(seed) not in done:
            yield seed


def _on_file(options: Options) -> dict[str, Result]:
    """Returns, by seed, the storms of this run that were played before and in which every promise held."""
    wanted = {str(seed) for seed in _seeds(options, {})}
    return {
        result.id: result
        for result in played(options.results, KIND, options.database)
        if result.clean and result.id in wanted
    }


def _tell(played: Played, results: Path, say: Say) -> None:
    result = played.result
    protected = f"protected after {max(result.protected_ms, default=0)} ms at worst"
    verdict = "every promise held" if result.clean else "FAILED"
    say(
        f"storm {result.id} on {result.database}: {verdict}; {result.kills} kills, {result.faults} faults, "
        f"{result.fills} fills, {protected}, {result.seconds:g} s"
    )
    for problem in result.problems:
        say(f"  {problem}")
    if not result.clean:
        log = _beside(results, result, "log")
        log.write_text(played.said, encoding="utf-8")
        say(f"  output of the services: {log}")


def _look_into(schedule: Schedule, result: Result, options: Options, workers: Executor, say: Say) -> None:
    """Reports how often it fails again, and which few events suffice."""
    broken = promises(result)

    def again(storm: Schedule) -> frozenset[str]:
        return promises(workers.submit(play_in, storm.to_json()).result().result)

    failures = reruns(again, schedule, broken)
    say(f"storm {result.id} on {result.database}: {failures} of {RERUNS} reruns fail too")
    if failures:
        tries = RERUNS + 1 - failures
        shrunk = shrink(again, schedule, broken, tries=tries, plays=_SHRINKING_PLAYS)
        schedule = shrunk.schedule
        say(f"  {len(schedule.events)} events are left after {shrunk.plays} plays:")
        for event in schedule.events:
            say(f"    {event}")
    path = _beside(options.results, result, "json")
    path.write_text(schedule.to_json(), encoding="utf-8")
    say(f"  played again by: python -m gridchaos --storm {path}")


def promises(result: Result) -> frozenset[str]:
    """Returns the numbers of the promises that it broke."""
    return frozenset(problem.partition(":")[0] for problem in result.problems)


def _sum(results: list[Result]) -> str:
    kills, fills = sum(result.kills for result in results), sum(result.fills for result in results)
    failed = sum(not result.clean for result in results)
    return f"{len(results)} storms, {kills} kills, {fills} fills, {failed} failed"


def _beside(results: Path, result: Result, suffix: str) -> Path:
    results.parent.mkdir(parents=True, exist_ok=True)
    return results.parent / f"storm-{result.id}-{result.database}.{suffix}"


@contextlib.contextmanager
def _database(kind: str) -> Iterator[Database]:
    """Runs a server of the storm's own, since it is killed with all of its sessions."""
    if kind != POSTGRES:
        yield Database(SQLITE)
        return
    with running_postgres() as server:
        yield Database(POSTGRES, server.url(server.create()), server)
