"""An order that is UNKNOWN, as the orchestrator keeps it (slot and capital stay taken) and shows it, with its age."""

from decimal import Decimal

from gridcore.model.actions import Outcome, PlaceOrder
from gridcore.model.orders import OrderStatus
from gridcore.model.slots import SlotStatus
from gridcore.model.state import State
from gridservice.clock import now_ms
from gridtesting.live.orchestrator import BTC, World, run_inside
from gridtesting.metrics import scrape
from gridtesting.waiting import until


def in_doubt(state: State) -> list[str]:
    return [key for key, slot in state.slots.items() if slot.order and slot.order.status is OrderStatus.UNKNOWN]


def places_for(world: World, slot: str) -> list[str]:
    """Every order that the slot ever asked the executor for."""
    actions = (action for request in world.executor.requests.values() for action in request.actions)
    return [one.client_order_id for one in actions if one.slot == slot and isinstance(one, PlaceOrder)]


async def test_an_unknown_order_is_counted_and_dated_and_that_survives_a_restart(world: World) -> None:
    world.options["metrics"] = '"127.0.0.1:0"'
    world.executor.outcomes = [Outcome.UNKNOWN]
    began_ms = now_ms()
    async with run_inside(world) as orchestrator:
        await orchestrator.until_seq(1)
        shown = await orchestrator.client.state()
        figures = await scrape(orchestrator.service.metrics_port)
        age_ms = now_ms() - began_ms
    restarted_ms = now_ms()
    async with run_inside(world) as orchestrator:
        again = await orchestrator.client.state()
        await world.executor.resolve(BTC, world.executor.markets[BTC].venue.unresolved()[0])
        await until(lambda: not in_doubt(orchestrator.context().state), "the resolution")
        resolved = await orchestrator.client.state()
        figures_resolved = await scrape(orchestrator.service.metrics_port)

    assert shown.unknown_orders == 1
    assert 0 <= shown.oldest_unknown_age_ms <= age_ms
    assert figures[f"unknown_orders {BTC}"] == 1
    assert 0 <= figures[f"oldest_unknown_seconds {BTC}"] <= age_ms / 1000
    assert figures[f"slots PENDING {BTC}"] == 1
    assert again.unknown_orders == 1
    assert again.oldest_unknown_age_ms >= restarted_ms - began_ms - age_ms  # not counted from the restart
    assert (resolved.unknown_orders, resolved.oldest_unknown_age_ms) == (0, -1)
    assert figures_resolved[f"unknown_orders {BTC}"] == figures_resolved[f"oldest_unknown_seconds {BTC}"] == 0


async def test_slot_and_capital_of_an_unknown_order_stay_reserved_until_it_is_resolved(world: World) -> None:
    world.executor.outcomes = [Outcome.UNKNOWN]
    async with run_inside(world) as orchestrator:
        (slot,) = in_doubt(await orchestrator.until_seq(1))
        for price in ("60450", "60750", "61050"):  # the window moves on, the slot stays
            seq = orchestrator.context().state.seq
            await world.prices.set_price(BTC, Decimal(price))
            await orchestrator.until_seq(seq + 1)
        kept, placed = orchestrator.context().state.slots[slot], places_for(world, slot)
    async with run_inside(world) as orchestrator:
        await until(lambda: orchestrator.context().trading, "trading")
        restarted, placed_since = orchestrator.context().state.slots[slot], places_for(world, slot)
        await world.executor.resolve(BTC, placed[0])
        await until(lambda: not in_doubt(orchestrator.context().state), "the resolution")

    assert len(placed) == 1
    assert kept.status is SlotStatus.PENDING
    assert restarted == kept
    assert placed_since == placed
