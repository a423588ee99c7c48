"""A service that does not answer, and a price that is not current, are troubles of the orchestrator."""

from gridtesting.live.orchestrator import BTC, Running, World, eventually, run_inside, trading
from gridwright.v1 import models_pb2


async def troubled(running: Running, kinds: list[tuple[str, str]]) -> bool:
    answer = await running.client.stub.ListTroubles(models_pb2.ListTroublesRequest())
    return [(each.kind, each.symbol or each.subject) for each in answer.troubles] == kinds


async def test_an_executor_that_does_not_answer_is_a_trouble_until_it_does(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await trading(orchestrator.client)
        await world.stop_executor()
        unreachable = [("PEER_UNREACHABLE", "executor")]
        await eventually(lambda: troubled(orchestrator, unreachable), "the executor is missed", 20)
        await world.start_executor()
        await eventually(lambda: troubled(orchestrator, []), "the executor is back", 10)


async def test_a_price_that_is_not_current_is_a_trouble_until_it_is(world: World) -> None:
    world.risk_options.update(stale_price_ms="400", calm_ms="200")
    async with run_inside(world) as orchestrator:
        await trading(orchestrator.client)
        world.prices.alive = False
        await eventually(lambda: troubled(orchestrator, [("FEED_STALE", BTC)]), "the price is stale", 10)
        world.prices.alive = True
        await eventually(lambda: troubled(orchestrator, []), "the price is current again", 10)
