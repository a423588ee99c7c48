"""A plan reconstructed from the ledger leaves the same orders, positions and money as the original plan."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from random import Random  # noqa: TID251  # seeded, and the seed is reported

import pytest

from gridcore.bookkeeping.accounting import apply_updates
from gridcore.bookkeeping.recover_plan import recover_plan
from gridcore.bookkeeping.settle import settle
from gridcore.model.actions import ActionResult, OrderUpdate, Outcome
from gridcore.model.config import GridMode
from gridcore.model.errors import CoreError
from gridcore.model.events import OrdersUpdated, Plan, PriceChanged
from gridcore.model.state import State
from gridtesting.fakes.grid_driver import GridDriver
from gridtesting.grids import MARKET, grid


@pytest.mark.parametrize("mode", list(GridMode))
@pytest.mark.parametrize("seed", range(8))
def test_a_reconstructed_step_settles_as_the_original(seed: int, mode: GridMode) -> None:
    chance, run, retold = Random(seed), GridDriver(grid(mode)), 0
    outcomes = [Outcome.ACCEPTED] * 5 + [Outcome.REJECTED, Outcome.UNKNOWN]
    run.price = Decimal(60150)
    for _ in range(60):
        run.now_ms += 10_000
        run.price += Decimal(chance.randrange(-700, 700))
        before = run.state
        trigger = PriceChanged(run.now_ms, run.price)
        news = tuple(run.venue.log[before.event_offset :])
        plan = run.plan(OrdersUpdated(run.now_ms, run.price, run.now_ms, news) if news else trigger)
        if plan.empty:
            continue
        results = run.venue.answer(plan, chance.sample(outcomes, 3))
        things_go_on(run, chance)
        log = run.venue.log[before.event_offset :]
        run.state = settle(before, plan, results, MARKET)
        if plan.actions:
            assert reconstructed_by_the_ledger(run, before, plan, results, log) == whole(run.state, log), f"seed {seed}"
            retold += 1
    assert retold > 20


def test_a_slot_that_the_grid_does_not_have_is_refused() -> None:
    run = GridDriver()
    plan = run.plan(PriceChanged(run.now_ms, Decimal(60150)))
    other = replace(run.config, interval=Decimal(170))
    with pytest.raises(CoreError, match="which this grid does not have"):
        recover_plan(run.state, plan.actions, [], MARKET, other, request_id="r1", epoch=1, at_ms=1)


def reconstructed_by_the_ledger(
    run: GridDriver, before: State, plan: Plan, results: Sequence[ActionResult], log: list[OrderUpdate]
) -> object:
    names = {"request_id": plan.request_id, "epoch": plan.epoch, "at_ms": run.now_ms}
    again = recover_plan(before, plan.actions, log, MARKET, run.config, **names)
    return whole(settle(before, again, results, MARKET), log)


def whole(state: State, log: list[OrderUpdate]) -> object:
    """What there is of orders, positions and money once the log is applied to its end."""
    rest = tuple(update for update in log if update.offset > state.event_offset)
    state = apply_updates(state, rest, MARKET)
    held = {key: (slot.order, slot.position, slot.cost) for key, slot in state.slots.items()}
    return state.seq, state.totals, {key: parts for key, parts in held.items() if parts != (None, 0, 0)}


def things_go_on(run: GridDriver, chance: Random) -> None:
    """After the step was sent: fills, whole or in part, and doubts that end."""
    for order in chance.sample(run.venue.live(), len(run.venue.live()) // 2):
        run.venue.fill(order.place.client_order_id, order.remaining / chance.choice([1, 2]))
    for name in run.venue.unresolved():
        run.venue.resolve(name)
