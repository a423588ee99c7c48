"""Single writer: a second process starts while the first is stopped at a crash point; then the first one resumes.

With files, a stopped process keeps its lock: the second one is refused, and the first resumes normally. On Postgres the
server ends the sessions of a silent host, so the second one takes over; then the first may place nothing and record
nothing, and has to end with the reason.
"""

import asyncio
import contextlib
import os
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import tomli_w

from gridchaos.harness.deployment import still_deployment
from gridchaos.harness.grid_driver import DEADLINE_SECONDS, GaveUpError, Grid
from gridchaos.harness.venue_faults import VenueFault
from gridchaos.judge.verdict import Verdict, judge
from gridchaos.matrix.case import Phase, service_of
from gridchaos.matrix.phases import act, begin, come_to_rest, go_on
from gridchaos.matrix.selection import Surveyed
from gridchaos.matrix.sigstop import cut_off, until_stopped
from gridchaos.results import Result
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, Deployment, read_deployment
from griddeploy.free_ports import free_ports
from gridservice import clock
from gridservice.crash_point import CRASH, STOP
from gridservice.crash_point_names import CRASH_POINTS
from gridtesting.live.processes import Process, Stack
from gridwright.v1 import executor_pb2, models_pb2

KIND = "stop"
LEASE_LOST = 4
"""Exit code of a service that another process has replaced."""
_TICKS_MS = 600  # one or two ticks of the still deployment


@dataclass(frozen=True, slots=True)
class Stop:
    """Case of a stopped process. `point` is a crash point, or one and its n-th pass."""

    point: str
    phase: Phase

    @property
    def id(self) -> str:
        """Id by which it is played again: `stop/executor.place.before:2/fill`."""
        return f"{KIND}/{self.point}/{self.phase.value}"

    @property
    def service(self) -> str:
        """Service that is stopped."""
        return service_of(self.point)

    @classmethod
    def parse(cls, text: str) -> "Stop":
        """Returns the case of an id. Raises ValueError, with a sentence, for an invalid id."""
        kind, _, rest = text.partition("/")
        point, _, phase = rest.partition("/")
        if kind != KIND or point.partition(":")[0] not in CRASH_POINTS:
            raise ValueError(f"{text!r} is no stop: give stop/point/phase, such as stop/executor.place.before/fill")
        try:
            return cls(point, Phase(phase))
        except ValueError:
            known = ", ".join(each.value for each in Phase)
            raise ValueError(f"{phase!r} is no phase: give one of {known}") from None


@dataclass(frozen=True, slots=True)
class Stopped:
    """Result: problems as sentences, beyond those of the verdict, and the process that had to end."""

    gave_way: Process
    problems: tuple[str, ...]
    verdict: Verdict

    @property
    def said(self) -> str:
        """Last output line of the process that had to end."""
        return _last_line(self.gave_way)


def stops(surveyed: Surveyed) -> list[Stop]:
    """Returns every point that is passed, once, in the first phase that passes it."""
    found = {point: phase for phase in reversed(Phase) for point in surveyed.phases.get(phase, {})}
    return [Stop(point, phase) for point, phase in sorted(found.items())]


async def result_of_stop(stop: Stop, folder: Path, database: str) -> Result:
    """Plays the case; returns its result. A hang is reported as a problem, not as an exception."""
    began = time.monotonic()
    problems: tuple[str, ...]
    measures: dict[str, Any] = {"faults": 0, "fills": 0}
    try:
        stopped = await play_stop(stop, folder)
    except AssertionError as error:
        problems = (str(error),)
    else:
        problems = (*stopped.problems, *stopped.verdict.problems)
        measures = stopped.verdict.measures
    return Result(
        "case", stop.id, database, 0, seconds=round(time.monotonic() - began, 2), problems=problems, **measures
    )


async def play_stop(stop: Stop, folder: Path) -> Stopped:
    """Plays it on Postgres if DATABASE_URL names one, otherwise in files. Raises AssertionError for a hang."""
    url = os.environ.get("DATABASE_URL", "")
    async with staged(still_deployment(folder), folder / "logs") as first:
        victim = first.stack[stop.service]
        await begin(first, stop.phase, VenueFault.NONE, {stop.service: {CRASH: f"{STOP}{stop.point}"}})
        victim.end_with_us()
        async with _acting(first, stop.phase):
            await until_stopped(victim.pid, DEADLINE_SECONDS)
        async with staged(_elsewhere(first.stack.deployment, stop.service), folder / "second") as second:
            second.by_hand = first.by_hand
            if url:
                return await _taken_over(stop, url, first, second)
            return await _refused(stop, first, second)


async def _refused(stop: Stop, first: Grid, second: Grid) -> Stopped:
    """Files: the second process ends at once, the first resumes."""
    waiting = second.stack[stop.service]
    await waiting.start()
    code = await waiting.ended(DEADLINE_SECONDS)
    first.stack[stop.service].thaw()
    await go_on(first, stop.phase)
    await come_to_rest(first, stop.phase)
    verdict = await judge(first, 0)
    return Stopped(waiting, tuple(_ended(waiting, code)), verdict)


