"""Prices, ticks and order updates make steps; each step is one workflow, one commit, one journal row."""

from dataclasses import replace
from decimal import Decimal

from gridcore.model.actions import Outcome
from gridcore.model.orders import OrderStatus
from gridcore.model.slots import PositionStatus, SlotStatus
from gridtesting.live.orchestrator import BTC, ETH, World, run_inside
from gridtesting.waiting import until
from gridwright.v1 import orchestrator_pb2
from orchestrator.clients.pricemon import PriceHeard


async def test_a_price_opens_the_window_of_buys_in_one_step(world: World) -> None:
    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(1)

    assert sorted(state.slots) == ["59400", "59700", "60000"]
    assert {slot.status for slot in state.slots.values()} == {SlotStatus.LOCKED}
    assert sorted(world.opening()) == sorted(s.order.client_order_id for s in state.slots.values() if s.order)
    assert state.seq == 1


async def test_a_fill_and_its_counter_order_are_one_step(world: World) -> None:
    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(1)
        order = state.slots["60000"].order
        assert order is not None
        await world.executor.fill(BTC, order.client_order_id)
        await until(lambda: len(world.closing()) == 1, "a closing order")
        state = await orchestrator.until_seq(2)
        workflows = await orchestrator.client.workflows()

    slot = state.slots["60000"]
    assert slot.position_status is PositionStatus.FILLED
    assert slot.order is not None
    assert slot.order.price == Decimal(60300)
    assert state.event_offset == 2
    assert state.totals.fills == 1
    assert workflows[0].name == "on_order_update"


async def test_a_round_ends_with_a_profit_after_fees(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.executor.fill(BTC, max(world.opening(), key=_level))
        await until(lambda: len(world.closing()) == 1, "a closing order")
        await world.executor.fill(BTC, world.closing()[0])
        await until(lambda: orchestrator.context().state.totals.rounds == 1, "a round")
        state = orchestrator.context().state

    assert state.totals.realised_pnl > 0
    assert state.totals.fills == 2


async def test_a_price_in_the_quiet_band_costs_no_step_and_no_row(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        loop = orchestrator.service.engine.workers[BTC].loop
        await until(lambda: loop.quiet_band is not None, "a tick to find the band")
        await world.prices.set_price(BTC, Decimal(60155))  # the same cell as the start's
        await until(lambda: orchestrator.context().price == Decimal(60155), "the price to be received")
        band = loop.quiet_band
        workflows = await orchestrator.client.workflows()
        explained = (await orchestrator.client.state()).last_steps

    assert band is not None
    assert band[0] < Decimal(60155) < band[1]
    assert len(workflows) == 1
    assert [step.seq for step in explained] == [1]


async def test_the_newest_price_replaces_those_that_came_during_a_step(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        world.executor.answering.clear()
        await world.prices.set_price(BTC, Decimal(60450))
        await until(lambda: orchestrator.context().busy and len(world.executor.requests) == 2, "a step that waits")
        for price in (Decimal(61050), Decimal(61650), Decimal(62250)):
            await world.prices.set_price(BTC, price)
        await until(lambda: orchestrator.context().price == Decimal(62250), "the last price to be received")
        world.executor.answering.set()
        await until(lambda: orchestrator.context().state.last_price == Decimal(62250), "the last price's step")
        explained = (await orchestrator.client.state()).last_steps

    prices = [step.plan.trigger.price_change.price for step in explained if step.plan.trigger.HasField("price_change")]
    assert "61050" not in prices
    assert "61650" not in prices


async def test_order_updates_go_before_a_price_and_in_one_batch(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        world.executor.answering.clear()
        await world.prices.set_price(BTC, Decimal(60450))
        await until(lambda: len(world.executor.requests) == 2, "a step that waits")
        await world.prices.set_price(BTC, Decimal(60750))
        for name in world.opening()[:2]:
            await world.executor.fill(BTC, name)
        await until(lambda: orchestrator.context().events.waiting_updates == 4, "the updates to wait")
        world.executor.answering.set()
        await orchestrator.until_seq(3)
        third = await orchestrator.client.explain(3)

    assert [update.offset for update in third.plan.trigger.order_updates.updates] == [1, 2, 3, 4]


async def test_with_ticks_off_prices_alone_trade(world: World) -> None:
    world.options["tick_interval_ms"] = "0"
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        await world.prices.set_price(BTC, Decimal(60450))
        await orchestrator.until_seq(2)
        explained = (await orchestrator.client.state()).last_steps

    assert all(step.plan.trigger.HasField("price_change") for step in explained)


async def test_an_unknown_order_keeps_its_slot_until_the_log_has_its_fate(world: World) -> None:
    world.executor.outcomes = [Outcome.UNKNOWN]
    async with run_inside(world) as orchestrator:
        state = await orchestrator.until_seq(1)
        doubtful = [slot for slot in state.slots.values() if slot.status is SlotStatus.PENDING]
        assert doubtful[0].order is not None
        name = doubtful[0].order.client_order_id
        await world.executor.resolve(BTC, name)
        await until(lambda: orchestrator.context().state.event_offset == 1, "the resolution")
        await until(lambda: orchestrator.context().state.slots[doubtful[0].key].status is SlotStatus.LOCKED, "an order")

    assert len(doubtful) == 1
    assert doubtful[0].order.status is OrderStatus.UNKNOWN
    assert len(world.executor.all_orders(BTC)) + len(world.executor.markets[BTC].venue.lost) in {3, 4}


async def test_several_symbols_trade_in_one_process_each_on_its_own(world: World) -> None:
    world.symbols = (BTC, ETH)
    await world.prices.set_price(ETH, Decimal(60150))
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1, BTC)
        await orchestrator.until_seq(1, ETH)
        btc = await orchestrator.client.workflows(BTC)
        eth = await orchestrator.client.workflows(ETH)
        slots = await orchestrator.client.stub.ListSlots(orchestrator_pb2.ListSlotsRequest(symbol=ETH))

    assert [w.workflow_id.rsplit("/", 2)[0] for w in (*btc, *eth)] == ["test/BTC/USDT", "test/ETH/USDT"]
    assert [slot.price for slot in slots.slots] == ["59400", "59700", "60000"]
    for symbol in (BTC, ETH):
        assert (f"test/{symbol}/1/1",) in world.query_state("SELECT request_id FROM trading_steps", symbol)


async def test_a_heartbeat_keeps_the_price_current_and_is_no_trigger(world: World) -> None:
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        context = orchestrator.context()
        before = context.proved_steady_ms
        await until(lambda: context.proved_steady_ms > before, "a heartbeat")

    assert orchestrator.context().state.seq == 1


async def test_a_price_that_is_too_old_is_noted_and_is_no_trigger(world: World) -> None:
    world.options["tick_interval_ms"] = "0"
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        old = PriceHeard(BTC, Decimal(61000), age_ms=10_001)
        await orchestrator.service.engine.on_price_update(old)

        assert orchestrator.context().price == Decimal(61000)
        assert not orchestrator.context().busy
        assert orchestrator.context().events.empty

        await orchestrator.service.engine.on_price_update(replace(old, age_ms=0, price=Decimal(60450)))
        await orchestrator.until_seq(2)


def _level(client_order_id: str) -> str:
    return client_order_id[7:12]
