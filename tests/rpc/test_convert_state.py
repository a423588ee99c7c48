"""State and plan survive the wire and the disk; what is not one is refused by name; one state has one text."""

import json
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.model.actions import ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.events import ConditionsSeen, ModeChanged, OrdersUpdated, Plan, PriceChanged, Ticked
from gridcore.model.market_rules import MarketRules, PriceRange
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridcore.model.slots import InventorySlot, PositionStatus, SlotOrder, SlotRefusal
from gridcore.model.state import ForeignOrders, Funds, Mode, PriceAnchor, RiskFlags, Rule, State, StateRebuilt, Totals
from gridrpc.convert_plan import (
    plan_from_json,
    plan_from_proto,
    plan_json,
    plan_to_proto,
    results_from_json,
    results_json,
)
from gridrpc.convert_state import digest, state_from_json, state_from_proto, state_json, state_to_proto
from gridrpc.errors import InvalidArgument

MONEY = st.decimals(min_value="0.00000001", max_value="1e12", places=8)
SIGNED = st.decimals(min_value="-1e6", max_value="1e6", places=8)
NAMES = st.text(alphabet="abcXYZ019", min_size=1, max_size=28)
TEXT = st.text(max_size=12)
COUNTS = st.integers(min_value=0, max_value=2**60)

ORDERS = st.builds(
    SlotOrder,
    client_order_id=NAMES,
    exchange_order_id=TEXT,
    role=st.sampled_from(Role),
    side=st.sampled_from(Side),
    price=MONEY,
    quantity=MONEY,
    executed=MONEY,
    status=st.sampled_from(OrderStatus),
    decided_ms=COUNTS,
)
SLOTS = st.builds(
    InventorySlot,
    price=MONEY,
    level=st.integers(-1000, 1000),
    opening_side=st.sampled_from(Side),
    closing_price=MONEY,
    position=SIGNED,
    cost=SIGNED,
    position_status=st.sampled_from(PositionStatus),
    order=st.none() | ORDERS,
    round=COUNTS,
    retry_after_ms=COUNTS,
    retiring=st.booleans(),
    refusal=st.none()
    | st.builds(SlotRefusal, reason=TEXT, count=st.integers(0, 2**31), since_ms=COUNTS, message=TEXT, last_ms=COUNTS),
)
RISKS = st.builds(
    RiskFlags,
    mode=st.sampled_from(Mode),
    rule=st.sampled_from(Rule),
    reason=TEXT,
    by=TEXT,
    since_ms=COUNTS,
    clears_itself=st.booleans(),
    calm_since_ms=COUNTS,
    anchors=st.lists(st.builds(PriceAnchor, price=MONEY, until_ms=COUNTS), max_size=3).map(tuple),
    rejects=st.integers(0, 2**31),
    stray_order=TEXT,
)
FOREIGN = st.builds(ForeignOrders, orders=st.integers(0, 2**31), buying=MONEY, selling=MONEY)
FUNDS = st.builds(Funds, base=MONEY, quote=MONEY)
LIMITS = st.none() | MONEY
PRICE_RANGES = st.builds(PriceRange, lowest=LIMITS, highest=LIMITS)
RULES = st.builds(
    MarketRules,
    symbol=NAMES,
    base=NAMES,
    quote=NAMES,
    tick_size=MONEY,
    lot_size=MONEY,
    min_quantity=MONEY,
    min_notional=MONEY,
    maker_fee=SIGNED,
    taker_fee=SIGNED,
    max_quantity=LIMITS,
    max_notional=LIMITS,
    min_price=LIMITS,
    max_price=LIMITS,
    max_position=LIMITS,
    max_orders=st.integers(0, 2**31),
    buy_range=PRICE_RANGES,
    sell_range=PRICE_RANGES,
    halted=st.booleans(),
)
REBUILT = st.builds(StateRebuilt, at_ms=COUNTS, why=TEXT, lost=st.lists(TEXT, max_size=2).map(tuple), end_offset=COUNTS)
STATES = st.builds(
    State,
    rebuilt=st.none() | REBUILT,
    symbol=NAMES,
    birth_id=TEXT,
    grid=TEXT,
    slots=st.lists(SLOTS, max_size=4).map(lambda slots: {slot.key: slot for slot in slots}),
    last_price=st.none() | MONEY,
    last_update_time=COUNTS,
    seq=COUNTS,
    epoch=COUNTS,
    event_offset=COUNTS,
    risk=RISKS,
    totals=st.builds(
        Totals,
        position=SIGNED,
        quote_flow=SIGNED,
        realised_pnl=SIGNED,
        fees=st.dictionaries(NAMES, SIGNED, max_size=3),
        fills=COUNTS,
        rounds=COUNTS,
    ),
    ledger_birth_id=TEXT,
    foreign=st.just(ForeignOrders()) | FOREIGN,
    rules=st.none() | RULES,
    funds=st.none() | FUNDS,
)
UPDATES = st.builds(
    OrderUpdate,
    symbol=NAMES,
    offset=st.integers(1, 2**60),
    client_order_id=NAMES,
    exchange_order_id=NAMES,
    side=st.sampled_from(Side),
    news=st.builds(Fill, trade_id=NAMES, price=MONEY, quantity=MONEY, fee=SIGNED, fee_asset=TEXT, maker=st.booleans())
    | st.sampled_from(OrderStatus),
    venue_time_ms=COUNTS,
    recorded_time_ms=COUNTS,
)
TRIGGERS = (
    st.builds(
        PriceChanged,
        at_ms=COUNTS,
        price=MONEY,
        passed=st.lists(MONEY, max_size=6).map(tuple),
        passed_since_ms=COUNTS,
    )
    | st.builds(Ticked, at_ms=COUNTS, price=st.none() | MONEY, price_heard_ms=COUNTS)
    | st.builds(
        OrdersUpdated,
        at_ms=COUNTS,
        price=st.none() | MONEY,
        price_heard_ms=COUNTS,
        updates=st.lists(UPDATES, max_size=3).map(tuple),
    )
    | st.builds(
        ModeChanged,
        at_ms=COUNTS,
        mode=st.sampled_from(Mode),
        rule=st.sampled_from(Rule),
        reason=TEXT,
        by=TEXT,
        clears_itself=st.booleans(),
    )
    | st.builds(
        ConditionsSeen,
        at_ms=COUNTS,
        foreign=FOREIGN,
        funds=st.none() | FUNDS,
        rules=st.none() | RULES,
        looked_until_ms=COUNTS,
    )
    | REBUILT
)
PLACES = st.builds(
    PlaceOrder,
    client_order_id=NAMES,
    side=st.sampled_from(Side),
    role=st.sampled_from(Role),
    type=st.sampled_from(OrderType),
    price=MONEY,
    quantity=MONEY,
    not_after_ms=COUNTS,
    slot=NAMES,
)
CANCELS = st.builds(CancelOrder, client_order_id=NAMES, exchange_order_id=TEXT, slot=NAMES)
PLANS = st.builds(
    Plan,
    symbol=NAMES,
    request_id=NAMES,
    seq=COUNTS,
    epoch=COUNTS,
    trigger=TRIGGERS,
    risk=RISKS,
    actions=st.lists(PLACES | CANCELS, max_size=4).map(tuple),
    new_slots=st.lists(SLOTS, max_size=2).map(tuple),
    dropped_slots=st.lists(NAMES, max_size=2).map(tuple),
    flipped_slots=st.lists(NAMES, max_size=2).map(tuple),
    retry_at_ms=COUNTS,
    procedure=st.none(),
    changes=st.just(False),
)


