"""The core against a venue that answers, fills, forgets and is slow, in any order that Hypothesis finds."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gridcore.bookkeeping.reconcile import live_openings
from gridcore.bookkeeping.settle import settle
from gridcore.decide import decide
from gridcore.grid.allocation import cost_of
from gridcore.grid.funds import present
from gridcore.model.actions import Outcome, PlaceOrder
from gridcore.model.config import GridMode, RiskConfig
from gridcore.model.events import ConditionsSeen, ModeChanged, OrdersUpdated, PriceChanged, Ticked, Trigger
from gridcore.model.ids import id_prefix
from gridcore.model.modes import MODE_TRANSITIONS
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import PositionStatus
from gridcore.model.state import ForeignOrders, Funds, Mode, Rule, State
from gridcore.quiet_band import quiet_band
from gridtesting.fakes.venue_model import VenueModel
from gridtesting.grids import MARKET, grid

PREFIX = id_prefix("bot", MARKET.symbol)
MAX_POSITION = Decimal("0.004")

prices = st.integers(min_value=5_700_000, max_value=6_300_000).map(lambda cents: Decimal(cents) / 100)
outcomes = st.lists(
    st.sampled_from([Outcome.ACCEPTED] * 4 + [Outcome.REJECTED, Outcome.NOT_SENT, Outcome.EXPIRED, Outcome.UNKNOWN]),
    min_size=1,
    max_size=5,
)


class GridMachine(RuleBasedStateMachine):
    """One grid and its venue. `price` is what the market shows, `now_ms` the clock."""

    @initialize(mode=st.sampled_from(GridMode))
    def start(self, mode: GridMode) -> None:
        self.config = grid(mode, risk=RiskConfig(max_position=MAX_POSITION, max_jump=Decimal("0.5")))
        self.state = State(symbol=MARKET.symbol, birth_id="s", grid=self.config.geometry)
        self.market = MARKET
        self.venue = VenueModel(MARKET)
        self.price = Decimal("60050.5")
        self.now_ms = 1_000_000
        self.placed: list[str] = []

    @rule(price=prices, answers=outcomes)
    def price_moves(self, price: Decimal, answers: list[Outcome]) -> None:
        self.price = price
        self.step(PriceChanged(self.now_ms, price), answers)

    @rule(answers=outcomes, later_ms=st.sampled_from([100, 1_000, 6_000]))
    def time_goes_on(self, answers: list[Outcome], later_ms: int) -> None:
        self.now_ms += later_ms
        self.step(Ticked(self.now_ms, self.price, self.now_ms), answers)

    @precondition(lambda self: self.venue.live())
    @rule(data=st.data(), part=st.sampled_from(["0.00003", "0.0005", "1"]))
    def an_order_fills(self, data: st.DataObject, part: str) -> None:
        names = sorted(order.place.client_order_id for order in self.venue.live())
        self.venue.fill(data.draw(st.sampled_from(names)), Decimal(part))

    @precondition(lambda self: self.venue.live())
    @rule(data=st.data(), status=st.sampled_from([OrderStatus.CANCELED, OrderStatus.EXPIRED]))
    def somebody_takes_an_order_down(self, data: st.DataObject, status: OrderStatus) -> None:
        names = sorted(order.place.client_order_id for order in self.venue.live())
        self.venue.end(data.draw(st.sampled_from(names)), status)

    @precondition(lambda self: self.venue.unresolved())
    @rule(data=st.data())
    def evidence_arrives(self, data: st.DataObject) -> None:
        self.venue.resolve(data.draw(st.sampled_from(sorted(self.venue.unresolved()))))

    @precondition(lambda self: len(self.venue.log) > self.state.event_offset)
    @rule(count=st.integers(min_value=1, max_value=8), answers=outcomes)
    def updates_arrive(self, count: int, answers: list[Outcome]) -> None:
        start = self.state.event_offset
        updates = tuple(self.venue.log[start : start + count])
        self.step(OrdersUpdated(self.now_ms, self.price, self.now_ms, updates), answers)

    @rule(data=st.data())
    def the_mode_changes(self, data: st.DataObject) -> None:
        mode = data.draw(st.sampled_from(sorted(set(MODE_TRANSITIONS[self.state.risk.mode].values()), key=str)))
        self.step(ModeChanged(self.now_ms, mode, Rule.OPERATOR, "a drill", "test"), [Outcome.ACCEPTED])

    @rule(
        others=st.sampled_from([0, 3]),
        places=st.sampled_from([0, 8, 9]),
        funds=st.sampled_from([None, ("0", "150"), ("0.003", "0"), ("0.002", "420")]),
        halted=st.booleans(),
    )
    def the_venue_sets_other_conditions(
        self, others: int, places: int, funds: tuple[str, str] | None, *, halted: bool
    ) -> None:
        self.market = replace(MARKET, max_orders=places, halted=halted)
        totals = self.state.totals
        kept = funds and Funds(Decimal(funds[0]) - totals.position, Decimal(funds[1]) - totals.quote_flow)
        self.step(ConditionsSeen(self.now_ms, ForeignOrders(others), kept, self.market), [Outcome.ACCEPTED])

    def step(self, trigger: Trigger, answers: list[Outcome]) -> None:
        self.is_trigger_of_updates = isinstance(trigger, OrdersUpdated)  # then orders have ended since the state
        names = {"request_id": f"r{self.state.seq + 1}", "epoch": 1, "prefix": PREFIX}
        plan = decide(self.state, trigger, self.market, self.config, **names)
        assert plan == decide(self.state, trigger, self.market, self.config, **names), "decide is a function"
        if plan.empty or plan.procedure is not None:
            return
        places = [action for action in plan.actions if isinstance(action, PlaceOrder)]
        if self.state.risk.mode is not Mode.RUNNING:
            assert all(place.role is Role.CLOSING for place in places), "a halted grid opens nothing"
        if self.state.risk.mode is Mode.PAUSED:
            assert not plan.actions
        self.check_scarce(places)
        self.placed += [place.client_order_id for place in places]
        self.state = settle(self.state, plan, self.venue.answer(plan, answers), self.market)

    def check_scarce(self, places: list[PlaceOrder]) -> None:
        """Nothing is tried that the venue takes no orders for, has no place for, or that the account cannot pay."""
        assert not (places and self.market.halted)
        orders = [slot.order for slot in self.state.slots.values() if slot.order is not None]
        if self.market.max_orders and places and not self.is_trigger_of_updates:
            assert len(orders) + len(places) + self.state.foreign.orders <= self.market.max_orders
        funds = present(self.state)
        if funds is None or self.is_trigger_of_updates:
            return
        for side, has in ((Side.BUY, funds.quote), (Side.SELL, funds.base)):
            new = [cost_of(side, each.quantity, each.price) for each in places if each.side is side]
            bound = [
                cost_of(side, order.quantity - order.executed, order.price) for order in orders if order.side is side
            ]
            assert not new or sum(bound, ZERO) + sum(new, ZERO) <= has

    def caught_up(self) -> bool:
        return self.state.event_offset == len(self.venue.log)

    @invariant()
    def ids_name_one_order(self) -> None:
        assert len(set(self.placed)) == len(self.placed)

    @invariant()
    def a_slot_has_one_live_order(self) -> None:
        per_slot = Counter(order.place.slot for order in self.venue.live())
        assert all(count == 1 for count in per_slot.values()), per_slot

    @invariant()
    def every_live_order_is_in_the_state(self) -> None:
        known = {slot.order.client_order_id for slot in self.state.slots.values() if slot.order is not None}
        assert {order.place.client_order_id for order in self.venue.live()} <= known
        if self.caught_up():
            reported = {order.place.client_order_id for order in self.venue.live()} | set(self.venue.unresolved())
            assert known == reported, "what the state waits for, the venue or the resolver has"

    @invariant()
    def books_balance(self) -> None:
        slots, totals = self.state.slots.values(), self.state.totals
        assert sum((slot.position for slot in slots), ZERO) == totals.position
        assert totals.quote_flow == totals.realised_pnl - sum((slot.cost for slot in slots), ZERO)
        if self.caught_up():
            assert totals.position == self.bought()
            assert totals.fills == self.venue.trades

    def bought(self) -> Decimal:
        total = ZERO
        for order in self.venue.orders.values():
            kept = 1 - MARKET.maker_fee if order.place.side is Side.BUY else Decimal(1)
            total += order.place.side.sign * order.executed * kept
        return total

    @invariant()
    def the_position_limit_holds(self) -> None:
        assert abs(self.state.totals.position) <= MAX_POSITION
        for side in Side:
            slots = [slot for slot in self.state.slots.values() if slot.opening_side is side]
            orders = [slot.order for slot in slots if slot.order is not None and slot.order.role is Role.OPENING]
            could_fill = sum((order.quantity - order.executed for order in orders), ZERO)
            held = sum((slot.position for slot in slots), ZERO)
            assert side.sign * held + could_fill <= MAX_POSITION, "even if everything on this side fills"

    @invariant()
    def closings_never_exceed_what_is_held(self) -> None:
        for slot in self.state.slots.values():
            order = slot.order
            if order is not None and order.role is Role.CLOSING:
                assert order.quantity - order.executed <= abs(slot.position)
                assert (order.price - slot.price) * slot.opening_side.sign > 0

    @invariant()
    def slots_stay_in_one_piece(self) -> None:
        for key, slot in self.state.slots.items():
            assert slot.key == key
            if slot.position_status is PositionStatus.EMPTY:
                assert slot.position == 0
                assert slot.cost == 0
            assert slot.position * slot.opening_side.sign >= 0, "a slot never flips its side"

    @invariant()
    def the_quiet_band_is_quiet(self) -> None:
        band = quiet_band(self.state, self.market, self.config)
        if band is None:
            return
        low, high = band
        for later_ms in (0, 3_600_000):  # also once every slot that rests has rested
            for share in (Decimal("0.001"), Decimal("0.3"), Decimal("0.77"), Decimal("0.999")):
                trigger = PriceChanged(self.now_ms + later_ms, low + (high - low) * share)
                plan = decide(self.state, trigger, self.market, self.config, request_id="q", epoch=1, prefix=PREFIX)
                assert plan.empty, (band, trigger, plan)
                assert plan.procedure is None, (band, trigger, plan)

    @invariant()
    def safe_mode_is_reached(self) -> None:
        if self.state.risk.mode is Mode.ENTERING and self.caught_up() and not self.venue.unresolved():
            resting = [slot for slot in self.state.slots.values() if slot.retry_after_ms > self.now_ms]
            trigger = Ticked(self.now_ms, None, 0)
            plan = decide(self.state, trigger, self.market, self.config, request_id="q", epoch=1, prefix=PREFIX)
            assert resting or len(plan.actions) == len(live_openings(self.state)), "each opening gets its cancel"


TestGridMachine = GridMachine.TestCase
TestGridMachine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, print_blob=True)