async def _taken_over(stop: Stop, url: str, first: Grid, second: Grid) -> Stopped:
    """Postgres: the second process works, and the first one, when it resumes, changes nothing."""
    zombie = first.stack[stop.service]
    cut_off(zombie.pid, url)
    await second.stack[stop.service].start()
    if stop.service == EXECUTOR:  # the orchestrator is restarted with the new executor's address
        await first.stack[ORCHESTRATOR].kill()
        await second.stack[ORCHESTRATOR].start()
    await second.stack[stop.service].serving()
    await go_on(second, stop.phase)
    await second.until("end of every slot's pause", lambda: _no_slot_waits(second))
    await come_to_rest(second, stop.phase)
    before = await _record(second)
    zombie.thaw()
    code = await zombie.ended(DEADLINE_SECONDS)
    problems = [*_ended(zombie, code), *_changed(before, await _record(second))]
    await second.stack[ORCHESTRATOR].kill()  # what the first process may have left must not obstruct a startup
    await second.stack[ORCHESTRATOR].start()
    await come_to_rest(second, stop.phase)
    return Stopped(zombie, tuple(problems), await judge(second, 0))


async def _no_slot_waits(grid: Grid) -> bool:
    """Whether no slot pauses after a refusal: the second process would place its order while the first is observed."""
    now_ms = clock.now_ms()
    return all(slot.retry_after_ms + _TICKS_MS <= now_ms for slot in (await grid.state()).slots.values())


@dataclass(frozen=True, slots=True)
class _Record:
    """Contents of the venue, the state and the ledger."""

    orders: Mapping[str, tuple[str, str]]
    seq: int
    epoch: int
    end_offset: int
    requests: Mapping[str, executor_pb2.Batch]


async def _record(grid: Grid) -> _Record:
    state, channels = await grid.state(), grid.stack.channels
    opened = await channels.executor.ListOpenOrders(executor_pb2.ListOpenOrdersRequest(symbol=grid.symbol))
    listed = await channels.executor.ListRequests(executor_pb2.ListRequestsRequest(symbol=grid.symbol, limit=1000))
    return _Record(
        orders={order.client_order_id: (order.status, order.executed) for order in (await grid.truth()).orders},
        seq=state.seq,
        epoch=state.epoch,
        end_offset=opened.end_offset,
        requests={batch.request_id: batch for batch in listed.batches},
    )


def _changed(before: _Record, after: _Record) -> list[str]:
    """Returns what the first process has changed. A late request of it is recorded, and ends NOT_SENT."""
    found = [
        f"order {name} was placed or changed" for name in after.orders if after.orders[name] != before.orders.get(name)
    ]
    if (before.seq, before.epoch, before.end_offset) != (after.seq, after.epoch, after.end_offset):
        found.append(f"state or log went from {before.seq}, {before.end_offset} to {after.seq}, {after.end_offset}")
    for name in after.requests.keys() - before.requests.keys():
        outcomes = {result.outcome for result in after.requests[name].results}
        if not after.requests[name].complete or outcomes != {models_pb2.OUTCOME_NOT_SENT}:
            found.append(f"request {name} ended {outcomes}")
    found += [f"request {name} changed" for name, batch in before.requests.items() if after.requests[name] != batch]
    return found


def _ended(process: Process, code: int) -> list[str]:
    name, said = process.service.name, _last_line(process)
    right = code == LEASE_LOST and said.startswith(f"{name}: ")
    return [] if right else [f"the {name} that was replaced ended with {code}: {said}"]


def _last_line(process: Process) -> str:
    lines = process.output.strip().splitlines()
    return lines[-1] if lines else ""


def _elsewhere(deployment: Deployment, service: str) -> Deployment:
    """Returns the deployment for a second process of a service, at another address."""
    values = tomllib.loads(deployment.config.read_text(encoding="utf-8"))
    taken = set(deployment.addresses.values())  # the first one may have been stopped before it took its port
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(taken) + 1)]
    values[service]["address"] = next(address for address in addresses if address not in taken)
    config = deployment.config.with_name("second.toml")
    config.write_text(tomli_w.dumps(values), encoding="utf-8")
    return read_deployment(config)


@contextlib.asynccontextmanager
async def staged(deployment: Deployment, logs: Path) -> AsyncIterator[Grid]:
    """Yields a deployment's grid; the caller starts its services, which are ended after the block."""
    stack = Stack(deployment, logs, forked=True)
    try:
        async with stack.channels:
            yield Grid(stack)
    finally:
        await stack.end()


@contextlib.asynccontextmanager
async def _acting(grid: Grid, phase: Phase) -> AsyncIterator[None]:
    acting = asyncio.create_task(act(grid, phase))
    try:
        yield
    finally:
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError, GaveUpError):
            await acting
