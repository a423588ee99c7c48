"""Plays one case of the crash matrix: a process dies at a crash point, in a phase of a grid's life, under a fault.

Real processes over a simex whose market moves on request only, so that a case is reproducible. `case` defines a case;
`selection` lists the cases.
"""

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from gridchaos.harness.deployment import still_deployment
from gridchaos.harness.grid_driver import DEADLINE_SECONDS, GaveUpError, Grid
from gridchaos.harness.venue_faults import Strikes, VenueFault
from gridchaos.judge.verdict import Verdict, judge
from gridchaos.matrix.case import Case, Phase
from gridchaos.matrix.phases import OF_THE_MARKET, act, begin, come_to_rest, go_on
from gridchaos.results import Result
from gridctl.commands.trade import TradeError
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR
from gridservice.clock import now_ms
from gridservice.crash_point import CRASH, TRACE
from gridtesting.live.processes import Process, Stack, StillRunsError

_MOVE_SECONDS = 1.0
LONGEST_PROBLEM = 10_000  # characters: a hang reports the whole output of the services


class NotPassedError(Exception):
    """The grid has come to rest, and the process has not passed the crash point."""


@dataclass(frozen=True, slots=True)
class Played:
    """Result of a case: how and where each run that was to die ended, and the verdict of the books."""

    exit_codes: tuple[int, ...]
    last_points: tuple[str, ...]
    verdict: Verdict

    def died(self, case: Case) -> bool:
        """Whether it died at the crash point in each run."""
        return set(self.exit_codes) == {-signal.SIGKILL} and self.last_points == case.names


async def play(
    case: Case,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
    dies_within_seconds: float = DEADLINE_SECONDS,
    at_rest: bool = False,
) -> Played:
    """Lets the process die, starts it again, lets the grid continue, and judges it, even if it does not come to rest.

    `environment` is added to that of the process that dies, in all of its runs. `at_rest`: the folder contains a
    deployment at rest at the beginning of the phase. Raises NotPassedError if the crash point was not passed,
    AssertionError if the process hangs or does not come back.
    """
    given = environment or {}
    orders = [{**given, CRASH: point, TRACE: str(folder / f"trace-{run}")} for run, point in enumerate(case.deaths)]
    async with _grid(folder, deadline_seconds) as grid:
        victim = grid.stack[case.service]
        await begin(grid, case.phase, case.fault, {case.service: orders[0]}, at_rest=at_rest)
        exit_codes = [await _dead(grid, case.phase, victim, dies_within_seconds)]
        for order in orders[1:]:
            await victim.start(order)
            exit_codes.append(await _ended(grid, victim, dies_within_seconds))
        if may_place_by_hand(case):
            await grid.place_by_hand()
        if case.fault is VenueFault.TRADED_AWAY:
            await grid.sell_down()
        restarted_ms = now_ms()
        await victim.start(given)
        await victim.serving()
        hung = ""
        try:
            await go_on(grid, case.phase)
            await grid.at_rest_in((await grid.state()).risk.mode)
        except GaveUpError as error:
            hung = str(error)
        try:
            verdict = await judge(grid, restarted_ms, hung)
        except grpc.aio.AioRpcError:
            assert not hung, hung  # says more than a missing answer
            raise
    last_points = tuple(_passed(order[TRACE])[-1] for order in orders)
    return Played(tuple(exit_codes), last_points, verdict)


def may_place_by_hand(case: Case) -> bool:
    """Whether a foreign order may be placed while the process is down: not while a fault waits for our next place."""
    return case.fault.strikes is not Strikes.PLACE and case.phase is not Phase.DOUBT


async def result_of(case: Case, folder: Path, database: str, *, at_rest: bool = False) -> Result:
    """Plays the case; returns its result. A hang is a problem, not an exception. Raises NotPassedError."""
    began = time.monotonic()
    try:
        played = await play(case, folder, at_rest=at_rest)
    except (AssertionError, TradeError, grpc.aio.AioRpcError, TimeoutError) as error:
        return _result(case, database, began, problems=(str(error)[:LONGEST_PROBLEM] or repr(error),))
    verdict = played.verdict
    problems = list(verdict.problems)
    if not played.died(case):
        problems.append(f"ended with {played.exit_codes} at {played.last_points}")
    if verdict.mode != ("MODE_SAFE" if case.phase is Phase.HALT else "MODE_RUNNING"):
        problems.append(f"P5: it is in {verdict.mode}")
    return _result(case, database, began, verdict, tuple(problems))


def _result(
    case: Case, database: str, began: float, verdict: Verdict | None = None, problems: tuple[str, ...] = ()
) -> Result:
    found: dict[str, Any] = {"faults": 0, "fills": 0} if verdict is None else verdict.measures
    seconds = round(time.monotonic() - began, 2)
    return Result("case", case.id, database, len(case.deaths), seconds=seconds, problems=problems, **found)


async def survey(
    phase: Phase, folder: Path, fault: VenueFault = VenueFault.NONE, deaths: Mapping[str, str] | None = None
) -> Mapping[str, Counter[str]]:
    """Returns how often each service passes each crash point in a phase.

    `deaths`: by service, a point at which its first run dies; then the passes of the second run are counted.
    """
    traces = {name: str(folder / f"trace-{name}") for name in (EXECUTOR, ORCHESTRATOR)}
    async with _grid(folder) as grid:
        first = {name: {TRACE: trace} for name, trace in traces.items()}
        first |= {name: {CRASH: point} for name, point in (deaths or {}).items()}
        await begin(grid, phase, fault, first)
        if deaths:
            for name in deaths:
                await _dead(grid, phase, grid.stack[name])
                await grid.stack[name].start({TRACE: traces[name]})
            await go_on(grid, phase)
        else:
            await act(grid, phase)
        await come_to_rest(grid, phase)
    return {name: Counter(_passed(trace)) for name, trace in traces.items()}


@contextlib.asynccontextmanager
async def _grid(folder: Path, deadline_seconds: float = DEADLINE_SECONDS) -> AsyncIterator[Grid]:
    stack = Stack(still_deployment(folder), folder / "logs", forked=True)
    try:
        async with stack.channels:
            yield Grid(stack, deadline_seconds)
    finally:
        await stack.end()


def _passed(trace: str) -> list[str]:
    return Path(trace).read_text(encoding="utf-8").split()


async def _dead(grid: Grid, phase: Phase, victim: Process, within_seconds: float = DEADLINE_SECONDS) -> int:
    """Triggers the phase's activity, during which the process dies; returns its exit code."""
    acting = asyncio.create_task(act(grid, phase))
    try:
        return await _ended(grid, victim, within_seconds)
    finally:
        if phase in OF_THE_MARKET:  # the market moves also if the process died before it traded
            await asyncio.wait({acting}, timeout=_MOVE_SECONDS)
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError, GaveUpError):
            await acting


async def _ended(grid: Grid, victim: Process, within_seconds: float) -> int:
    """Returns its exit code. Raises NotPassedError if it lives and all is at rest; AssertionError if it hangs."""
    try:
        return await victim.ended(within_seconds)
    except StillRunsError as error:
        await grid.at_rest_in((await grid.state()).risk.mode)
        raise NotPassedError(str(error)) from None
