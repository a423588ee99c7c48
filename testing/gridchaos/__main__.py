"""`python -m gridchaos`: plays a case, the matrix or storms, and says what it found.

0: every promise held. 1: one did not. 2: the words cannot be used.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from gridchaos.cli import parser
from gridchaos.databases.cases import PREFIX, play_all, play_one
from gridchaos.matrix.matrix import Options, parse, play_in, playing_on, run_matrix
from gridchaos.matrix.selection import Select
from gridchaos.report import newest, table, write_into
from gridchaos.results import ENGINE, ZEROS, Result, read
from gridchaos.soak import run_soak
from gridchaos.storms.runner import Options as Storms
from gridchaos.storms.runner import run_storm, run_storms, storm_of
from gridtesting.live.disks import NotPermittedError


def main() -> int:
    """Runs the command of `sys.argv`; returns the exit code."""
    return run(parser().parse_args())


def run(arguments: argparse.Namespace) -> int:
    """Does what the words say; the exit code."""
    for variable in ("DATABASE_URL", "DATABASE_URL_FILE"):
        os.environ.pop(variable, None)  # the user's own database is not for killing
    os.environ[ENGINE] = arguments.engine  # for every orchestrator that is started, as a database is told
    try:
        if arguments.storm or arguments.minutes or arguments.kills:
            return _storms(arguments)
        return _play(arguments)
    except NotPermittedError as error:
        sys.stderr.write(f"python -m gridchaos: {error}\n")
        return 1
    except ValueError as error:
        sys.stderr.write(f"python -m gridchaos: {error}\n")
        return 2


def _play(arguments: argparse.Namespace) -> int:
    if arguments.soak:
        return _soak(arguments)
    if arguments.report:
        return _report(arguments)
    if arguments.databases:
        return 0 if play_all(arguments.resume, _say) else 1
    return _case(arguments) if arguments.case else _matrix(arguments)


def _soak(arguments: argparse.Namespace) -> int:
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    return 0 if run_soak(arguments.soak, seed, arguments.resume.parent / f"soak-{seed}.log", _say) else 1


def _case(arguments: argparse.Namespace) -> int:
    if arguments.case.startswith(PREFIX):
        result = play_one(arguments.case)
    else:
        case = parse(arguments.case)
        with playing_on(arguments.database) as place:
            result = play_in(case.id, place, arguments.database)
    for line in _lines(result):
        _say(line)
    return 0 if result.clean else 1


def _lines(result: Result) -> list[str]:
    counts = " ".join(f"{name}={getattr(result, name)}" for name in ZEROS)
    times = f"protected_ms={list(result.protected_ms)} unknown_ms={list(result.unknown_ms)}"
    measures = f"kills={result.kills} faults={result.faults} fills={result.fills} {counts} {times}"
    return [f"CASE {result.id} {result.database}", *result.problems, f"{measures} seconds={result.seconds}"]


def _matrix(arguments: argparse.Namespace) -> int:
    results: Path = arguments.resume
    results.parent.mkdir(parents=True, exist_ok=True)
    read(results)  # a file of something else is refused before anything starts
    options = Options(results, arguments.database, Select(arguments.select), arguments.jobs, arguments.limit)
    return 0 if run_matrix(options, _say) else 1


def _report(arguments: argparse.Namespace) -> int:
    results = read(arguments.resume)
    if arguments.write_docs:
        write_into(arguments.write_docs, results)
    _say(table(results))
    return 0 if all(each.clean for each in newest(results)) else 1


def _storms(arguments: argparse.Namespace) -> int:
    results: Path = arguments.resume
    read(results)
    if arguments.storm:
        return 0 if run_storm(storm_of(arguments.storm, arguments.database), results, _say) else 1
    seed = arguments.seed
    if seed is None:
        seed = int(time.time()) if arguments.minutes else 1
    options = Storms(results, arguments.database, seed, arguments.minutes, arguments.kills, max(1, arguments.jobs // 2))
    return 0 if run_storms(options, _say) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
