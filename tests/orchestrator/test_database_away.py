"""Postgres becomes unavailable under a running orchestrator: it waits, reports it, and then continues normally."""

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import grpc
import psycopg
import pytest
import sqlalchemy as sa

from gridchaos.databases.lossy_proxy import DatabaseWire
from griddeploy.free_ports import free_ports
from griddeploy.process.health import serves
from gridtesting.live.databases import POSTGRES, Database, make_template
from gridtesting.live.orchestrator import BTC, Client, World, eventually, run_to_end, serving_world, spawn, trading
from gridtesting.live.postgres import PASSWORD, PostgresServer, running_postgres
from gridtesting.metrics import scrape
from gridtesting.waiting import until


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """On a server of the test's own, to be killed; its commits reach the disk."""
    with running_postgres(durable=True) as server:
        database = Database(POSTGRES, server.url(make_template(server)), server)
        async with serving_world(tmp_path / "data", database) as surroundings:
            yield surroundings


def server_of(world: World) -> PostgresServer:
    assert world.database.server is not None
    return world.database.server


async def test_a_killed_database_costs_a_running_orchestrator_nothing_but_time(world: World) -> None:
    (metrics_port,) = free_ports(1)
    world.options["metrics"] = f'"127.0.0.1:{metrics_port}"'
    async with spawn(world) as child:
        await trading(child.client)
        await eventually(lambda: at_step(child.client, 1), "the first step")
        server_of(world).kill()
        await eventually(lambda: not_serving(child.address), "health to report")
        assert (await child.client.state()).state.seq == 1, "the state is served from memory"
        away = await scrape(metrics_port)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await child.client.explain(1)
        await world.prices.set_price(BTC, Decimal(61050))
        server_of(world).start()
        await eventually(lambda: serves(child.address), "health to report again")
        await eventually(lambda: at_step(child.client, 2), "the step to be made")
        state = (await child.client.state()).state
        back = await scrape(metrics_port)
        assert await child.stop() == 0

    assert (away["database_up"], away[f"steps_total {BTC}"]) == (0, 1)
    assert back["database_up"] == 1
    assert back[f"steps_total {BTC}"] >= 2
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "does not answer" in str(refused.value.details())
    assert PASSWORD not in str(refused.value.details())
    in_state = {slot.order.client_order_id for slot in state.slots.values() if slot.HasField("order")}
    assert {order.place.client_order_id for order in world.executor.orders(BTC)} <= in_state


async def test_a_database_killed_in_mid_step_sees_the_step_committed_once(world: World) -> None:
    world.executor.answering.clear()
    async with spawn(world) as child:
        await until(lambda: len(world.opening()) == 3, "the orders to reach the venue", 60)
        server_of(world).kill()
        world.executor.answering.set()
        await eventually(lambda: not_serving(child.address), "health to report")
        server_of(world).start()
        await eventually(lambda: at_step(child.client, 1), "the step to be committed")
        await trading(child.client)
        await eventually(lambda: succeeded(child.client, "test/BTC/USDT/1/1"), "the workflow to end")
        assert await child.stop() == 0

    assert len(world.executor.all_orders(BTC)) == 3
    assert world.query_state("SELECT seq FROM trading_steps") == [(1,)]
    assert world.query_state("SELECT seq FROM states") == [(1,)]


async def test_a_signal_ends_it_while_the_database_is_away_and_the_next_start_goes_on(world: World) -> None:
    world.executor.answering.clear()
    async with spawn(world) as child:
        await until(lambda: len(world.opening()) == 3, "the orders to reach the venue", 60)
        server_of(world).kill()
        world.executor.answering.set()
        await eventually(lambda: not_serving(child.address), "health to report")
        assert await child.stop() == 0
    server_of(world).start()
    async with spawn(world) as child:
        await trading(child.client)
        state = (await child.client.state()).state
    assert len(world.executor.all_orders(BTC)) == 3
    assert {slot.order.client_order_id for slot in state.slots.values()} == set(world.opening())


async def test_connections_that_are_cut_are_opened_again(world: World) -> None:
    async with spawn(world) as child:
        await trading(child.client)
        await eventually(lambda: at_step(child.client, 1), "the first step")
        with psycopg.connect(world.database.url, autocommit=True) as operator:
            operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid()"
            )
        await world.prices.set_price(BTC, Decimal(61050))
        await eventually(lambda: at_step(child.client, 2), "the next step")
        assert await child.stop() == 0
    assert world.query_state("SELECT epoch FROM leases") == [(1,)], "it is still the same lease"


_STEPS = 5
_STEPS_SECONDS = 12.0  # by itself DBOS pauses for one second, two, four after each commit without an answer


async def test_a_step_takes_a_second_or_two_while_every_second_commit_loses_its_connection(tmp_path: Path) -> None:
    with running_postgres(durable=True) as server:
        template = make_template(server)
        async with DatabaseWire(server.port) as wire:
            url = sa.make_url(server.url(template)).set(port=wire.port).render_as_string(hide_password=False)
            async with (
                serving_world(tmp_path / "data", Database(POSTGRES, url, server)) as world,
                spawn(world) as child,
            ):
                await trading(child.client)
                await until_step(child.client, 1)
                wire.every, wire.commits_only = 2, True
                began = time.monotonic()
                for seq in range(2, 2 + _STEPS):
                    await world.prices.set_price(BTC, Decimal(60050 + 500 * seq))
                    await until_step(child.client, seq)
                took_seconds = time.monotonic() - began
                wire.every = 0
                assert await child.stop() == 0
    assert wire.lost + wire.lost_before >= 2 * _STEPS
    assert took_seconds < _STEPS_SECONDS


async def test_one_whose_lease_another_has_had_meanwhile_exits_with_4(world: World) -> None:
    async with spawn(world) as child:
        await trading(child.client)
        world.query_state("UPDATE leases SET epoch = epoch + 1, holder = 'another'")
        await world.prices.set_price(BTC, Decimal(61050))
        assert await asyncio.wait_for(child.process.wait(), 60) == 4
    assert len(world.query_state("SELECT seq FROM trading_steps")) <= 1


async def test_a_start_without_a_database_ends_with_6_and_a_sentence(world: World) -> None:
    server_of(world).kill()
    config = world.config()
    config.write_text(config.read_text() + "\n[database]\nwait_seconds = 0\n")

    code, sentence = await run_to_end(config)

    assert code == 6
    assert f"postgresql://127.0.0.1:{server_of(world).port}/" in sentence
    assert "start the server" in sentence
    assert PASSWORD not in sentence


async def at_step(client: Client, seq: int) -> bool:
    return (await client.state()).state.seq >= seq


async def until_step(client: Client, seq: int) -> None:
    await eventually(lambda: at_step(client, seq), f"step {seq}")


async def succeeded(client: Client, workflow_id: str) -> bool:
    return (await client.workflow(workflow_id)).status == "SUCCESS"


async def not_serving(address: str) -> bool:
    return not await serves(address)
