"""Orders that have drifted too far are found by one comparison each, which agrees with the rank."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from gridcore.grid.position_manager import PositionManager
from gridcore.model.config import GridMode, Spacing
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import InventorySlot, SlotOrder
from gridcore.model.state import State
from gridtesting.grids import MARKET, grid

ARITHMETIC = (Spacing.ARITHMETIC, Decimal(300))
GEOMETRIC = (Spacing.GEOMETRIC, Decimal("0.005"))
PRICES = st.integers(min_value=1, max_value=12_000_000).map(lambda ticks: ticks * MARKET.tick_size)


@given(
    shape=st.sampled_from([ARITHMETIC, GEOMETRIC]),
    window=st.integers(min_value=1, max_value=8),
    side=st.sampled_from(Side),
    price=PRICES.filter(lambda price: price > 10_000),
    levels=st.integers(min_value=-14, max_value=14),
    off=st.sampled_from([Decimal(-1), Decimal("-0.01"), Decimal(0), Decimal("0.01"), Decimal(1)]),
)
def test_an_order_is_out_of_reach_where_its_rank_is_beyond_window_and_slack(
    shape: tuple[Spacing, Decimal], window: int, side: Side, price: Decimal, levels: int, off: Decimal
) -> None:
    config = grid(GridMode.LONG, spacing=shape[0], interval=shape[1], buy_window=window, sell_window=window)
    state = State(config.symbol, "0" * 32, config.geometry)
    manager = PositionManager(state, MARKET, config, price=price, at_ms=0, fresh=True)
    grid_levels = manager._ladder
    limit = grid_levels.price(grid_levels.highest_below(price) + levels) + off

    beyond = manager._rank(side, limit, price) > window + config.window_slack

    order = SlotOrder("o", "1", Role.OPENING, side, limit, Decimal(1), Decimal(0), OrderStatus.OPEN)
    slot = InventorySlot(limit, 0, side, limit, order=order)
    assert manager._must_cancel(slot, wanted=True) is beyond
