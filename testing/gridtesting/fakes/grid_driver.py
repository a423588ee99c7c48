"""Drives a grid against the venue model by prices, ticks, fills and modes, one step each."""

from dataclasses import dataclass, field
from decimal import Decimal

from gridcore.bookkeeping.settle import settle
from gridcore.decide import decide
from gridcore.model.actions import CancelOrder, Outcome, PlaceOrder
from gridcore.model.config import GridConfig
from gridcore.model.events import ModeChanged, OrdersUpdated, Plan, PriceChanged, Ticked, Trigger
from gridcore.model.ids import id_prefix
from gridcore.model.market_rules import MarketRules
from gridcore.model.slots import InventorySlot
from gridcore.model.state import Mode, Rule, State
from gridtesting.fakes.venue_model import ModelOrder, VenueModel
from gridtesting.grids import MARKET, grid

PREFIX = id_prefix("bot", MARKET.symbol)


@dataclass(slots=True)
class GridDriver:
    """One grid and its venue. Every method takes one step and returns its plan."""

    config: GridConfig = field(default_factory=grid)
    market: MarketRules = MARKET
    now_ms: int = 1_000_000
    price: Decimal | None = None
    state: State = field(init=False)
    venue: VenueModel = field(init=False)

    def __post_init__(self) -> None:
        self.state = State(symbol=self.market.symbol, birth_id="s", grid=self.config.geometry)
        self.venue = VenueModel(self.market)

    def plan(self, trigger: Trigger) -> Plan:
        """What `decide` returns, without executing it."""
        seq = self.state.seq + 1
        names = {"request_id": f"r{seq}", "prefix": PREFIX}
        return decide(self.state, trigger, self.market, self.config, epoch=1, **names)

    def step(self, trigger: Trigger, *outcomes: Outcome) -> Plan:
        """Decides, executes on the venue and settles. A procedure or an empty plan changes nothing."""
        plan = self.plan(trigger)
        if not plan.empty and plan.procedure is None:
            self.state = settle(self.state, plan, self.venue.answer(plan, list(outcomes)), self.market)
        return plan

    def price_to(self, price: str | Decimal, *outcomes: Outcome) -> Plan:
        """A price change without a trade."""
        self.price = Decimal(price)
        return self.step(PriceChanged(self.now_ms, self.price), *outcomes)

    def tick(self, later_ms: int = 0, *outcomes: Outcome) -> Plan:
        """A tick after `later_ms`, with a current price."""
        self.now_ms += later_ms
        return self.step(Ticked(self.now_ms, self.price, self.now_ms), *outcomes)

    def mode(self, mode: Mode, rule: Rule = Rule.OPERATOR, *, clears_itself: bool = False) -> Plan:
        """Sets the mode as operators and procedures do: SAFE by way of ENTERING."""
        if mode is Mode.SAFE and self.state.risk.mode is not Mode.ENTERING:
            self.mode(Mode.ENTERING, rule, clears_itself=clears_itself)
        return self.step(ModeChanged(self.now_ms, mode, rule, "a drill", "test", clears_itself))

    def hear(self, *outcomes: Outcome) -> Plan:
        """Applies all updates that the state has not seen yet, in one batch."""
        updates = tuple(self.venue.log[self.state.event_offset :])
        return self.step(OrdersUpdated(self.now_ms, self.price, self.now_ms, updates), *outcomes)

    def trade_to(self, price: str | Decimal) -> Plan:
        """Moves the market to a price: every order on the way fills whole, and the updates are applied."""
        self.price = Decimal(price)
        for order in self.venue.live():
            if self._passed(order, self.price):
                self.venue.fill(order.place.client_order_id, order.remaining)
        return self.hear()

    def slot(self, key: str) -> InventorySlot:
        """The slot at this price."""
        return self.state.slots[key]

    def resting(self) -> list[str]:
        """The open orders, as `BUY 59700`, from the lowest price up."""
        orders = sorted((order.place.price, order.place.side.value) for order in self.venue.live())
        return [f"{side} {price.normalize():f}" for price, side in orders]

    @staticmethod
    def _passed(order: ModelOrder, price: Decimal) -> bool:
        return (price - order.place.price) * order.place.side.sign <= 0


def places(plan: Plan) -> list[PlaceOrder]:
    """The plan's placements."""
    return [action for action in plan.actions if isinstance(action, PlaceOrder)]


def cancels(plan: Plan) -> list[CancelOrder]:
    """The plan's cancels."""
    return [action for action in plan.actions if isinstance(action, CancelOrder)]


def told(plan: Plan) -> list[str]:
    """The placements as `OPENING BUY 59700`, in the plan's order."""
    return [f"{place.role.value} {place.side.value} {place.price.normalize():f}" for place in places(plan)]
