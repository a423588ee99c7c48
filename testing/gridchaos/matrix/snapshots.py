"""Houses that are brought to rest once and copied, case by case: to start one anew would take half of a case."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from gridchaos.harness.deployment import still_house
from gridchaos.harness.grid_driver import Grid
from gridchaos.matrix.case import Phase
from gridchaos.matrix.phases import BEGINNINGS, bring_to_rest
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX
from gridtesting.live.processes import Stack


@dataclass(frozen=True, slots=True)
class Place:
    """Where cases keep their data: a folder for what they share and, for Postgres, its URL and an empty database."""

    shared: Path
    server: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """A house at rest, to be copied: the services' folders and, on Postgres, the database."""

    folder: Path
    database: str


def rest_for(phase: Phase, place: Place) -> Rest | None:
    """Where a phase begins; made when it is asked for the first time in this process. None: at the very beginning."""
    if phase in BEGINNINGS:
        return None
    kind = "safe" if phase is Phase.LIFT else "running"
    rest = Rest(place.shared / f"{os.getpid()}-{kind}", f"rest_{os.getpid()}_{kind}" if place.server else "")
    if not rest.folder.exists():
        with _database(place, rest.database, place.template):
            asyncio.run(_make(rest.folder, phase))
    return rest


async def _make(folder: Path, phase: Phase) -> None:
    making = folder.with_suffix(".making")
    stack = Stack(still_house(_made(making)), making / "logs", forked=True)
    try:
        async with stack.channels:
            await bring_to_rest(Grid(stack), phase)
            for name in (PRICEMON, SIMEX):
                await stack[name].stop()
    finally:
        await stack.end()
    making.rename(folder)


def _made(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@contextlib.contextmanager
def at_place(place: Place, rest: Rest | None, folder: Path, name: str) -> Iterator[None]:
    """The block with a case's own copy of the house at rest, and with a database of that name that goes with it."""
    if rest is not None:
        for service in (SIMEX, EXECUTOR, ORCHESTRATOR):
            if (rest.folder / service).exists():
                shutil.copytree(rest.folder / service, folder / service)
    with _database(place, name if place.server else "", rest.database if rest else place.template):
        try:
            yield
        finally:
            if place.server:
                with psycopg.connect(place.server, autocommit=True) as connection:
                    connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextlib.contextmanager
def _database(place: Place, name: str, template: str) -> Iterator[None]:
    """The block with a new copy of a database, which the services find in their environment."""
    if not name:
        yield
        return
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    with psycopg.connect(place.server, autocommit=True) as connection:
        connection.execute(copy)
    os.environ["DATABASE_URL"] = f"{place.server.rpartition('/')[0]}/{name}"
    try:
        yield
    finally:
        del os.environ["DATABASE_URL"]
