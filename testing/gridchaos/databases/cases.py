"""Cases `db/…`: a database fails while an order fills and recovers; then the grid is compared with the venue.

Real processes, a real Postgres, real disks. What this machine does not permit raises NotPermittedError.
"""

import asyncio
import contextlib
import os
import tempfile
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import tomli_w

from gridchaos.databases import failures as trouble
from gridchaos.databases.failures import Scene, Trouble
from gridchaos.databases.lossy_proxy import DatabaseWire
from gridchaos.harness.deployment import still_deployment
from gridchaos.harness.grid_driver import Grid
from gridchaos.judge.verdict import judge
from gridchaos.matrix.matrix import POSTGRES, SQLITE
from gridchaos.results import Result, append, played
from gridctl.commands.status import why_not_serving
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, SIMEX, Deployment, read_deployment
from griddeploy.process.health import serves
from gridservice.clock import now_ms
from gridtesting.live.disks import NotPermittedError, SmallDisk, small_disk
from gridtesting.live.postgres import running_postgres
from gridtesting.live.processes import Stack
from gridwright.v1 import models_pb2

PREFIX = "db/"
_KIND = "database"
_NOTICE_SECONDS = 45.0  # longer than every timeout of a connection
_LOOK_SECONDS = 0.05
_LEDGER, _STATE, _WORKFLOWS = "ledger.sqlite", "state-BTC-USDT.sqlite", "dbos.sqlite"
_SMALL_MEGABYTES, _SMALL_SERVER_MEGABYTES = 8, 160


@dataclass(frozen=True, slots=True)
class DatabaseCase:
    """Case of a failing database.

    `noticed_by`: the service whose health must report it. `fills`: how many orders are filled while it lasts.
    `on_disk`: the service whose data is on a small disk; on Postgres, the server's data. `alone`: the only service on
    Postgres, while the others use files.
    """

    name: str
    trouble: Trouble
    noticed_by: tuple[str, ...] = ()
    at_least_seconds: float = 0
    fills: int = 1
    on_disk: str = ""
    wired: bool = False
    alone: str = ""

    @property
    def id(self) -> str:
        """Id by which the case is played: `db/sqlite/full-executor`."""
        return f"{PREFIX}{self.name}"

    @property
    def database(self) -> str:
        """Database engine."""
        return POSTGRES if self.name.startswith(POSTGRES) else SQLITE


_BOTH = (EXECUTOR, ORCHESTRATOR)
CASES = {
    case.id: case
    for case in (
        DatabaseCase("sqlite/locked-ledger", trouble.locked(EXECUTOR, _LEDGER), (EXECUTOR,)),
        DatabaseCase("sqlite/locked-state", trouble.locked(ORCHESTRATOR, _STATE), (ORCHESTRATOR,)),
        DatabaseCase("sqlite/locked-workflows", trouble.locked(ORCHESTRATOR, _WORKFLOWS), (ORCHESTRATOR,)),
        DatabaseCase("sqlite/locked-workflows-60s", trouble.locked(ORCHESTRATOR, _WORKFLOWS), (ORCHESTRATOR,), 60),
        DatabaseCase("sqlite/unwritable-ledger", trouble.protected(EXECUTOR, _LEDGER), (EXECUTOR,)),
        DatabaseCase("sqlite/unwritable-state", trouble.protected(ORCHESTRATOR, _STATE), (ORCHESTRATOR,)),
        DatabaseCase("sqlite/unwritable-workflows", trouble.protected(ORCHESTRATOR, _WORKFLOWS), (ORCHESTRATOR,)),
        DatabaseCase("sqlite/full-executor", trouble.full, (EXECUTOR,), on_disk=EXECUTOR),
        DatabaseCase("sqlite/full-orchestrator", trouble.full, (ORCHESTRATOR,), on_disk=ORCHESTRATOR),
        DatabaseCase("sqlite/full-executor-60s", trouble.full, (EXECUTOR,), 60, on_disk=EXECUTOR),
        DatabaseCase("sqlite/full-orchestrator-60s", trouble.full, (ORCHESTRATOR,), 60, on_disk=ORCHESTRATOR),
        DatabaseCase("postgres/killed", trouble.killed, _BOTH),
        DatabaseCase("postgres/killed-60s", trouble.killed, _BOTH, 60),
        DatabaseCase("postgres/frozen", trouble.frozen, _BOTH),
        DatabaseCase("postgres/frozen-60s", trouble.frozen, _BOTH, 60),
        DatabaseCase("postgres/unreachable", trouble.unreachable, _BOTH),
        DatabaseCase("postgres/unreachable-60s", trouble.unreachable, _BOTH, 60),
        DatabaseCase("postgres/ended-sessions", trouble.ended_sessions),
        DatabaseCase("postgres/lost-answers", trouble.lost_answers(97), fills=4, wired=True),
        DatabaseCase("postgres/lost-answers-often", trouble.lost_answers(61), fills=4, wired=True),
        DatabaseCase("postgres/lost-commits", trouble.lost_answers(5, commits_only=True), fills=3, wired=True),
        DatabaseCase("postgres/lost-commits-often", trouble.lost_answers(3, commits_only=True), fills=3, wired=True),
        DatabaseCase("postgres/full", trouble.full, (EXECUTOR,), on_disk=POSTGRES),
        DatabaseCase("postgres/full-60s", trouble.full, (EXECUTOR,), 60, on_disk=POSTGRES),
        DatabaseCase("postgres/full-orchestrator", trouble.full, (ORCHESTRATOR,), on_disk=POSTGRES, alone=ORCHESTRATOR),
        DatabaseCase(
            "postgres/full-orchestrator-60s", trouble.full, (ORCHESTRATOR,), 60, on_disk=POSTGRES, alone=ORCHESTRATOR
        ),
    )
}


