"""Start, restart and takeover: databases that belong together continue; others stop with a sentence and exit code."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal

import grpc
import pytest

from gridcore.model.actions import ActionResult, Outcome, PlaceOrder
from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridrpc.convert_plan import plan_from_json, plan_json
from gridrpc.errors import FailedPrecondition
from gridtesting.fakes.executor import Request
from gridtesting.fakes.venue_model import ModelOrder
from gridtesting.live.databases import SQLITE
from gridtesting.live.orchestrator import (
    BTC,
    ETH,
    START,
    Client,
    World,
    eventually,
    run_inside,
    run_to_end,
    spawn,
    trading,
)
from gridtesting.waiting import until
from gridwright.v1 import executor_pb2
from orchestrator.errors import UnfinishableError


async def test_a_start_takes_over_with_a_new_epoch_and_fences_the_old_one(world: World) -> None:
    async with run_inside(world) as first:
        await first.until_seq(1)
        assert world.executor.markets[BTC].fence == 1
    async with run_inside(world) as second:
        assert second.context().epoch == 2
        assert world.executor.markets[BTC].fence == 2


async def test_a_restart_goes_on_with_the_same_orders(world: World) -> None:
    async with run_inside(world) as first:
        before = await first.until_seq(1)
    async with run_inside(world) as second:
        await until(lambda: second.context().price is not None and second.context().events.empty, "the price")
        state = second.context().state

    assert state.slots == before.slots
    assert len(world.executor.all_orders(BTC)) == 3


async def test_without_an_executor_it_answers_and_waits(world: World) -> None:
    await world.stop_executor()
    async with spawn(world) as child:
        await eventually(lambda: _answers(child.client), "an answer")
        state = await child.client.state()
        assert not state.trading
        assert not state.executor_reachable
        await world.start_executor()
        await trading(child.client)


async def test_it_stops_cleanly_while_it_waits_for_the_executor(world: World) -> None:
    await world.stop_executor()
    async with spawn(world, forked=False) as child:
        await eventually(lambda: _answers(child.client), "an answer")

        assert await child.stop() == 0


async def test_a_second_orchestrator_on_the_same_data_exits_with_4(world: World) -> None:
    async with run_inside(world):
        code, sentence = await run_to_end(world.config(), forked=False)

    assert code == 4
    assert "another orchestrator holds" in sentence
    assert "stop it first" in sentence


async def test_one_whose_first_start_was_overtaken_gives_way(world: World) -> None:
    def followed() -> executor_pb2.AdoptResponse:
        raise FailedPrecondition("an orchestrator follows the log", reason="FOLLOWED")

    world.executor.adopt = followed
    code, sentence = await run_to_end(world.config())
    assert code == 4
    assert "another orchestrator has taken over before this one could begin; stop one of them" in sentence


async def test_one_that_finds_itself_fenced_exits_with_4_and_records_nothing(world: World) -> None:
    async with spawn(world) as child:
        await trading(child.client)
        await eventually(lambda: _at_step(child.client, 1), "the first step")
        world.executor.markets[BTC].fence = 99
        await world.prices.set_price(BTC, Decimal(61050))
        assert await asyncio.wait_for(child.process.wait(), 60) == 4
    assert world.query_state("SELECT max(seq) FROM trading_steps") == [(1,)]


async def test_an_order_of_ours_that_the_state_does_not_know_stops_the_start(world: World) -> None:
    name = client_order_id(id_prefix("test", BTC), Role.OPENING, 1, 1, 1, 1)
    place = PlaceOrder(name, Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(59000), Decimal("0.001"), 2**60, "59000")
    world.executor.markets[BTC].venue.orders[name] = ModelOrder(place, Decimal(0), status=OrderStatus.OPEN)

    with pytest.raises(UnfinishableError, match=name):
        async with run_inside(world):
            pass


async def test_an_order_that_came_and_went_while_the_venue_was_asked_is_no_orphan(world: World) -> None:
    world.options["reconcile_timeout_ms"] = "0"  # as after a first look that took longer
    world.executor.glimpsed = [client_order_id(id_prefix("test", BTC), Role.OPENING, 1, 1, 1, 1)]

    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)

    assert not world.executor.glimpsed, "the start has looked"


async def test_an_order_that_only_the_state_has_stays_there(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    name = world.opening()[0]
    hidden = world.executor.markets[BTC].venue.orders.pop(name)
    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state
        world.executor.markets[BTC].venue.orders[name] = hidden

    assert name in {slot.order.client_order_id for slot in state.slots.values() if slot.order}


async def test_the_geometry_must_not_change_while_something_is_open(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    world.grid_options["interval"] = '"600"'

    code, sentence = await run_to_end(world.config())

    assert code == 5
    assert "interval=300" in sentence
    assert "put the old" in sentence


async def test_the_geometry_may_change_while_nothing_is_open(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await orchestrator.client.stub.EnterSafeMode(orchestrator.client.order())
        await until(lambda: not world.opening(), "nothing to be open")
        await until(lambda: all(s.order is None for s in orchestrator.context().state.slots.values()), "free slots")
    world.grid_options["interval"] = '"600"'
    async with run_inside(world) as orchestrator:
        assert "interval=600" in orchestrator.context().state.grid


async def test_a_grid_that_loses_money_is_refused_with_the_numbers(world: World) -> None:
    world.grid_options["interval"] = '"30"'

    code, sentence = await run_to_end(world.config())

    assert code == 2
    assert "fee" in sentence


@pytest.mark.parametrize(
    ("option", "text", "sentence"),
    [
        ("tick_intervall_ms", "5", "no such setting"),
        ("tick_interval_ms", "-5", "at least 0"),
        ("retention_hours", '"x"', "whole number"),
    ],
    ids=["misspelt", "negative", "text"],
)
async def test_a_bad_setting_exits_with_2_and_names_it(world: World, option: str, text: str, sentence: str) -> None:
    world.options[option] = text

    code, said = await run_to_end(world.config())

    assert code == 2
    assert f"orchestrator.{option}" in said
    assert sentence in said


async def test_a_taken_port_exits_with_3(world: World) -> None:
    world.options["address"] = f'"{world.executor_address}"'

    code, sentence = await run_to_end(world.config())

    assert code == 3
    assert world.executor_address in sentence


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("application_version = 'gridwright-0', status = 'PENDING'", "is of contract gridwright-0"),
        ("status = 'MAX_RECOVERY_ATTEMPTS_EXCEEDED'", "is out of recovery attempts"),
    ],
    ids=["other contract", "dead"],
)
async def test_a_workflow_that_nobody_would_finish_stops_the_start_by_name(
    world: World, change: str, sentence: str
) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    world.query_workflows(f"UPDATE workflow_status SET {change}")

    code, said = await run_to_end(world.config())

    assert code == 5
    assert "test/BTC/USDT/1/1 (trading_step)" in said
    assert sentence in said


async def test_what_a_grid_still_has_that_left_the_config_is_reported_and_stops_no_other(world: World) -> None:
    world.executor.sending.clear()
    async with spawn(world) as child:
        await until(lambda: bool(world.executor.requests), "the first step to be on its way", 20)
        await child.kill()
    world.executor.sending.set()
    world.symbols = (ETH,)
    await world.prices.set_price(ETH, START)
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1, ETH)
        (trouble,) = await orchestrator.client.troubles()
        statuses = world.query_workflows("SELECT status FROM workflow_status WHERE workflow_uuid LIKE '%BTC/USDT%'")

    assert (trouble.kind, trouble.symbol) == ("GRID_LEFT", BTC)
    assert "test/BTC/USDT/1/1" in trouble.message
    assert "put its [[grids]] back" in trouble.message
    assert statuses in ([("PENDING",)], [("ENQUEUED",)]), "it lies where it was, without an outcome"

    world.symbols = (BTC,)
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await until(lambda: len(world.opening()) == 3, "the grid that is back to continue")


async def test_orders_of_a_grid_that_left_the_config_are_reported(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    world.symbols = (ETH,)
    await world.prices.set_price(ETH, START)
    async with run_inside(world) as orchestrator:
        (trouble,) = await orchestrator.client.troubles()

    assert (trouble.kind, trouble.symbol) == ("GRID_LEFT", BTC)
    assert "3 orders that may rest on the venue" in trouble.message
    assert len(world.opening()) == 3, "nothing of it is touched"


@pytest.mark.parametrize("status", ["ERROR", "CANCELLED", "SUCCESS"])
async def test_a_request_is_settled_from_the_ledger_whatever_its_workflows_status_says(
    world: World, status: str
) -> None:
    world.executor.answering.clear()
    async with spawn(world) as child:
        await until(lambda: len(world.opening()) == 3, "the orders to reach the venue", 20)
        await child.kill()
    world.executor.answering.set()
    world.query_workflows(f"UPDATE workflow_status SET status = '{status}'")

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state

    assert state.seq == 1
    assert {slot.order.client_order_id for slot in state.slots.values() if slot.order} == set(world.opening())


@pytest.mark.parametrize("taken", [1, 2], ids=["the step before", "the same step"])
async def test_a_plan_that_one_without_its_lease_put_on_record_hides_none_that_was_sent(
    world: World, taken: int
) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    world.executor.answering.clear()
    async with spawn(world) as child:
        await trading(child.client)
        await world.prices.set_price(BTC, Decimal(61050))
        await until(lambda: "test/BTC/USDT/2/2" in world.executor.requests, "the second step to be sent", 20)
        await child.kill()
    world.executor.answering.set()
    _put_on_record_late(world, seq=taken)

    async with run_inside(world) as orchestrator:
        state = orchestrator.context().state

    assert state.seq >= 2
    assert world.query_state("SELECT request_id FROM trading_steps WHERE seq = 2") == [("test/BTC/USDT/2/2",)]
    assert set(world.opening()) <= {slot.order.client_order_id for slot in state.slots.values() if slot.order}


async def test_a_late_call_of_one_without_its_lease_does_not_stop_the_start(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
    name = client_order_id(id_prefix("test", BTC), Role.OPENING, 1, 0, 2, 0)
    place = PlaceOrder(name, Side.BUY, Role.OPENING, OrderType.LIMIT, Decimal(59000), Decimal("0.001"), 2**60, "59000")
    fenced = ActionResult(0, name, Outcome.NOT_SENT, reason="FENCED")
    world.executor.requests["late"] = Request(99, "test/BTC/USDT/0/2", BTC, 0, (place,), [fenced])

    async with run_inside(world) as orchestrator:
        assert orchestrator.context().trading


def _put_on_record_late(world: World, *, seq: int) -> None:
    """The newest plan again, as one for another step of an older orchestrator, which went on only now."""
    ((text,),) = world.query_workflows("SELECT inputs FROM workflow_input WHERE workflow_uuid = 'test/BTC/USDT/2/2'")
    inputs = json.loads(text)
    sent = plan_from_json(inputs["positionalArgs"][0])
    name = f"test/BTC/USDT/0/{seq}"
    actions = tuple(
        replace(action, client_order_id=client_order_id(id_prefix("test", BTC), Role.OPENING, index, 0, seq, index))
        for index, action in enumerate(sent.actions)
    )
    late = replace(sent, request_id=name, epoch=0, seq=seq, actions=actions)
    inputs["positionalArgs"][0] = plan_json(late)
    columns = "status, name, executor_id, updated_at, application_version, priority, serialization"
    world.query_workflows(
        f"INSERT INTO workflow_status (workflow_uuid, inputs, created_at, {columns}) "
        f"SELECT '{name}', '{json.dumps(inputs)}', created_at + 1, {columns} FROM workflow_status "
        f"WHERE workflow_uuid = '{sent.request_id}'"
    )


async def test_no_pickle_is_stored_and_a_file_is_in_wal_mode(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)

    kinds = world.query_workflows("SELECT DISTINCT serialization FROM workflow_status")
    inputs = world.query_workflows("SELECT inputs FROM workflow_status")

    assert kinds == [("portable_json",)]
    assert inputs
    assert all(isinstance(json.loads(text), dict) for (text,) in inputs if text is not None)
    if world.database.kind == SQLITE:
        assert world.query_workflows("PRAGMA journal_mode") == [("wal",)]


async def _answers(client: Client) -> bool:
    try:
        await client.state()
    except grpc.aio.AioRpcError:
        return False
    return True


async def _at_step(client: Client, seq: int) -> bool:
    return (await client.state()).state.seq >= seq
