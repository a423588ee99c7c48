"""Database failures while a grid trades: each is a context manager for the duration of the failure."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from pathlib import Path

import psycopg

from gridchaos.databases.lossy_proxy import DatabaseWire
from griddeploy.deployment import Deployment
from gridservice.config_file import read_toml
from gridtesting.live.disks import SmallDisk, black_hole, unwritable
from gridtesting.live.postgres import PostgresServer

_CUTS = 15
_CUT_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Scene:
    """Place of the failure. Has those of server, wire and disk that the failure needs."""

    deployment: Deployment
    server: PostgresServer | None = None
    wire: DatabaseWire | None = None
    disk: SmallDisk | None = None

    def file(self, service: str, name: str) -> Path:
        """Returns a file of a service's data."""
        return Path(read_toml(self.deployment.config).table(service).text("data_dir")) / name


Trouble = Callable[[Scene], AbstractAsyncContextManager[None]]


def locked(service: str, name: str) -> Trouble:
    """Another process holds a transaction open."""

    @contextlib.asynccontextmanager
    async def trouble(scene: Scene) -> AsyncIterator[None]:
        with closing(sqlite3.connect(scene.file(service, name), timeout=10, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    return trouble


def protected(service: str, name: str) -> Trouble:
    """The file becomes read-only."""

    @contextlib.asynccontextmanager
    async def trouble(scene: Scene) -> AsyncIterator[None]:
        path = scene.file(service, name)
        with unwritable(path, Path(f"{path}-wal")):
            yield

    return trouble


@contextlib.asynccontextmanager
async def full(scene: Scene) -> AsyncIterator[None]:
    """The disk that holds the files has no space left for the block."""
    assert scene.disk is not None
    scene.disk.fill()
    try:
        yield
    finally:
        scene.disk.free()


@contextlib.asynccontextmanager
async def killed(scene: Scene) -> AsyncIterator[None]:
    """The server is killed, and started again at the end."""
    assert scene.server is not None
    await asyncio.to_thread(scene.server.kill)
    yield
    await asyncio.to_thread(scene.server.start)


@contextlib.asynccontextmanager
async def frozen(scene: Scene) -> AsyncIterator[None]:
    """The server accepts what is sent and does nothing."""
    assert scene.server is not None
    scene.server.freeze()
    try:
        yield
    finally:
        scene.server.thaw()


@contextlib.asynccontextmanager
async def unreachable(scene: Scene) -> AsyncIterator[None]:
    """The network drops what is sent, in both directions."""
    assert scene.server is not None
    with black_hole(scene.server.port):
        yield


@contextlib.asynccontextmanager
async def ended_sessions(scene: Scene) -> AsyncIterator[None]:
    """An operator ends all sessions repeatedly, at any point of their transactions."""
    assert scene.server is not None
    yield
    with psycopg.connect(scene.server.url(), autocommit=True) as operator:
        for _ in range(_CUTS):
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND application_name <> ''"
            )
            await asyncio.sleep(_CUT_PAUSE_SECONDS)  # let the next sessions make some progress


def lost_answers(every: int, *, commits_only: bool = False) -> Trouble:
    """Each n-th answer of the server, or each n-th answer to a COMMIT, is lost together with its connection."""

    @contextlib.asynccontextmanager
    async def trouble(scene: Scene) -> AsyncIterator[None]:
        assert scene.wire is not None
        scene.wire.every, scene.wire.commits_only = every, commits_only
        yield
        scene.wire.every = 0

    return trouble