def play_one(case_id: str) -> Result:
    """Plays the case of an id. Raises ValueError for an unknown id, NotPermittedError if not permitted here."""
    case = CASES.get(case_id)
    if case is None:
        raise ValueError(f"{case_id!r} is no case of a database: give one of {', '.join(CASES)}")
    with tempfile.TemporaryDirectory(prefix="gridwright-chaos-") as folder:
        return asyncio.run(play(case, Path(folder)))


def play_all(results: Path, say: Callable[[str], None]) -> bool:
    """Plays every case without a clean result, and appends the results. Returns whether all were clean."""
    results.parent.mkdir(parents=True, exist_ok=True)
    done = {each.id for each in played(results, _KIND, SQLITE, POSTGRES) if each.clean}
    left = [case_id for case_id in CASES if case_id not in done]
    say(f"{len(CASES)} cases of databases, {len(left)} left")
    failed = False
    for case_id in left:
        try:
            result = play_one(case_id)
        except NotPermittedError as error:
            say(f"NOT PLAYED {case_id}: {error}")
            continue
        append(results, result)
        failed |= not result.clean
        say(
            f"{'' if result.clean else 'FAILED '}{case_id} in {result.seconds:g} s {'; '.join(result.problems)}".strip()
        )
    return not failed


async def play(case: DatabaseCase, folder: Path) -> Result:
    """Plays the case; returns its result. A hang is reported as a problem, not as an exception."""
    began = time.monotonic()
    async with _scene(case, folder) as scene:
        stack = Stack(scene.deployment, folder / "logs", forked=True)
        try:
            async with stack.channels:
                return await _play(case, Grid(stack), scene, began)
        except AssertionError as error:
            return Result(_KIND, case.id, case.database, 0, 0, 0, _since(began), problems=(str(error),))
        finally:
            await stack.end()


