"""Plays the phases of a grid's life: how each begins, what happens in it, and what must work after a restart."""

import asyncio
from collections.abc import Mapping
from typing import assert_never

from gridchaos.harness.deployment import age_workflows
from gridchaos.harness.grid_driver import BUYS, Grid
from gridchaos.harness.venue_faults import VenueFault
from gridchaos.matrix.case import Phase
from gridchaos.matrix.selection import STANDING
from griddeploy.deployment import EXECUTOR, ORCHESTRATOR, PRICEMON
from gridwright.v1 import models_pb2

Environments = Mapping[str, Mapping[str, str]]
"""Additions to the environment of each service."""
BEGINNINGS = frozenset({Phase.PLACING, Phase.DOUBT})
"""Phases of a grid's first startup. All others begin with the grid at rest."""


OF_THE_MARKET = frozenset({Phase.FILL, Phase.PRUNING, Phase.PARTIAL, Phase.TRAILING, Phase.CROSSING})
"""Phases that begin with a move of the market."""


async def begin(
    grid: Grid, phase: Phase, fault: VenueFault, environments: Environments, *, at_rest: bool = False
) -> None:
    """Brings the grid to the beginning of the phase, with executor and orchestrator started in their environments.

    A foreign order rests beside the grid's own from the beginning. `at_rest`: the folder already contains the data of a
    deployment at rest.
    """
    stack = grid.stack
    if at_rest:
        await grid.venue_reachable()
        grid.by_hand = 1
        await stack[PRICEMON].start()
    elif phase in BEGINNINGS:
        await grid.venue_reachable()
        await grid.place_by_hand()
        await stack[PRICEMON].start()
    else:
        await bring_to_rest(grid, phase)
    if phase is Phase.PRUNING:
        await asyncio.to_thread(age_workflows, stack.deployment)
    await grid.add(STANDING.get(phase, VenueFault.NONE))
    await grid.add(fault)
    for name in (EXECUTOR, ORCHESTRATOR):
        await stack[name].start(environments.get(name, {}))


async def bring_to_rest(grid: Grid, phase: Phase) -> None:
    """Starts a deployment for the first time, waits until it rests, and stops executor and orchestrator."""
    stack = grid.stack
    await grid.venue_reachable()
    await grid.place_by_hand()
    for name in (PRICEMON, EXECUTOR, ORCHESTRATOR):
        await stack[name].start()
    await grid.at_rest_in(models_pb2.MODE_RUNNING)
    if phase is Phase.LIFT:
        await grid.halt()
        await grid.at_rest_in(models_pb2.MODE_SAFE)
    for name in (ORCHESTRATOR, EXECUTOR):
        code = await stack[name].stop()
        assert code == 0, stack[name].output


async def act(grid: Grid, phase: Phase) -> None:
    """Triggers the phase's activity. The market moves once the grid trades, or while the trading service is down."""
    if phase in OF_THE_MARKET:
        await grid.trading_or_dead()
    match phase:
        case Phase.PLACING:
            pass
        case Phase.DOUBT:
            await grid.until_all_rest()
            for _ in range(BUYS):
                await grid.sell_down()
        case Phase.FILL | Phase.PRUNING:
            await grid.sell_down()
        case Phase.PARTIAL:
            fills = (await grid.state()).totals.fills
            await grid.sell_down("0.5")
            await grid.fills_beyond(fills)
            await grid.sell_down()
        case Phase.TRAILING | Phase.CROSSING:
            await grid.rise()
        case Phase.HALT:
            await grid.halt()
        case Phase.LIFT:
            await grid.lift()
        case _:
            assert_never(phase)


async def come_to_rest(grid: Grid, phase: Phase) -> None:
    """Returns once nothing of the phase is in progress."""
    await grid.at_rest_in(models_pb2.MODE_SAFE if phase is Phase.HALT else models_pb2.MODE_RUNNING)


async def go_on(grid: Grid, phase: Phase) -> None:
    """Checks what must work after the restart: a halt stays in force, anything else continues to trade."""
    if phase is Phase.HALT:
        await grid.halt()  # the same command again, as an operator without an answer would send it
        return await come_to_rest(grid, phase)
    if phase is Phase.LIFT:
        await grid.lift()
    await come_to_rest(grid, phase)
    fills = (await grid.state()).totals.fills
    await grid.sell_down()
    return await grid.fills_beyond(fills)
