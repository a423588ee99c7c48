"""Two hosts whose clocks differ, and a clock that is set while it runs: no place is lost, and none is sent late."""

import pytest

from gridcore.model.actions import PlaceOrder
from gridservice.clock import now_ms, steady_ms
from gridtesting.live.orchestrator import Client, World, eventually, run_inside
from gridtesting.waiting import until
from gridwright.v1 import models_pb2
from orchestrator.clients.host_clock import HostClock

HOUR_MS = 3_600_000


@pytest.mark.parametrize("skew_ms", [-HOUR_MS, -31_000, 31_000, HOUR_MS])
async def test_an_executor_whose_clock_differs_places_all_the_same_and_it_is_reported(
    world: World, skew_ms: int
) -> None:
    world.options["conditions_interval_ms"] = "100"
    world.executor.skew_ms = skew_ms
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        assert len(world.opening()) == 3, "none has expired"
        await eventually(lambda: _troubles(orchestrator.client, ["CLOCKS_DIFFER"]), "the trouble")
        (trouble,) = await orchestrator.client.troubles()
        assert f"{skew_ms / 1000:+.0f}" in trouble.message.replace(".0 s", " s")

        world.executor.skew_ms = 0
        await eventually(lambda: _troubles(orchestrator.client, []), "the end of the trouble")


async def test_deadlines_that_have_passed_expire_whatever_the_clocks_say(world: World) -> None:
    world.executor.skew_ms = -HOUR_MS  # by its own clock every place has an hour left
    world.grid_options["order_ttl_ms"] = "300"
    world.executor.sending.clear()
    async with run_inside(world) as orchestrator:
        await until(lambda: bool(world.executor.requests), "the request to be taken")
        (request,) = world.executor.requests.values()
        deadline_ms = max(action.not_after_ms for action in request.actions if isinstance(action, PlaceOrder))
        await until(lambda: now_ms() > deadline_ms, "the deadline to pass")
        world.executor.sending.set()
        await orchestrator.until_seq(1)
        row = await orchestrator.client.explain(1)

    assert {result.outcome for result in row.results} == {models_pb2.OUTCOME_EXPIRED}


def test_a_clock_is_known_from_quick_answers_only() -> None:
    clock = HostClock()
    assert clock.difference_ms == 0

    clock.heard(now_ms() + 33_000, steady_ms() - 4_000)  # better than nothing
    assert clock.difference_ms > 30_000
    clock.heard(now_ms() + 31_000, steady_ms())
    assert abs(clock.difference_ms - 31_000) < 100

    clock.heard(now_ms() + 99_000, steady_ms() - 5_000)  # it was on its way for five seconds
    clock.heard(0, steady_ms())  # it did not say
    assert abs(clock.difference_ms - 31_000) < 100
    assert abs(clock.offset_ms(now_ms() - HOUR_MS) - HOUR_MS - 31_000) < 100


async def test_the_age_of_a_price_does_not_depend_on_the_hosts_time(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        context = orchestrator.context()
        for at_ms in (now_ms() - HOUR_MS, now_ms(), now_ms() + HOUR_MS):
            assert 0 <= at_ms - context.price_heard_ms(at_ms) < 60_000


async def _troubles(client: Client, kinds: list[str]) -> bool:
    return [trouble.kind for trouble in await client.troubles()] == kinds
