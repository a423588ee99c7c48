"""rebuild: the rebuilt state equals the state of the undisturbed run, for every kind of loss."""

import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice

import pytest

from gridcore.bookkeeping.rebuild import RebuildInput, RebuildRefusedError, rebuild
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.config import GridConfig, GridMode
from gridcore.model.errors import CoreError
from gridcore.model.ids import client_order_id, id_prefix
from gridcore.model.orders import ENDED, OrderStatus, Role, Side
from gridcore.model.slots import PositionStatus, SlotOrder
from gridcore.model.state import State
from gridsim.account import Balance
from gridsim.backtest import Backtest
from gridsim.market import MarketEvent
from gridsim.paper import market_rules
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from gridtesting.fakes.grid_driver import GridDriver
from gridtesting.grids import MARKET, grid

D = Decimal
RULES = SymbolRules("BTC/USDT")
RULES_OF_MARKET = market_rules(RULES)
BALANCES = (Balance("USDT", D(100_000)), Balance("BTC", D(2)))
GRID = GridConfig(
    "BTC/USDT", GridMode.LONG, anchor=D(60_000), interval=D(180), quote_per_slot=D(100), buy_window=5, sell_window=8
)


@pytest.fixture
def seed() -> int:
    """Of the market; printed, so that a failure can be played again."""
    value = time.time_ns() % 1_000_000
    print(f"market seed {value}")  # noqa: T201  # shown by pytest where the test fails
    return value


def ran(mode: GridMode, seed: int, events: int) -> Iterator[Backtest]:
    """The run after each of its events."""
    source = Simulation(RULES, seed, D(60_000), volatility=D("0.0012"), reversion=D("0.05"))
    run = Backtest(replace(GRID, mode=mode), RULES, source.opening(), BALANCES)
    market: Iterator[MarketEvent] = source.after(source.opening())
    for event in islice(market, events):
        run.step(event)
        yield run


def live(state: State) -> list[SlotOrder]:
    return [slot.order for slot in state.slots.values() if slot.order is not None]


def substance(state: State) -> object:
    """What a rebuilt state must have in common with the lost one. Slots that hold nothing come and go."""
    slots = {
        key: (slot.position, slot.cost, slot.position_status, slot.opening_side, slot.closing_price, slot.order)
        for key, slot in state.slots.items()
        if slot.order is not None or slot.position_status is not PositionStatus.EMPTY
    }
    return slots, state.totals, state.event_offset


def empty(state: State) -> State:
    return State(state.symbol, "another", state.grid)


def from_the_venue(log: list[OrderUpdate]) -> list[OrderUpdate]:
    """The log as an adoption writes it: trades in their order, each order's end after its last trade, no other news."""
    ends = {update.client_order_id: update for update in log if update.news in ENDED}
    last = {update.client_order_id: update.offset for update in log if isinstance(update.news, Fill)}
    written: list[OrderUpdate] = []
    for update in (each for each in log if isinstance(each.news, Fill)):
        written.append(update)
        if last[update.client_order_id] == update.offset and update.client_order_id in ends:
            written.append(ends[update.client_order_id])
    return [replace(update, offset=number) for number, update in enumerate(written, 1)]


@pytest.mark.parametrize("mode", GridMode)
def test_a_lost_state_comes_back_from_the_log_and_the_live_orders(mode: GridMode, seed: int) -> None:
    config = replace(GRID, mode=mode)
    *_, run = ran(mode, seed, 1_500)
    assert run.state.totals.rounds > 5

    for log in (list(run.updates), from_the_venue(list(run.updates))):
        rebuilt = rebuild(empty(run.state), RebuildInput(log, live(run.state)), config, RULES_OF_MARKET)
        expected = replace(run.state, event_offset=len(log))
        assert rebuilt.lost == ()
        assert substance(rebuilt.state) == substance(expected)


