"""Options of `python -m gridchaos`."""

import argparse
from pathlib import Path

from gridctl.cli import count, positive


def parser() -> argparse.ArgumentParser:
    """Returns the parser of `python -m gridchaos`; exactly one option selects what to play."""
    chaos = argparse.ArgumentParser(
        prog="python -m gridchaos", description="Kills services at their crash points and audits the result."
    )
    what = chaos.add_mutually_exclusive_group(required=True)
    what.add_argument("--case", metavar="ID", help="one case: point/phase/fault, stop/…, restarts/…, db/…")
    what.add_argument("--matrix", action="store_true", help="the matrix: crash points × phases × venue faults")
    what.add_argument("--databases", action="store_true", help="broken databases while an order fills: all db/…")
    what.add_argument("--minutes", type=positive, metavar="N", help="storms of random kills for the given minutes")
    what.add_argument("--kills", type=count, metavar="N", help="storms of this many random kills; see --resume")
    what.add_argument("--soak", type=positive, metavar="MINUTES", help="no kills: the exchange changes all the time")
    what.add_argument("--report", action="store_true", help="the table of the results in --resume; see --write-docs")
    what.add_argument("--storm", metavar="SEED", help="one storm, by its seed or by the file of a failed storm")
    add = chaos.add_argument
    add("--seed", type=int, metavar="N", help="seed of the first storm; default: 1, with --minutes a new one each time")
    add("--database", choices=("sqlite", "postgres"), default="sqlite", help="default: sqlite")
    add("--engine", choices=("dbos",), default="dbos", help="workflow engine of the orchestrator; default: dbos")
    add("--select", choices=("all", "pairwise", "covering"), default="all", help="part of the matrix; default: all")
    add(
        "--jobs",
        type=count,
        default=4,
        metavar="N",
        help="cases in parallel, half as many storms; default: 4, for two cores",
    )
    add("--limit", type=count, metavar="N", help="stop after this many cases; the same command continues with the next")
    add(
        "--resume",
        type=Path,
        default=Path(".gridwright/chaos.jsonl"),
        metavar="FILE",
        help="file of results: what it contains is not played again; default: .gridwright/chaos.jsonl",
    )
    add("--write-docs", type=Path, metavar="PAGE", help="page for the table of --report, between the page's markers")
    return chaos
