"""Manual orders before, during and after many restarts: untouched, shown, and counted against the budget (P6).

The orchestrator dies repeatedly: at a crash point of its startup, or by SIGKILL while it applies a fill.
"""

import time
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random  # noqa: TID251  # seeded, and the id contains the seed

import tomli_w

from gridchaos.harness.deployment import still_deployment
from gridchaos.harness.grid_driver import BUYS, DEADLINE_SECONDS, Grid
from gridchaos.judge.verdict import Verdict, judge
from gridchaos.matrix.paused_process import staged
from gridchaos.results import Result
from griddeploy.deployment import ORCHESTRATOR, SIMEX, Deployment, read_deployment
from gridservice.crash_point import ANY, CRASH
from gridwright.v1 import models_pb2, simex_pb2

KIND = "restarts"
_START_POINTS = 12  # every startup passes more crash points than this, on either database
_BY_HAND = Decimal(30)  # quote that a foreign order of `Grid.place_by_hand` binds


@dataclass(frozen=True, slots=True)
class Restarts:
    """Number of restarts, and the seed for their places."""

    count: int
    seed: int

    @property
    def id(self) -> str:
        """Id by which they are played again: `restarts/100/7`."""
        return f"{KIND}/{self.count}/{self.seed}"

    @classmethod
    def parse(cls, text: str) -> "Restarts":
        """Returns the case of an id. Raises ValueError, with a sentence, for an invalid id."""
        kind, *numbers = text.split("/")
        if kind != KIND or len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
            raise ValueError(f"{text!r} are no restarts: give restarts/count/seed, such as restarts/100/7")
        return cls(int(numbers[0]), int(numbers[1]))


@dataclass(frozen=True, slots=True)
class Restarted:
    """Result of the restarts."""

    problems: tuple[str, ...]
    verdict: Verdict


async def play_restarts(restarts: Restarts, folder: Path) -> Restarted:
    """Plays them on Postgres if DATABASE_URL names one, otherwise in files. Raises AssertionError for a hang."""
    chance = Random(restarts.seed)  # noqa: S311  # no secret
    async with staged(_house_with_a_budget(folder), folder / "logs") as grid:
        stack = grid.stack
        await grid.venue_reachable()
        await grid.place_by_hand()
        for name in stack.deployment.addresses:
            if name != SIMEX:
                await stack[name].start()
        await grid.at_rest_in(models_pb2.MODE_RUNNING)
        problems = await _wrong(grid)
        await stack[ORCHESTRATOR].kill()
        for number in range(restarts.count):
            if number == restarts.count // 2:
                await grid.place_by_hand()
            await _live_and_die(grid, chance)
        await stack[ORCHESTRATOR].start()
        await grid.at_rest_in(models_pb2.MODE_RUNNING)
        problems += await _wrong(grid)
        await grid.place_by_hand()
        await grid.until("the last of them in the state", lambda: _shown(grid))
        await grid.at_rest_in(models_pb2.MODE_RUNNING)
        problems += await _wrong(grid)
        return Restarted(tuple(problems), await judge(grid, 0))


async def result_of_restarts(restarts: Restarts, folder: Path, database: str) -> Result:
    """Plays the case; returns its result. A hang is reported as a problem, not as an exception."""
    began = time.monotonic()
    try:
        restarted = await play_restarts(restarts, folder)
    except AssertionError as error:
        seconds = round(time.monotonic() - began, 2)
        return Result("case", restarts.id, database, restarts.count, 0, 0, seconds, problems=(str(error),))
    problems = (*restarted.problems, *restarted.verdict.problems)
    seconds = round(time.monotonic() - began, 2)
    measures = restarted.verdict.measures
    return Result("case", restarts.id, database, restarts.count, seconds=seconds, problems=problems, **measures)


async def _live_and_die(grid: Grid, chance: Random) -> None:
    orchestrator = grid.stack[ORCHESTRATOR]
    if chance.random() < 0.7:
        await orchestrator.start({CRASH: f"{ANY}:{chance.randint(1, _START_POINTS)}"})
        await orchestrator.ended(DEADLINE_SECONDS)
        return
    await orchestrator.start()
    await orchestrator.serving()
    await _trade(grid)
    await orchestrator.kill()


async def _trade(grid: Grid) -> None:
    """Others sell to the grid, or buy from it if its budget is nearly bound."""
    if len(await grid.buys()) > 1:
        return await grid.sell_down()
    sells = [order for order in (await grid.truth()).orders if order.side == models_pb2.SIDE_SELL]
    resting = [(Decimal(order.price), order.quantity) for order in sells if order.status == "NEW"]
    if resting:
        price, quantity = min(resting)
        request = simex_pb2.InjectTradeRequest(
            symbol=grid.symbol, price=str(price), quantity=quantity, side=models_pb2.SIDE_BUY
        )
        await grid.stack.channels.simex.InjectTrade(request)
    return None


async def _shown(grid: Grid) -> bool:
    return (await grid.state()).foreign.orders == grid.by_hand


async def _wrong(grid: Grid) -> list[str]:
    """Returns errors of the foreign orders in the state, and of the budget that grid and foreign orders share."""
    state = await grid.state()
    told, bound = Decimal(state.foreign.buying or 0), grid.by_hand * _BY_HAND
    found: list[str] = []
    if (state.foreign.orders, told) != (grid.by_hand, bound):
        found.append(f"{grid.by_hand} foreign orders bind {bound}, and the state shows {state.foreign}")
    openings = [order.price * order.left for order in await grid.buys()]
    held = sum((abs(Decimal(slot.cost)) for slot in state.slots.values()), Decimal(0))
    budget = _budget(_quote_per_slot(grid.stack.deployment))
    if sum(openings, held) + bound > budget:
        found.append(f"{openings} opening, {held} held and {bound} foreign are more than the budget of {budget}")
    if not held and len(openings) != BUYS - 1:
        found.append(f"{len(openings)} opening orders where the budget leaves room for {BUYS - 1}")
    return found


def _house_with_a_budget(folder: Path) -> Deployment:
    """Returns a deployment whose budget holds all slots, and one less with one to three foreign orders."""
    deployment = still_deployment(folder)
    values = tomllib.loads(deployment.config.read_text(encoding="utf-8"))
    values["grids"][0]["budget"] = str(_budget(_quote_per_slot(deployment)))
    values[ORCHESTRATOR]["conditions_interval_ms"] = 200
    deployment.config.write_text(tomli_w.dumps(values), encoding="utf-8")
    return read_deployment(deployment.config)


def _quote_per_slot(deployment: Deployment) -> Decimal:
    grid = tomllib.loads(deployment.config.read_text(encoding="utf-8"))["grids"][0]
    return Decimal(grid["quote_per_slot"])


def _budget(quote_per_slot: Decimal) -> Decimal:
    return BUYS * quote_per_slot + _BY_HAND / 3
