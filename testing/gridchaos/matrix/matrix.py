"""Plays the matrix: surveys, selects, and lets workers play case after case. Finished cases are not repeated."""

import asyncio
import contextlib
import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path

from gridchaos.matrix import paused_process, restart_cases, survey
from gridchaos.matrix.case import Case
from gridchaos.matrix.paused_process import Stop, result_of_stop
from gridchaos.matrix.player import LONGEST_PROBLEM, NotPassedError, result_of
from gridchaos.matrix.restart_cases import Restarts, result_of_restarts
from gridchaos.matrix.selection import Select, Surveyed, matrix, selected
from gridchaos.matrix.snapshots import Place, at_place, rest_for
from gridchaos.results import Result, append, played
from gridchaos.workers import working

SQLITE, POSTGRES = "sqlite", "postgres"
_PLAYS = 5
Say = Callable[[str], None]
AnyCase = Case | Stop | Restarts


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a run. Results are appended to the file; the survey is stored beside it."""

    results: Path
    database: str = SQLITE
    select: Select = Select.ALL
    jobs: int = 2
    limit: int | None = None  # most cases of this run; None: all


def run_matrix(options: Options, say: Say) -> bool:
    """Plays the matrix. Returns whether everything played, in this run and before, kept every promise."""
    with playing_on(options.database) as place, working(options.jobs) as workers:
        surveyed = _surveyed(options.results, workers, say)
        cases: list[AnyCase] = list(selected(matrix(surveyed), options.select))
        if options.select is not Select.COVERING:  # CI plays a few of these in tests/chaos
            cases += [*paused_process.stops(surveyed), Restarts(100, seed=7)]
        done = {each.id for each in _of(options) if each.clean}
        left = sorted((case for case in cases if case.id not in done), key=_mixed)[: options.limit]
        say(f"{len(cases)} cases on {options.database}, {len(cases) - len(done & {c.id for c in cases})} left")
        failed = _play_all(left, place, options, workers, say)
    for point in survey.unpassed(surveyed):
        say(f"no phase passes {point}: add one, name the test that dies there in survey.py, or survey again")
    return not failed and not survey.unpassed(surveyed)


def _mixed(case: AnyCase) -> bytes:
    """Returns a sort key that separates similar cases, so that a part of the matrix is a sample of it."""
    return hashlib.sha256(case.id.encode()).digest()


def _of(options: Options) -> list[Result]:
    return played(options.results, "case", options.database)


def _surveyed(results: Path, workers: Executor, say: Say) -> Surveyed:
    path = results.with_suffix(".survey.json")
    if path.exists():
        return survey.from_json(path.read_text(encoding="utf-8"))
    tasks = list(survey.tasks())
    say(f"surveying {len(tasks)} phases and starts")
    surveyed = survey.put_together(zip(tasks, workers.map(survey.carry_out, tasks), strict=True))
    path.write_text(survey.to_json(surveyed), encoding="utf-8")
    return surveyed


def _play_all(cases: Sequence[AnyCase], place: Place, options: Options, workers: Executor, say: Say) -> int:
    """Returns how many failed. The next run plays failed cases again."""
    failed = 0
    plays = [workers.submit(play_in, case.id, place, options.database) for case in cases]
    for number, play in enumerate(as_completed(plays), start=1):
        result = play.result()
        append(options.results, result)
        failed += not result.clean
        if not result.clean:
            say(f"FAILED {result.id} on {result.database}: {'; '.join(result.problems)}")
        if number % 50 == 0 or number == len(plays):
            say(f"{number} of {len(plays)} played, {failed} failed")
    return failed


def play_in(case_id: str, place: Place, database: str) -> Result:
    """Plays one case, in a folder and a database of its own that are deleted afterwards.

    Plays it again if the point was not passed: which workflow takes an update, for example, is a race.
    """
    case, began, why = parse(case_id), time.monotonic(), ""
    for _ in range(_PLAYS):
        try:
            return _play_once(case, place, database)
        except NotPassedError as error:
            why = str(error)[:LONGEST_PROBLEM]
    seconds = round(time.monotonic() - began, 2)
    return Result("case", case.id, database, 0, 0, 0, seconds, problems=(f"not passed in {_PLAYS} plays: {why}",))


def _play_once(case: AnyCase, place: Place, database: str) -> Result:
    rest = rest_for(case.phase, place) if isinstance(case, Case) else None
    name = f"case_{uuid.uuid4().hex[:16]}"
    with tempfile.TemporaryDirectory(prefix="gridwright-chaos-") as folder, at_place(place, rest, Path(folder), name):
        return asyncio.run(_play(case, Path(folder), database, at_rest=rest is not None))


async def _play(case: AnyCase, folder: Path, database: str, *, at_rest: bool) -> Result:
    match case:
        case Case():
            return await result_of(case, folder, database, at_rest=at_rest)
        case Stop():
            return await result_of_stop(case, folder, database)
        case Restarts():
            return await result_of_restarts(case, folder, database)


def parse(case_id: str) -> AnyCase:
    """Returns the case of an id of any kind. Raises ValueError, with a sentence, for an invalid id."""
    match case_id.partition("/")[0]:
        case paused_process.KIND:
            return Stop.parse(case_id)
        case restart_cases.KIND:
            return Restarts.parse(case_id)
        case _:
            return Case.parse(case_id)


@contextlib.contextmanager
def playing_on(database: str) -> Iterator[Place]:
    """Yields the place for cases on a database that exists for the block."""
    with tempfile.TemporaryDirectory(prefix="gridwright-chaos-rests-") as shared:
        if database == SQLITE:
            yield Place(Path(shared))
            return
        from gridtesting.live.databases import make_template  # a matrix on files needs no Postgres
        from gridtesting.live.postgres import running_postgres

        with running_postgres() as server:
            yield Place(Path(shared), server.url(), make_template(server))
