"""An order that an operator said was never placed fills after all: booked, closed, and the grid halts for a person."""

from gridcore.model.actions import Outcome
from gridcore.model.state import Mode, Rule
from gridtesting.live.orchestrator import BTC, World, run_inside
from gridtesting.waiting import until
from gridwright.v1 import models_pb2


async def test_a_stray_fill_is_closed_and_halts_the_grid_until_an_operator_ends_the_halt(world: World) -> None:
    world.executor.outcomes = [Outcome.UNKNOWN]
    venue = world.executor.markets[BTC].venue
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        (name,) = venue.lost
        await world.executor.resolve(BTC, name)  # as a statement of NEVER_PLACED does
        await world.executor.fill(BTC, name)
        await orchestrator.client.until_mode(models_pb2.MODE_SAFE)
        halted = orchestrator.context().state
    async with run_inside(world) as orchestrator:
        await until(lambda: orchestrator.context().trading, "trading")
        restarted = orchestrator.context().state
        await orchestrator.client.stub.ExitSafeMode(orchestrator.client.order())
        await until(lambda: len(world.opening()) > 0, "the grid to open again")
        released = orchestrator.context().state

    assert (halted.risk.rule, halted.risk.clears_itself) == (Rule.STRAY_FILL, False)
    assert name in halted.risk.reason
    assert halted.totals.fills == venue.trades == 1
    assert halted.event_offset == len([one for one in venue.log if one.offset <= halted.event_offset])
    assert len(world.closing()) == 1, "what it bought is for sale"
    assert (restarted.risk.mode, restarted.risk.rule) == (Mode.SAFE, Rule.STRAY_FILL)
    assert (released.risk.mode, released.risk.stray_order) == (Mode.RUNNING, "")
