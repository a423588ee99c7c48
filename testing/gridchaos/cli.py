"""The options of `python -m gridchaos`."""

import argparse
from pathlib import Path

from gridctl.cli import count, positive


def parser() -> argparse.ArgumentParser:
    """All options of `python -m gridchaos`; exactly one says what to play."""
    chaos = argparse.ArgumentParser(
        prog="python -m gridchaos", description="Kills services at their crash points, and audits what is left."
    )
    what = chaos.add_mutually_exclusive_group(required=True)
    what.add_argument("--case", metavar="ID", help="one case: point/phase/fault, stop/…, restarts/…, db/…")
    what.add_argument("--matrix", action="store_true", help="crash points × phases × faults of a venue")
    what.add_argument("--databases", action="store_true", help="databases that go wrong while an order fills: all db/…")
    what.add_argument("--minutes", type=positive, metavar="N", help="storms of random kills for so long")
    what.add_argument("--kills", type=count, metavar="N", help="storms of so many random kills; see --resume")
    what.add_argument("--soak", type=positive, metavar="MINUTES", help="no kills: the exchange changes all the time")
    what.add_argument("--report", action="store_true", help="the table of what --resume holds; see --write-docs")
    what.add_argument("--storm", metavar="SEED", help="one storm, by its seed, or by a file of a storm that failed")
    add = chaos.add_argument
    add("--seed", type=int, metavar="N", help="of the first storm; default: 1, and with --minutes new each time")
    add("--database", choices=("sqlite", "postgres"), default="sqlite", help="default: sqlite")
    add("--engine", choices=("dbos",), default="dbos", help="what keeps the orchestrator's steps; default: dbos")
    add("--select", choices=("all", "pairwise", "covering"), default="all", help="of the matrix; default: all")
    add(
        "--jobs",
        type=count,
        default=4,
        metavar="N",
        help="cases at a time, or storms by half; default: 4, for two cores",
    )
    add("--limit", type=count, metavar="N", help="stop after so many cases; the same command goes on with the next")
    add(
        "--resume",
        type=Path,
        default=Path(".gridwright/chaos.jsonl"),
        metavar="FILE",
        help="of results: what it holds is not played again; default: .gridwright/chaos.jsonl",
    )
    add("--write-docs", type=Path, metavar="PAGE", help="where --report puts its table, between the page's marks")
    return chaos