@given(STATES)
def test_a_state_survives_the_wire_and_the_disk(state: State) -> None:
    assert state_from_proto(state_to_proto(state)) == state
    assert state_from_json(state_json(state)) == state


@given(PLANS)
def test_a_plan_survives_the_wire_and_the_disk(plan: Plan) -> None:
    assert plan_from_proto(plan_to_proto(plan)) == plan
    assert plan_from_json(plan_json(plan)) == plan


@given(
    st.lists(st.builds(ActionResult, index=st.integers(0, 99), client_order_id=NAMES, outcome=st.sampled_from(Outcome)))
)
def test_results_survive_the_disk(results: list[ActionResult]) -> None:
    assert results_from_json(results_json(results)) == tuple(results)


@given(STATES)
def test_equal_states_have_one_text_whatever_the_order_of_their_slots(state: State) -> None:
    shuffled = replace(state, slots=dict(reversed(state.slots.items())))

    assert state_json(shuffled) == state_json(state)
    assert digest(shuffled) == digest(state)


def test_a_digest_distinguishes_states() -> None:
    state = State("BTC/USDT", "b", "g")

    assert digest(state) != digest(replace(state, seq=1))


def test_the_json_has_the_specifications_names() -> None:
    kept = json.loads(state_json(State("BTC/USDT", "b", "g", last_price=Decimal("1.50"), last_update_time=7)))

    assert kept["slots"] == {}
    assert kept["last_price"] == "1.5"
    assert kept["last_update_time"] == "7"


def test_a_slot_under_another_key_is_refused() -> None:
    message = state_to_proto(
        State("BTC/USDT", "b", "g", slots={"2": InventorySlot(Decimal(1), 0, Side.BUY, Decimal(2))})
    )

    with pytest.raises(InvalidArgument, match=r"state\.slots\[2\]\.price = '1'"):
        state_from_proto(message)


@pytest.mark.parametrize(
    ("text", "field"),
    [("{", "state is not readable"), ('{"nonsense": 1}', "state is not readable"), ("{}", r"risk\.mode = 0")],
    ids=["cut", "foreign", "empty"],
)
def test_what_is_no_state_is_refused_by_name(text: str, field: str) -> None:
    with pytest.raises(InvalidArgument, match=field):
        state_from_json(text)


def test_a_trigger_that_says_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"plan\.trigger is empty"):
        plan_from_json("{}")


def test_results_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="results are not readable"):
        results_from_json('{"index": 1}')
