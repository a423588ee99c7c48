"""`make bench` (`python -m gridbench`): measures, prints the tables and writes the JSON."""

import argparse
import asyncio
import json
import shutil
import sys
import time
from pathlib import Path

from gridbench.database import SqliteMeter, postgres_meter
from gridbench.decisions import measure_decisions
from gridbench.live import Live, measure_live
from gridbench.machine import this_machine
from gridbench.process import BenchError
from gridbench.report import as_markdown, write_into
from gridbench.results import Figures, live_figures, step_figures
from gridbench.simex_load import measure_orders
from gridbench.simex_stream import EVERYTHING, measure_stream
from gridbench.steps import Results, measure_steps
from gridbench.targets import targets
from gridtesting.live.postgres import running_postgres

FEWEST_ROUNDS = 10


async def measure(folder: Path, rounds: int) -> Figures:
    """Runs every measurement once, in the folder."""
    machine, began = this_machine(), time.monotonic()
    _say("decisions")
    decisions = await measure_decisions(folder)
    _say("simex under load")
    orders = await measure_orders(folder / "simex-orders")
    trades = await measure_stream(folder / "simex-trades")
    all_streams = await measure_stream(folder / "simex-streams", EVERYTHING)
    live = {"SQLite": await _live(folder, "SQLite", "")}
    with running_postgres(durable=True) as server:
        live["Postgres"] = await _live(folder, "Postgres", server.url(server.create()))
    steps: dict[str, Results] = {"SQLite": await measure_steps(SqliteMeter(), folder / "SQLite", rounds, _say)}
    with postgres_meter() as meter:
        steps["Postgres"] = await measure_steps(meter, folder / "Postgres", rounds, _say)
    return Figures(
        machine=machine,
        rounds=rounds,
        took_s=time.monotonic() - began,
        steps={database: step_figures(results) for database, results in steps.items()},
        decisions=decisions,
        live={database: live_figures(each) for database, each in live.items()},
        orders=orders,
        trades=trades,
        all_streams=all_streams,
    )


async def _live(folder: Path, database: str, url: str) -> Live:
    _say(f"the services against simex, on {database}")
    return await measure_live(folder / f"live-{database}", url)


def main() -> int:
    """Returns 0, or 1 if something could not be measured, or with --strict if a target was missed."""
    parser = argparse.ArgumentParser(prog="gridbench", description="Measures Gridwright on this machine.")
    parser.add_argument("--folder", type=Path, default=Path(".gridwright/bench"), help="data, logs and bench.json")
    parser.add_argument(
        "--rounds", type=int, default=FEWEST_ROUNDS, help="rounds of the step benchmark (default: %(default)s)"
    )
    parser.add_argument("--write-docs", type=Path, metavar="FILE", help="document whose figures are replaced")
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a target is missed")
    options = parser.parse_args()
    folder: Path = options.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        figures = asyncio.run(measure(folder, max(FEWEST_ROUNDS, options.rounds)))
    except BenchError as error:
        _say(f"nothing measured: {error}")
        return 1
    (folder / "bench.json").write_text(json.dumps(figures.as_json(), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(as_markdown(figures) + "\n")
    _say(f"all figures are in {folder / 'bench.json'}")
    if options.write_docs is not None:
        write_into(options.write_docs, figures)
    missed = [target.name for target in targets(figures) if not target.met]
    _say(f"missed: {', '.join(missed)}" if missed else "every target is met")
    return 1 if missed and options.strict else 0


def _say(text: str) -> None:
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
