"""A grid over a market in one process: its books agree, batches of updates make no difference, a jump halts it."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import islice

import pytest

from gridcore.model.actions import Fill
from gridcore.model.config import GridConfig, GridMode, RiskConfig, Spacing
from gridcore.model.errors import GridRefusedError
from gridcore.model.orders import Role
from gridcore.model.state import Mode, Rule
from gridsim.account import Balance
from gridsim.backtest import Backtest
from gridsim.market import MarketEvent, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation
from gridtesting.lockstep.compare import backtest_fills, difference, first_difference, standing_of

D = Decimal
RULES = SymbolRules("BTC/USDT")
BALANCES = (Balance("USDT", D(100_000)), Balance("BTC", D(2)))
GRID = GridConfig(
    "BTC/USDT", GridMode.LONG, anchor=D(60_000), interval=D(180), quote_per_slot=D(100), buy_window=5, sell_window=8
)
EVENTS = 4_000


def market(seed: int) -> Simulation:
    return Simulation(RULES, seed, D(60_000), volatility=D("0.0012"), reversion=D("0.05"))


def events(source: Simulation) -> Iterator[MarketEvent]:
    return islice(source.after(source.opening()), EVENTS)


def trade(price: str, time_ms: int) -> MarketTrade:
    return MarketTrade(time_ms, D(price), D("0.01"), Side.SELL)


@pytest.mark.parametrize("mode", GridMode)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_backtests_books_agree_with_its_account(mode: GridMode, seed: int) -> None:
    source = market(seed)
    run = Backtest(replace(GRID, mode=mode), RULES, source.opening(), BALANCES)
    concerned = sum(run.step(event) for event in events(source))

    totals, fills = run.state.totals, [each.news for each in run.updates if isinstance(each.news, Fill)]
    assert totals.fills == len(fills) >= 50
    assert totals.rounds >= 20
    assert run.refusals == 0
    assert run.state.event_offset == len(run.updates)
    assert 0 < concerned < EVENTS / 4
    assert run.account.of("BTC").total - D(2) == totals.position
    assert run.account.of("USDT").total - D(100_000) == totals.quote_flow


@pytest.mark.parametrize("spacing", Spacing)
@pytest.mark.parametrize("mode", GridMode)
@pytest.mark.parametrize("at_once", [1, 2])
def test_how_updates_are_batched_makes_no_difference(mode: GridMode, at_once: int, spacing: Spacing) -> None:
    """What lockstep leaves to chance. The market is a wild one, so that an event often fills several orders."""
    source = replace(market(3), volatility=D("0.004"))
    interval = D(180) if spacing is Spacing.ARITHMETIC else D("0.003")
    grid = replace(GRID, mode=mode, spacing=spacing, interval=interval, risk=RiskConfig(max_position=D(1)))
    whole = Backtest(grid, RULES, source.opening(), BALANCES)
    parts = Backtest(grid, RULES, source.opening(), BALANCES, max_update_batch=at_once)
    most = 0
    for number, event in enumerate(islice(events(source), 250), start=1):
        before = len(whole.updates)
        whole.step(event)
        parts.step(event)
        most = max(most, len(whole.updates) - before)
        unlike = difference(standing_of(parts.state), standing_of(whole.state))
        assert not unlike, f"after event {number}: {unlike}"

    assert most > 3  # there was something to batch
    assert parts.state.seq > whole.state.seq
    assert not first_difference(backtest_fills(parts), backtest_fills(whole))


def test_a_jump_halts_a_backtest_with_no_opening_order_left() -> None:
    grid = replace(GRID, risk=RiskConfig(max_jump=D("0.02"), jump_window_ms=60_000))
    source = market(1)
    run = Backtest(grid, RULES, source.opening(), BALANCES)
    opened_ms = source.opening().market_time_ms
    run.step(trade("59700", opened_ms + 1_000))
    run.step(trade("58000", opened_ms + 2_000))

    risk = run.state.risk
    assert (risk.mode, risk.rule) == (Mode.SAFE, Rule.PRICE_JUMP)
    orders = [slot.order for slot in run.state.slots.values() if slot.order is not None]
    assert orders
    assert {order.role for order in orders} == {Role.CLOSING}


def test_a_grid_that_a_start_would_refuse_is_refused() -> None:
    source = market(1)
    with pytest.raises(GridRefusedError, match="widen the interval"):
        Backtest(replace(GRID, interval=D(60)), RULES, source.opening(), BALANCES)
