"""The process killed at the worst moments: one set of orders, one commit, and the workflow is seen to be resumed."""

from decimal import Decimal

from gridcore.model.orders import Role
from gridtesting.live.orchestrator import BTC, Client, World, eventually, spawn, trading
from gridtesting.waiting import until
from gridwright.v1 import orchestrator_pb2


async def test_killed_while_the_executor_holds_its_answer_the_step_is_resumed_and_counted_once(world: World) -> None:
    world.executor.answering.clear()
    async with spawn(world) as first:
        await until(lambda: len(world.opening()) == 3, "the orders to reach the venue", 20)
        await first.kill()
    world.executor.answering.set()

    async with spawn(world) as second:
        await trading(second.client)
        resumed = await _finished(second.client, "test/BTC/USDT/1/1")
        state = (await second.client.state()).state
        journal = await second.client.explain(1)
        assert await second.stop() == 0

    assert resumed.attempts > 1
    assert [step.name for step in resumed.steps] == ["batch_execute", "commit_state"]
    assert state.seq == 1
    assert journal.epoch == 1
    assert len(world.executor.all_orders(BTC)) == 3
    assert sorted(world.opening()) == sorted(slot.order.client_order_id for slot in state.slots.values())


async def test_killed_before_anything_was_sent_nothing_of_the_old_epoch_is_sent_later(world: World) -> None:
    world.executor.sending.clear()
    async with spawn(world) as first:
        await until(lambda: len(world.executor.requests) == 1, "the request to be accepted", 20)
        await first.kill()

    async with spawn(world) as second:
        await until(lambda: len(world.executor.requests) == 2, "a request of the new epoch", 20)
        world.executor.sending.set()
        await eventually(lambda: _at_least(second.client, 2), "the new step")
        resumed = await _finished(second.client, "test/BTC/USDT/1/1")
        old = await second.client.explain(1)
        state = (await second.client.state()).state

    assert resumed.attempts > 1
    assert {result.reason for result in old.results} == {"FENCED"}
    assert len(world.executor.all_orders(BTC)) == 3
    assert {slot.order.client_order_id for slot in state.slots.values()} == set(world.opening())


async def test_killed_repeatedly_no_order_is_doubled_or_forgotten(world: World) -> None:
    for price in (60150, 60450, 60750, 61050):
        await world.prices.set_price(BTC, Decimal(price))
        async with spawn(world) as child:
            await _until_price(child.client, price)
            await child.kill()

    async with spawn(world) as last:
        await trading(last.client)
        state = (await last.client.state()).state

    in_state = {slot.order.client_order_id for slot in state.slots.values() if slot.HasField("order")}
    on_venue = {order.place.client_order_id for order in world.executor.orders(BTC)}
    assert on_venue <= in_state
    assert len(on_venue) == len({order.place.slot for order in world.executor.orders(BTC)})


async def test_fills_that_happen_while_it_is_dead_are_applied_once_before_it_trades(world: World) -> None:
    async with spawn(world) as first:
        await eventually(lambda: _at_least(first.client, 1), "the first step", 20)
        await first.kill()
    for name in world.opening():
        await world.executor.fill(BTC, name)

    async with spawn(world) as second:
        await trading(second.client)
        state = (await second.client.state()).state

    assert state.totals.fills == 3
    assert state.event_offset == 6
    assert len(world.executor.orders(BTC, Role.CLOSING)) == 3


async def test_a_clean_stop_in_the_middle_of_a_step_leaves_it_to_be_resumed(world: World) -> None:
    world.executor.answering.clear()
    async with spawn(world) as first:
        await until(lambda: len(world.opening()) == 3, "the orders to reach the venue", 20)
        assert await first.stop() == 0
    world.executor.answering.set()

    async with spawn(world) as second:
        await trading(second.client)
        resumed = await _finished(second.client, "test/BTC/USDT/1/1")
        state = (await second.client.state()).state

    assert resumed.status == "SUCCESS"
    assert resumed.attempts > 1
    assert state.seq == 1
    assert len(world.executor.all_orders(BTC)) == 3


async def test_the_executor_killed_and_back_in_the_middle_of_a_step_costs_nothing_but_time(world: World) -> None:
    async with spawn(world) as child:
        await eventually(lambda: _at_least(child.client, 1), "the first step", 20)
        await world.stop_executor()
        await world.prices.set_price(BTC, Decimal(60450))
        await eventually(lambda: _unreachable(child.client), "the loss to be noticed")
        await world.start_executor()
        await eventually(lambda: _at_least(child.client, 2), "the step to continue")
        state = (await child.client.state()).state

    assert len(world.opening()) == len({order.place.slot for order in world.executor.orders(BTC)})
    assert set(world.opening()) == {
        slot.order.client_order_id for slot in state.slots.values() if slot.HasField("order")
    }


async def _finished(client: Client, workflow_id: str) -> orchestrator_pb2.Workflow:
    async def done() -> bool:
        return (await client.workflow(workflow_id)).status == "SUCCESS"

    await eventually(done, f"the end of {workflow_id}")
    return await client.workflow(workflow_id)


async def _at_least(client: Client, seq: int) -> bool:
    return (await client.state()).state.seq >= seq


async def _until_price(client: Client, price: int) -> None:
    async def stepped() -> bool:
        return (await client.state()).state.last_price == str(price)

    await eventually(stepped, f"the step at {price}", 20)


async def _unreachable(client: Client) -> bool:
    return not (await client.state()).executor_reachable