@pytest.mark.parametrize("mode", GridMode)
def test_a_state_of_any_age_catches_up_with_a_log_that_was_kept_or_rewritten(mode: GridMode, seed: int) -> None:
    config = replace(GRID, mode=mode)
    steps = ran(mode, seed, 1_500)
    run = next(steps)
    backups = [run.state]
    for number, run in enumerate(steps):  # the same run, after each of its events
        if number % 100 == 0:
            backups.append(run.state)
    assert len({state.seq for state in backups}) > 5

    for backup in backups:
        for log in (list(run.updates), from_the_venue(list(run.updates))):
            rebuilt = rebuild(backup, RebuildInput(log, live(run.state)), config, RULES_OF_MARKET)
            assert rebuilt.lost == ()
            assert substance(rebuilt.state) == substance(replace(run.state, event_offset=len(log)))


@pytest.mark.parametrize("mode", GridMode)
def test_a_state_of_any_age_or_none_comes_back_from_any_checkpoint_and_the_log_after_it(
    mode: GridMode, seed: int
) -> None:
    config = replace(GRID, mode=mode)
    steps = ran(mode, seed, 1_500)
    run = next(steps)
    known = [run.state]
    for number, run in enumerate(steps):  # the same run, after each of its events
        if number % 150 == 0:
            known.append(run.state)
    log = list(run.updates)
    assert len({state.event_offset for state in known}) > 5

    for checkpoint in known:
        evidence = RebuildInput(log[checkpoint.event_offset :], live(run.state), checkpoint)
        for before in [empty(run.state), *known]:
            rebuilt = rebuild(before, evidence, config, RULES_OF_MARKET)
            assert rebuilt.lost == ()
            assert substance(rebuilt.state) == substance(run.state)
            assert (rebuilt.state.birth_id, rebuilt.state.seq) == (before.birth_id, before.seq)


def test_a_fill_that_the_checkpoint_has_is_not_looked_for_in_the_log_after_it() -> None:
    run = GridDriver()
    run.price_to("60100")
    order = live(run.state)[0]
    first, second = order.quantity / 4, order.quantity / 2
    run.venue.fill(order.client_order_id, first)
    run.hear()
    checkpoint = run.state  # counts a quarter as executed, and the log after it shows another fill
    run.venue.fill(order.client_order_id, second)
    run.hear()

    log = run.venue.log[checkpoint.event_offset :]
    rebuilt = rebuild(checkpoint, RebuildInput(log, live(run.state), checkpoint), grid(), MARKET)

    assert substance(rebuilt.state) == substance(run.state)


def test_a_checkpoint_of_another_grid_is_refused_while_something_is_open() -> None:
    run = GridDriver()
    run.price_to("60100")
    other = grid(interval=D(600))
    with pytest.raises(RebuildRefusedError, match="put the config back"):
        rebuild(State(MARKET.symbol, "new", other.geometry), RebuildInput([], [], run.state), other, MARKET)


def test_to_rebuild_again_changes_nothing(seed: int) -> None:
    *_, run = ran(GridMode.LONG, seed, 500)
    evidence = RebuildInput(list(run.updates), live(run.state))
    once = rebuild(empty(run.state), evidence, GRID, RULES_OF_MARKET).state
    once = replace(once, epoch=evidence.highest_epoch + 1, seq=1)

    assert rebuild(once, evidence, GRID, RULES_OF_MARKET).state == once


def test_what_was_opened_before_history_begins_is_listed_and_counted_for_nothing(seed: int) -> None:
    *_, run = ran(GridMode.LONG, seed, 1_500)
    fills = [update for update in run.updates if isinstance(update.news, Fill)]
    opened = next(update for update in fills if update.side is Side.BUY)
    cut = [
        replace(update, offset=number)
        for number, update in enumerate((each for each in run.updates if each.offset > opened.offset), 1)
    ]

    rebuilt = rebuild(empty(run.state), RebuildInput(cut, live(run.state)), GRID, RULES_OF_MARKET)

    later = {key: slot.position for key, slot in rebuilt.state.slots.items() if slot.position}
    assert {key for key, slot in run.state.slots.items() if slot.position} >= later.keys()
    assert len(rebuilt.lost) <= 1  # none if the slot still holds what it opened then
    if rebuilt.lost:
        assert "no known trade has opened" in rebuilt.lost[0]
        assert len(fills) - 2 <= rebuilt.state.totals.fills < len(fills)