async def _play(case: DatabaseCase, grid: Grid, scene: Scene, began: float) -> Result:
    await grid.venue_reachable()
    await grid.place_by_hand()
    for name in grid.stack.deployment.addresses:
        if name != SIMEX:
            await grid.stack[name].start()
    await grid.at_rest_in(models_pb2.MODE_RUNNING)
    fills = (await grid.state()).totals.fills
    silent: list[str] = []
    async with case.trouble(scene):
        until = time.monotonic() + case.at_least_seconds
        await grid.sell_down()
        for name in case.noticed_by:
            silent += await _unnoticed(grid, name)
        for number in range(1, case.fills):
            await grid.fills_beyond(fills + number - 1)
            await grid.at_rest_in(models_pb2.MODE_RUNNING)
            await grid.sell_down()
        if case.wired:
            await grid.fills_beyond(fills + case.fills - 1)
        await asyncio.sleep(max(0, until - time.monotonic()))
    healed_ms = now_ms()
    for name in case.noticed_by:
        await grid.stack[name].serving()
    await grid.fills_beyond(fills + case.fills - 1)
    await grid.at_rest_in(models_pb2.MODE_RUNNING)
    verdict = await judge(grid, healed_ms)
    if verdict.mode != "MODE_RUNNING":
        silent.append(f"P5: it is in {verdict.mode}")
    wire = scene.wire
    if wire is not None and not (wire.lost_before if wire.commits_only else wire.lost_commits):
        silent.append(f"no commit was lost, only {wire.lost} answers: nothing was shown")
    problems = (*verdict.problems, *silent)
    return Result(_KIND, case.id, case.database, kills=0, seconds=_since(began), problems=problems, **verdict.measures)


async def _unnoticed(grid: Grid, name: str) -> list[str]:
    """Returns an empty list once health and `gridwright status` report the failure; otherwise what they lack."""
    address = grid.stack.deployment.addresses[name]
    try:
        async with asyncio.timeout(_NOTICE_SECONDS):
            while await serves(address):  # noqa: ASYNC110  the other side is a process
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        return [f"the {name} is SERVING {_NOTICE_SECONDS:g} s after its database went wrong:\n{grid.stack.outputs()}"]
    if grid.stack[name].ended_already:
        return [f"the {name} has ended:\n{grid.stack[name].output}"]
    reason = await asyncio.to_thread(why_not_serving, name, address)
    return [] if reason else [f"the {name} does not say why it is NOT_SERVING"]


@contextlib.asynccontextmanager
async def _scene(case: DatabaseCase, folder: Path) -> AsyncIterator[Scene]:
    deployment = still_deployment(folder)
    async with contextlib.AsyncExitStack() as stack:
        disk: SmallDisk | None = None
        if case.on_disk:
            megabytes = _SMALL_SERVER_MEGABYTES if case.database == POSTGRES else _SMALL_MEGABYTES
            disk = stack.enter_context(_disk(megabytes))
        if case.database == SQLITE:
            yield Scene(
                _told(deployment, case.on_disk, data_dir=disk.folder / "data") if disk else deployment, disk=disk
            )
            return
        server = stack.enter_context(running_postgres(durable=True, within=disk.folder if disk else None))
        wire = await stack.enter_async_context(DatabaseWire(server.port)) if case.wired else None
        name = server.create()
        url = server.url(name) if wire is None else server.url(name).replace(f":{server.port}/", f":{wire.port}/")
        if case.alone:
            yield Scene(_told(deployment, case.alone, database_url=url), server, wire, disk)
            return
        with _in_environment(url):
            yield Scene(deployment, server, wire, disk)


@contextlib.contextmanager
def _disk(megabytes: int) -> Iterator[SmallDisk]:
    with tempfile.TemporaryDirectory(prefix="gridwright-small-") as folder:
        Path(folder).chmod(0o755)  # Postgres runs as another user
        with small_disk(Path(folder) / "disk", megabytes) as disk:
            yield disk


def _told(deployment: Deployment, service: str, **settings: object) -> Deployment:
    """Returns the deployment with settings of one service changed."""
    values = tomllib.loads(deployment.config.read_text(encoding="utf-8"))
    values[service] |= {name: str(value) for name, value in settings.items()}
    deployment.config.write_text(tomli_w.dumps(values), encoding="utf-8")
    return read_deployment(deployment.config)


@contextlib.contextmanager
def _in_environment(url: str) -> Iterator[None]:
    os.environ["DATABASE_URL"] = url
    try:
        yield
    finally:
        del os.environ["DATABASE_URL"]


def _since(began: float) -> float:
    return round(time.monotonic() - began, 2)
