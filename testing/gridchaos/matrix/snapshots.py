"""Snapshots of deployments at rest, copied for each case: a new startup would take half of a case's time."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from gridchaos.harness.deployment import still_deployment
from gridchaos.harness.grid_driver import Grid
from gridchaos.matrix.case import Phase
from gridchaos.matrix.phases import BEGINNINGS, bring_to_rest
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON, SIMEX
from gridtesting.live.processes import Stack


@dataclass(frozen=True, slots=True)
class Place:
    """Data of the cases: a folder for what they share and, for Postgres, its URL and an empty database."""

    shared: Path
    server: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Rest:
    """Deployment at rest, to be copied: the services' folders and, on Postgres, the database."""

    folder: Path
    database: str


def rest_for(phase: Phase, place: Place) -> Rest | None:
    """Returns the snapshot at which a phase begins, made on first use in this process. None: the phase starts empty."""
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
    stack = Stack(still_deployment(_made(making)), making / "logs", forked=True)
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
    """Copies the deployment at rest for a case, with a database of that name, for the block."""
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
    """Creates a copy of a database for the block, and sets it in the services' environment."""
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
