"""A request that the executor can never accept: it is settled as not sent, with the sentence; the grid continues."""

from decimal import Decimal

import pytest

from gridtesting.live.orchestrator import BTC, START, World, run_inside, spawn
from gridtesting.waiting import until
from gridwright.v1 import models_pb2


async def test_a_plan_that_is_too_large_for_the_executor_ends_no_grid(world: World) -> None:
    world.executor.most_actions = 2  # the first plan has three
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        row = await orchestrator.client.explain(1)
        world.executor.most_actions = 1_000
        await until(lambda: len(world.opening()) == 3, "the orders to be placed after all")

    assert {result.outcome for result in row.results} == {models_pb2.OUTCOME_NOT_SENT}
    assert {result.reason for result in row.results} == {"MALFORMED"}
    assert "actions has 3 entries" in row.results[0].message


@pytest.mark.parametrize("status", ["PENDING", "CANCELLED"], ids=["as it is", "by cancel-workflow"])
async def test_such_a_plan_on_record_from_before_is_settled_at_the_start(world: World, status: str) -> None:
    world.executor.sending.clear()
    async with spawn(world) as child:
        await until(lambda: bool(world.executor.requests), "the request to be on its way", 20)
        await child.kill()
    world.executor.requests.clear()  # as if the executor had refused it: its ledger knows nothing of it
    world.executor.sending.set()
    world.executor.most_actions = 2
    world.query_workflows(f"UPDATE workflow_status SET status = '{status}'")
    async with run_inside(world) as orchestrator:
        row = await orchestrator.client.explain(1)
        world.executor.most_actions = 1_000
        await world.prices.set_price(BTC, START + Decimal(900))
        await until(lambda: len(world.opening()) == 3, "the grid to continue")

    assert row.request_id == "test/BTC/USDT/1/1"
    assert {result.reason for result in row.results} == {"MALFORMED"}
