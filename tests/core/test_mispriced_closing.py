"""A closing order that had to be placed beyond its slot's closing price comes back to it when the market does."""

from decimal import Decimal

import pytest

from gridcore.bookkeeping.settle import settle
from gridcore.decide import decide
from gridcore.model.actions import CancelOrder, Outcome, PlaceOrder
from gridcore.model.config import GridMode
from gridcore.model.events import OrdersUpdated, Plan, PriceChanged, Trigger
from gridcore.model.orders import Role
from gridcore.model.state import State
from gridtesting.fakes.venue_model import VenueModel
from gridtesting.grids import MARKET, grid

D = Decimal


class Walk:
    """A grid driven step by step: prices, fills, and what the core plans."""

    def __init__(self, mode: GridMode) -> None:
        self.config = grid(mode)
        self.venue = VenueModel(MARKET)
        self.state = State(symbol=MARKET.symbol, birth_id="s", grid=self.config.geometry)

    def step(self, trigger: Trigger) -> Plan:
        plan = decide(self.state, trigger, MARKET, self.config, request_id="r", epoch=1, prefix="gabcde")
        if not plan.empty:
            self.state = settle(self.state, plan, self.venue.answer(plan, [Outcome.ACCEPTED]), MARKET)
        return plan

    def price(self, price: str) -> Plan:
        return self.step(PriceChanged(1_000, D(price)))

    def hear(self, price: str) -> Plan:
        news = tuple(self.venue.log[self.state.event_offset :])
        return self.step(OrdersUpdated(1_000, D(price), 1_000, news))


@pytest.mark.parametrize(
    ("mode", "start", "opened", "gone", "back", "closes"),
    [
        pytest.param(GridMode.LONG, "60100", "60000", "60900.5", "60100", "60300", id="long"),
        pytest.param(GridMode.SHORT, "59900", "60000", "59100.5", "59900", "59700", id="short"),
    ],
)
def test_a_closing_order_returns_to_its_price_with_the_market(
    mode: GridMode, start: str, opened: str, gone: str, back: str, closes: str
) -> None:
    walk = Walk(mode)
    walk.price(start)
    name = next(order.place.client_order_id for order in walk.venue.live() if order.place.price == D(opened))
    walk.venue.fill(name, D(1))
    beyond = [it for it in walk.hear(gone).actions if isinstance(it, PlaceOrder) and it.role is Role.CLOSING]
    assert [place.price for place in beyond] == [
        D(gone) + (MARKET.tick_size if mode is GridMode.LONG else -MARKET.tick_size)
    ]

    cancels = [it for it in walk.price(back).actions if isinstance(it, CancelOrder)]
    assert beyond[0].client_order_id in {cancel.client_order_id for cancel in cancels}

    closings = [it for it in walk.hear(back).actions if isinstance(it, PlaceOrder) and it.role is Role.CLOSING]
    assert [place.price for place in closings] == [D(closes)]
    assert walk.price(back).empty


def test_a_closing_order_stays_while_the_market_is_still_beyond() -> None:
    walk = Walk(GridMode.LONG)
    walk.price("60100")
    name = next(order.place.client_order_id for order in walk.venue.live() if order.place.price == D(60000))
    walk.venue.fill(name, D(1))
    walk.hear("60900.5")
    plan = walk.price("60880")
    assert not [it for it in plan.actions if isinstance(it, CancelOrder) and it.slot == "60000"]
