"""One case of the crash matrix: a process dies at a crash point, in a phase of a grid's life, under a venue's fault.

Real processes over a simex that stands still and is moved by hand, so a case comes out the same each time. What a case
is, `case` says; which cases there are is left to the tests.
"""

import asyncio
import contextlib
import tomllib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import assert_never

import grpc

from gridchaos.case import Case, Phase, VenueFault
from gridctl.audit import AuditReport
from gridctl.evidence import until_settled
from gridctl.house import EXECUTOR, ORCHESTRATOR, SIMEX, House
from gridctl.stage import Stage, set_stage
from gridctl.toml import to_toml
from gridrpc.crash import CRASH, TRACE
from gridtesting.processes import Process, Stack
from gridwright.v1 import models_pb2, orchestrator_pb2, simex_pb2

DEATH_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_DOWN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a case: how each run that was to die ended, and where; then the mode, and what the audit found."""

    exit_codes: tuple[int, ...]
    last_points: tuple[str, ...]
    mode: str
    audit: AuditReport


async def play(case: Case, folder: Path, *, forked: bool = False) -> Verdict:
    """Lets the process die, starts it again, lets the grid go on, and audits it. Raises AssertionError for a hang."""
    stack = Stack(_still_house(folder), folder / "logs", forked=forked)
    victim = stack[case.service]
    orders = [{CRASH: point, TRACE: str(folder / f"trace-{run}")} for run, point in enumerate(case.deaths)]
    try:
        async with stack.wires:
            await _begin(stack, case.phase, case.fault, {case.service: orders[0]})
            exit_codes = [await _dead(stack, case.phase, victim)]
            for order in orders[1:]:
                await victim.start(order)
                exit_codes.append(await victim.ended(DEATH_SECONDS))
            await victim.start()
            await victim.serving()
            await _go_on(stack, case.phase)
            mode = models_pb2.Mode.Name((await _state(stack)).risk.mode)
            last_points = tuple(_passed(order[TRACE])[-1] for order in orders)
            return Verdict(tuple(exit_codes), last_points, mode, await stack.audit())
    finally:
        await stack.end()


async def survey(
    phase: Phase, folder: Path, fault: VenueFault = VenueFault.NONE, *, forked: bool = False
) -> Mapping[str, Counter[str]]:
    """How often each service passes each crash point in a phase in which nobody dies: what there is to choose from."""
    stack = Stack(_still_house(folder), folder / "logs", forked=forked)
    traces = {name: str(folder / f"trace-{name}") for name in (EXECUTOR, ORCHESTRATOR)}
    try:
        async with stack.wires:
            await _begin(stack, phase, fault, {name: {TRACE: trace} for name, trace in traces.items()})
            await _act(stack, phase)
            await _come_to_rest(stack, phase)
    finally:
        await stack.end()
    return {name: Counter(_passed(trace)) for name, trace in traces.items()}


def _passed(trace: str) -> list[str]:
    return Path(trace).read_text(encoding="utf-8").split()


async def _begin(stack: Stack, phase: Phase, fault: VenueFault, environments: Mapping[str, Mapping[str, str]]) -> None:
    """Brings the grid to where the phase begins, executor and orchestrator freshly started in their environments."""
    await stack[SIMEX].start()
    await stack[SIMEX].serving()
    others = [name for name in stack.house.addresses if name != SIMEX]
    if phase is Phase.PLACING:
        await _add(stack, fault)
        for name in others:
            await stack[name].start(environments.get(name, {}))
        return
    for name in others:
        await stack[name].start()
    await _settled_with_orders(stack)
    for name in (ORCHESTRATOR, EXECUTOR):
        assert await stack[name].stop() == 0, stack[name].output
    await _add(stack, fault)
    for name in (EXECUTOR, ORCHESTRATOR):
        await stack[name].start(environments.get(name, {}))


async def _dead(stack: Stack, phase: Phase, victim: Process) -> int:
    """Gives the grid what the phase is about, of which the process dies. Its exit code."""
    acting = asyncio.create_task(_act(stack, phase))
    try:
        return await victim.ended(DEATH_SECONDS)
    finally:
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await acting


async def _act(stack: Stack, phase: Phase) -> None:
    """Gives the grid what the phase is about."""
    match phase:
        case Phase.PLACING:
            pass
        case Phase.FILL:
            await _fill_next(stack)
        case Phase.HALT:
            await _halt(stack)
        case _:
            assert_never(phase)


async def _go_on(stack: Stack, phase: Phase) -> None:
    """What must work after the restart: a halt holds, anything else trades on."""
    if phase is Phase.HALT:
        await _halt(stack)  # the same word again, as an operator would who has got no answer
        return await _come_to_rest(stack, phase)
    await _come_to_rest(stack, phase)
    fills = (await _state(stack)).totals.fills
    await _fill_next(stack)

    async def filled() -> bool:
        return (await _state(stack)).totals.fills > fills

    return await _until(stack, "another fill", filled)


async def _come_to_rest(stack: Stack, phase: Phase) -> None:
    if phase is Phase.HALT:
        await _until(stack, "safe mode", lambda: _in_mode(stack, models_pb2.MODE_SAFE))
    else:
        await _settled_with_orders(stack)


async def _settled_with_orders(stack: Stack) -> None:
    async def has_orders() -> bool:
        return bool(await _buys(stack))

    await _until(stack, "open orders", has_orders)
    house = stack.house
    assert await until_settled(stack.wires, house.bot, house.symbols, DEATH_SECONDS), stack.outputs()


async def _fill_next(stack: Stack) -> None:
    """Others sell down to the dearest of our buying orders, and take it whole."""
    price, quantity = max(await _buys(stack))
    request = simex_pb2.InjectTradeRequest(
        symbol=stack.house.symbols[0], price=str(price), quantity=str(quantity), side=models_pb2.SIDE_SELL
    )
    await stack.wires.simex.InjectTrade(request)


async def _buys(stack: Stack) -> list[tuple[Decimal, Decimal]]:
    """Price and quantity of the buying orders that rest on the venue."""
    truth = await stack.wires.simex.GetTruth(simex_pb2.GetTruthRequest(), wait_for_ready=True)
    return [
        (Decimal(order.price), Decimal(order.quantity))
        for order in truth.orders
        if order.side == models_pb2.SIDE_BUY and order.status in {"NEW", "PARTIALLY_FILLED"}
    ]


async def _halt(stack: Stack) -> None:
    """Says it until it is answered; the request id makes it one word."""
    request = orchestrator_pb2.OperatorRequest(
        request_id="halt", symbol=stack.house.symbols[0], who="operator", why="a test"
    )
    while True:
        try:
            await stack.wires.orchestrator.EnterSafeMode(request, wait_for_ready=True)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _DOWN:
                raise
            await asyncio.sleep(_LOOK_SECONDS)
        else:
            return


async def _in_mode(stack: Stack, mode: models_pb2.Mode.ValueType) -> bool:
    return (await _state(stack)).risk.mode == mode


async def _state(stack: Stack) -> models_pb2.State:
    request = orchestrator_pb2.GetStateRequest(symbol=stack.house.symbols[0])
    return (await stack.wires.orchestrator.GetState(request, wait_for_ready=True)).state


async def _until(stack: Stack, what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    try:
        async with asyncio.timeout(DEATH_SECONDS):
            while True:
                if await condition():
                    return
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise AssertionError(f"no {what} after {DEATH_SECONDS:g} s:\n{stack.outputs()}") from None


async def _add(stack: Stack, fault: VenueFault) -> None:
    if fault.fault is not None:
        await stack.wires.simex.AddFault(simex_pb2.AddFaultRequest(fault=fault.fault))


def _still_house(folder: Path) -> House:
    """The demo's, with a market that moves by hand, where whoever comes first is first in the queue."""
    house = set_stage(Stage(), folder)
    values = tomllib.loads(house.config.read_text(encoding="utf-8"))
    for market in values[SIMEX]["markets"]:
        market |= {"running": False, "queue": "front"}
    values[SIMEX]["limits"] = {"enabled": False}
    values["venue"] |= {"recv_window_ms": 2_000, "visibility_lag_ms": 300}  # how long an order in doubt stays so
    values[EXECUTOR]["poll_interval_ms"] = 200
    house.config.write_text(to_toml(values), encoding="utf-8")
    return house
