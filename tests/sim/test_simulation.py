"""The simulated market: the same for the same seed, wherever it is picked up, and lively enough for a grid."""

from decimal import Decimal
from itertools import islice, pairwise

import pytest

from gridsim import chance
from gridsim.market import MarketPoint, MarketTrade
from gridsim.orders import Side
from gridsim.rules import SymbolRules
from gridsim.simulation import Simulation

RULES = SymbolRules("BTC/USDT")


def simulation(seed: int = 7, **changes: object) -> Simulation:
    return Simulation(RULES, seed, Decimal(60_000), **changes)


def walk(market: Simulation, events: int) -> list[MarketTrade]:
    return list(islice(market.after(market.opening()), events))


def test_chance_is_the_published_splitmix64() -> None:
    # The first outputs of the reference implementation for seed 1234567.
    assert chance._mix(1234567) == 6457827717110365317
    assert chance._mix(1234567 + chance._GAMMA) == 3203168211198807973


def test_the_same_seed_gives_the_same_market_and_another_seed_another() -> None:
    assert walk(simulation(), 500) == walk(simulation(), 500)
    assert walk(simulation(), 500) != walk(simulation(seed=8), 500)


@pytest.mark.parametrize("stop", [0, 1, 19, 20, 333])
def test_a_market_picked_up_at_any_event_goes_on_as_if_it_had_never_stopped(stop: int) -> None:
    market = simulation()
    whole = walk(market, 400)
    point = market.opening()
    for trade in whole[:stop]:
        point = point.after(trade)

    assert list(islice(market.after(point), 400 - stop)) == whole[stop:]


def test_prices_lie_on_ticks_quantities_on_lots_and_time_goes_on() -> None:
    trades = walk(simulation(), 2000)

    assert all(each.price > 0 and each.price % RULES.tick_size == 0 for each in trades)
    assert all(each.quantity > 0 and each.quantity % RULES.lot_size == 0 for each in trades)
    assert all(earlier.market_time_ms < later.market_time_ms for earlier, later in pairwise(trades))


def test_a_trade_that_rises_has_a_buyer_as_taker() -> None:
    for before, after in pairwise(walk(simulation(), 1000)):
        if after.price != before.price:
            assert after.taker is (Side.BUY if after.price > before.price else Side.SELL)


def test_the_price_returns_to_its_anchor_again_and_again() -> None:
    prices = [each.price for each in walk(simulation(), 20_000)]

    crossings = sum((before < 60_000) != (after < 60_000) for before, after in pairwise(prices))
    assert crossings > 100
    assert all(abs(price - 60_000) < 1200 for price in prices)


def test_a_grid_of_a_few_moves_round_trips_often() -> None:
    prices = [each.price for each in walk(simulation(), 12_000)]  # ten minutes
    round_trips = 0
    for level in range(59_900, 60_100, 20):
        bought = False
        for price in prices:
            if price < level:
                bought = True
            elif bought and price > level + 20:
                bought, round_trips = False, round_trips + 1
    assert round_trips > 100


def test_after_an_injected_price_the_market_stays_around_it() -> None:
    market = simulation()
    point = MarketPoint(100, 0, Decimal(55_000), Side.SELL, Decimal(55_000))

    prices = [each.price for each in islice(market.after(point), 5000)]

    assert all(abs(price - 55_000) < 1100 for price in prices)


def test_the_price_never_reaches_zero() -> None:
    market = Simulation(RULES, 3, Decimal("0.05"), volatility=Decimal(1), reversion=Decimal(0))

    assert all(each.price >= RULES.tick_size for each in walk(market, 500))
