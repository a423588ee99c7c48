"""Random kills while the market moves and fills: afterwards venue and state agree to the last digit."""

import asyncio
import os
import random  # noqa: TID251  a seeded generator of the test's own
from decimal import Decimal

import grpc

from gridcore.model.actions import Fill
from gridrpc.convert_state import state_from_proto
from gridtesting.live.orchestrator import BTC, Child, World, eventually, spawn, trading

KILLS = int(os.environ.get("GRIDWRIGHT_KILLS", "5"))


async def test_random_kills_double_nothing_forget_nothing_and_lose_no_fill(world: World) -> None:
    seed = int(os.environ.get("GRIDWRIGHT_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    print(f"GRIDWRIGHT_SEED={seed}")  # noqa: T201
    chance = random.Random(seed)
    for _ in range(KILLS):
        async with spawn(world) as child:
            stirring = asyncio.create_task(_stir(world, chance))
            await _live_a_while(child, chance)
            await child.kill()
            stirring.cancel()
            await asyncio.gather(stirring, return_exceptions=True)

    async with spawn(world) as last:
        await trading(last.client)
        await eventually(lambda: _settled(world, last), "state and venue to agree")
        state = state_from_proto((await last.client.state()).state)
        assert await last.stop() == 0

    venue = world.executor.markets[BTC].venue
    fills = [update for update in venue.log if isinstance(update.news, Fill)]
    slots = [order.place.slot for order in venue.live()]
    assert len(slots) == len(set(slots))
    assert state.totals.fills == len(fills)
    assert state.totals.position == sum(_base(update.side.sign, update.news) for update in fills)
    assert state.totals.position == sum(slot.position for slot in state.slots.values())


async def _stir(world: World, chance: random.Random) -> None:
    """Moves the price and fills what it passes, at random, for as long as it is let."""
    price = Decimal(60150)
    while True:
        price += Decimal(chance.randrange(-200, 201))
        await world.prices.set_price(BTC, price)
        for order in world.executor.orders(BTC):
            if order.place.side.sign * (price - order.place.price) <= 0:
                part = order.remaining if chance.random() < 0.7 else order.place.quantity / 2
                await world.executor.fill(BTC, order.place.client_order_id, min(part, order.remaining))
        await asyncio.sleep(chance.random() * 0.02)


async def _live_a_while(child: Child, chance: random.Random) -> None:
    """Until some more steps are committed, and then a moment longer."""
    await trading(child.client)
    steps = (await child.client.state()).state.seq + chance.randrange(1, 15)
    await eventually(lambda: _at_step(child, steps), f"step {steps}")
    await asyncio.sleep(chance.random() * 0.05)


async def _at_step(child: Child, seq: int) -> bool:
    try:
        return (await child.client.state()).state.seq >= seq
    except grpc.aio.AioRpcError:
        return False


async def _settled(world: World, child: Child) -> bool:
    answer = await child.client.state()
    venue = world.executor.markets[BTC].venue
    in_state = {slot.order.client_order_id for slot in answer.state.slots.values() if slot.HasField("order")}
    on_venue = {order.place.client_order_id for order in venue.live()}
    return not answer.busy and answer.state.event_offset == len(venue.log) and in_state == on_venue


def _base(sign: int, fill: object) -> Decimal:
    assert isinstance(fill, Fill)
    return sign * fill.quantity - (fill.fee if fill.fee_asset == "BTC" else 0)
