"""Whole lives of a grid: residues over a thousand rounds, oscillating and gapping prices, fees of every kind."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcore.model.actions import Fill, Outcome
from gridcore.model.config import GridMode, RiskConfig, Spacing
from gridcore.model.market_rules import MarketRules
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role
from gridcore.model.slots import PositionStatus, SlotStatus
from gridcore.model.state import Mode
from gridsim.chance import bits
from gridtesting.fakes.grid_driver import GridDriver
from gridtesting.grids import MARKET, grid

D = Decimal
FEELESS = replace(MARKET, maker_fee=D(0), taker_fee=D(0))


def one_slot(mode: GridMode, market: MarketRules, **changes: object) -> GridDriver:
    """A grid of the one slot between 60000 and 60300, whichever way it opens."""
    price = D(60000) if mode is GridMode.LONG else D(60300)
    return GridDriver(grid(mode, lower=price, upper=price + 1, **changes), market)


@pytest.mark.parametrize("market", [MARKET, FEELESS], ids=["0.1 % fees", "no fees"])
@pytest.mark.parametrize("mode", [GridMode.LONG, GridMode.SHORT])
def test_a_thousand_rounds_leave_less_than_a_lot_behind(mode: GridMode, market: MarketRules) -> None:
    run = one_slot(mode, market)
    low, high = D(59990), D(60310)
    run.price_to("60150")

    for _ in range(1_000):
        for price in (low, high) if mode is GridMode.LONG else (high, low):
            run.trade_to(price)
        # Closed below the grid or above it, the price stands where the slot may open again.
        run.price_to("60150")

    (slot,) = run.state.slots.values()
    assert run.state.totals.rounds == slot.round == 1_000
    # A sell leaves less than a lot; a buy that closes leaves its own fee in base besides.
    assert abs(slot.position) < market.lot_size + D("0.0017") * market.maker_fee
    assert slot.position_status is not PositionStatus.FILLED
    assert run.state.totals.realised_pnl > 0
    assert len(run.venue.live()) == 1, "it is open again"


def test_a_thousand_rounds_without_fees_earn_the_interval_each_time() -> None:
    run = one_slot(GridMode.LONG, FEELESS)
    run.price_to("60150")

    for _ in range(1_000):
        run.trade_to("59990")
        run.trade_to("60310")

    assert run.state.totals.realised_pnl == 1_000 * 300 * D("0.00166")


def test_a_slot_that_owes_base_for_fees_never_sells_more_and_more() -> None:
    # A pair whose base is the venue's own fee coin: the seller's fee is taken in base too, worth more than the minimum.
    run = one_slot(GridMode.LONG, MARKET, quote_per_slot=D(10_000))
    run.price_to("60150")

    for _ in range(20):
        for _ in range(2):
            (order,) = [each for each in run.venue.live() if each.place.slot == "60000"]
            place = order.place
            fee = place.quantity * D("0.001")
            run.venue._tell(place.client_order_id, Fill("t", place.price, place.quantity, fee, "BTC", maker=True))
            run.venue.end(place.client_order_id, OrderStatus.FILLED)
            run.price = D("60150")
            run.hear()

    (slot,) = run.state.slots.values()
    assert slot.round == 20
    assert abs(slot.position) < D("0.17") * D("0.0011")


ANSWERS = [Outcome.ACCEPTED] * 12 + [Outcome.REJECTED, Outcome.UNKNOWN, Outcome.NOT_SENT, Outcome.EXPIRED]


@pytest.mark.parametrize("spacing", Spacing)
@pytest.mark.parametrize("mode", GridMode)
@settings(max_examples=5, deadline=None, print_blob=True)
@given(seed=st.integers(min_value=0, max_value=2**64 - 1))
def test_a_price_that_wanders_keeps_the_grid_in_order(mode: GridMode, spacing: Spacing, seed: int) -> None:
    limit, price = D("0.012"), D(60100)
    interval = D(300) if spacing is Spacing.ARITHMETIC else D("0.005")
    run = GridDriver(grid(mode, spacing=spacing, interval=interval, risk=RiskConfig(max_position=limit)))

    for step in range(400):
        chance = [bits(seed, step, draw) for draw in range(6)]
        price = max(D(40_000), price + D(chance[0] % 50_001 - 25_000) / 100)
        run.now_ms += (100, 1_000, 7_000)[chance[1] % 3]
        run.price = price
        for order in run.venue.live():
            if (price - order.place.price) * order.place.side.sign <= 0:
                run.venue.fill(order.place.client_order_id, order.remaining / (1 + chance[2] % 2))
        for name in run.venue.unresolved()[chance[3] % 2 :]:
            run.venue.resolve(name)
        run.hear(ANSWERS[chance[4] % len(ANSWERS)], Outcome.ACCEPTED)
        run.tick(0, ANSWERS[chance[5] % len(ANSWERS)], Outcome.ACCEPTED)
        assert_in_order(run, limit)

    assert_nothing_is_stuck(run)


def assert_nothing_is_stuck(run: GridDriver) -> None:
    """With no opening order allowed, a price beyond all slots on either side closes all that was ever opened."""
    for name in run.venue.unresolved():
        run.venue.resolve(name)
    run.mode(Mode.SAFE)
    for price, beyond in (("200000", "210000"), ("20000", "19000")):
        run.price = D(price)
        run.hear()
        run.tick(10_000)
        run.hear()
        run.trade_to(beyond)
    assert not run.venue.live()
    assert all(slot.status is SlotStatus.FREE for slot in run.state.slots.values())
    assert all(slot.closable(MARKET) == 0 for slot in run.state.slots.values())


def assert_in_order(run: GridDriver, limit: Decimal) -> None:
    """What must hold after every step of a long life."""
    state = run.state
    assert abs(state.totals.position) <= limit
    assert sum((slot.position for slot in state.slots.values()), ZERO) == state.totals.position
    for slot in state.slots.values():
        order = slot.order
        if order is not None and order.role is Role.CLOSING:
            assert (order.price - slot.price) * slot.opening_side.sign > 0, "never closed at a loss"
            assert order.quantity - order.executed <= abs(slot.position), "never more than is held"
        if order is not None and order.role is Role.OPENING:
            assert order.price == slot.price


@pytest.mark.parametrize("mode", GridMode)
@pytest.mark.parametrize(
    ("slack", "low", "high"), [(1, "60250", "60350"), (2, "59950", "60350"), (3, "59650", "60350")]
)
def test_a_price_that_oscillates_over_as_many_levels_as_the_slack_settles_to_silence(
    mode: GridMode, slack: int, low: str, high: str
) -> None:
    run = GridDriver(grid(mode, window_slack=slack))
    for price in [low, high] * 2:
        run.price_to(price)
        run.hear()

    before = run.state.seq
    for price in [low, high] * 10:
        run.price_to(price)
        if len(run.venue.log) > run.state.event_offset:
            run.hear()

    assert run.state.seq == before, "no order is placed and cancelled over and over"


@pytest.mark.parametrize("mode", GridMode)
def test_the_same_steps_make_the_same_plans(mode: GridMode) -> None:
    one, other = GridDriver(grid(mode)), GridDriver(grid(mode))
    for price in ("60100", "59400", "58000", "60500", "60000", "61900"):
        other.state = replace(other.state, slots=dict(reversed(list(other.state.slots.items()))))
        assert one.trade_to(price) == other.trade_to(price), "the order in which slots are kept says nothing"
        assert one.price_to(price) == other.price_to(price)