def test_an_order_of_another_grid_is_refused() -> None:
    run = GridDriver()
    run.price_to("60100")
    evidence = RebuildInput([], live(run.state))

    for changed in (grid(interval=D(600)), grid(GridMode.SHORT)):
        with pytest.raises(RebuildRefusedError, match="not of the grid"):
            rebuild(empty(run.state), evidence, changed, MARKET)


def test_a_fill_of_another_grid_is_refused() -> None:
    run = GridDriver()
    run.price_to("60100")
    run.trade_to("59650")
    fills = [update for update in run.venue.log if isinstance(update.news, Fill)]
    assert fills

    with pytest.raises(RebuildRefusedError, match="not of the grid"):
        rebuild(empty(run.state), RebuildInput(fills, []), grid(anchor=D(50000)), MARKET)


def test_two_live_orders_in_one_slot_are_refused() -> None:
    run = GridDriver()
    run.price_to("60100")
    (order, *_) = live(run.state)
    twin = replace(order, client_order_id=order.client_order_id[:-1] + "z")

    with pytest.raises(RebuildRefusedError, match="both live in slot"):
        rebuild(empty(run.state), RebuildInput([], [order, twin]), grid(), MARKET)


def test_a_slot_that_the_config_no_longer_wants_is_retiring() -> None:
    run = GridDriver()
    run.price_to("60100")
    run.trade_to("59650")
    held = [slot for slot in run.state.slots.values() if slot.position]
    assert held
    narrowed = grid(lower=D(60000))

    rebuilt = rebuild(empty(run.state), RebuildInput(run.venue.log, live(run.state)), narrowed, MARKET).state

    for slot in held:
        assert rebuilt.slots[slot.key].position == slot.position
    assert all(slot.retiring == (slot.price < 60000) for slot in rebuilt.slots.values())


def test_an_order_whose_outcome_is_not_known_keeps_its_slot() -> None:
    run = GridDriver()
    run.price_to("60100")
    (order, *others) = live(run.state)
    doubted = replace(order, status=OrderStatus.UNKNOWN)

    rebuilt = rebuild(empty(run.state), RebuildInput([], [doubted, *others]), grid(), MARKET).state

    assert {each.client_order_id: each.status for each in live(rebuilt)}[order.client_order_id] is OrderStatus.UNKNOWN


def test_a_cancel_that_was_taken_is_not_forgotten() -> None:
    run = GridDriver()
    run.price_to("60100")
    (order, *others) = live(run.state)
    slot = next(slot for slot in run.state.slots.values() if slot.order is order)
    canceling = replace(slot, order=replace(order, status=OrderStatus.CANCELING))
    state = replace(run.state, slots={**run.state.slots, slot.key: canceling})

    rebuilt = rebuild(state, RebuildInput([], [order, *others]), grid(), MARKET).state

    assert rebuilt.slots[slot.key].status is canceling.status


def test_a_state_that_has_half_of_a_trade_is_refused() -> None:
    run = GridDriver()
    run.price_to("60100")
    (order, *others) = live(run.state)
    slot = next(slot for slot in run.state.slots.values() if slot.order is order)
    half = replace(slot, order=replace(order, executed=order.quantity / 2))
    run.venue.fill(order.client_order_id, order.quantity)
    state = replace(run.state, slots={**run.state.slots, slot.key: half})

    with pytest.raises(RebuildRefusedError, match="which trades it has"):
        rebuild(state, RebuildInput(run.venue.log, others), grid(), MARKET)


def test_a_name_that_is_not_ours_is_refused() -> None:
    name = client_order_id(id_prefix("bot", MARKET.symbol), Role.OPENING, 0, 1, 1, 0)
    stranger = OrderUpdate(MARKET.symbol, 1, "x" + name, "1", Side.BUY, OrderStatus.CANCELED)
    with pytest.raises(CoreError, match="no name of ours"):
        rebuild(State(MARKET.symbol, "s", ""), RebuildInput([stranger], []), grid(), MARKET)
