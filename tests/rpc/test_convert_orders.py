"""What goes over the wire comes back the same, and what is not a value is refused by name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.model.actions import Action, ActionResult, CancelOrder, Fill, OrderUpdate, Outcome, PlaceOrder
from gridcore.model.market_rules import MarketRules
from gridcore.model.orders import OrderStatus, OrderType, Role, Side
from gridrpc import convert_orders as convert
from gridrpc.errors import InvalidArgument
from gridwright.v1 import models_pb2

MONEY = st.decimals(min_value="0.00000001", max_value="1e12", places=8)
SIGNED = st.decimals(min_value="-1e6", max_value="1e6", places=8)
NAMES = st.text(alphabet="abcXYZ019", min_size=1, max_size=28)
TIMES = st.integers(min_value=0, max_value=2**62)

PLACES = st.builds(
    PlaceOrder,
    client_order_id=NAMES,
    side=st.sampled_from(Side),
    role=st.sampled_from(Role),
    type=st.sampled_from(OrderType),
    price=MONEY,
    quantity=MONEY,
    not_after_ms=TIMES,
    slot=NAMES,
)
CANCELS = st.builds(CancelOrder, client_order_id=NAMES, exchange_order_id=st.text(max_size=8), slot=NAMES)
RESULTS = st.builds(
    ActionResult,
    index=st.integers(0, 1000),
    client_order_id=NAMES,
    outcome=st.sampled_from(Outcome),
    exchange_order_id=st.text(max_size=8),
    reason=st.text(max_size=8),
    message=st.text(max_size=30),
    recorded_time_ms=TIMES,
)
FILLS = st.builds(
    Fill, trade_id=NAMES, price=MONEY, quantity=MONEY, fee=SIGNED, fee_asset=st.text(max_size=5), maker=st.booleans()
)
UPDATES = st.builds(
    OrderUpdate,
    symbol=NAMES,
    offset=st.integers(1, 2**60),
    client_order_id=NAMES,
    exchange_order_id=NAMES,
    side=st.sampled_from(Side),
    news=FILLS | st.sampled_from(OrderStatus),
    venue_time_ms=TIMES,
    recorded_time_ms=TIMES,
)
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
)


@given(PLACES | CANCELS)
def test_an_action_survives_the_wire(action: Action) -> None:
    wire = convert.action_to_proto(action).SerializeToString()
    assert convert.action_from_proto(models_pb2.Action.FromString(wire)) == action


@given(RESULTS)
def test_a_result_survives_the_wire(result: ActionResult) -> None:
    wire = convert.result_to_proto(result).SerializeToString()
    assert convert.result_from_proto(models_pb2.ActionResult.FromString(wire)) == result


@given(UPDATES)
def test_an_update_survives_the_wire(update: OrderUpdate) -> None:
    wire = convert.update_to_proto(update).SerializeToString()
    assert convert.update_from_proto(models_pb2.OrderUpdate.FromString(wire)) == update


@given(RULES)
def test_market_rules_survive_the_wire(rules: MarketRules) -> None:
    wire = convert.rules_to_proto(rules).SerializeToString()
    assert convert.rules_from_proto(models_pb2.MarketRules.FromString(wire)) == rules


def place(**changes: object) -> models_pb2.Action:
    fields: dict[str, object] = {
        "client_order_id": "a",
        "side": models_pb2.SIDE_BUY,
        "role": models_pb2.ROLE_OPENING,
        "type": models_pb2.ORDER_TYPE_LIMIT,
        "price": "1.5",
        "quantity": "2",
    }
    return models_pb2.Action(place=models_pb2.PlaceOrder(**(fields | changes)))  # type: ignore[arg-type]  # bad on purpose


@pytest.mark.parametrize(
    ("message", "field"),
    [
        pytest.param(models_pb2.Action(), "actions[3]", id="no-kind"),
        pytest.param(place(client_order_id=""), "actions[3].place.client_order_id", id="no-id"),
        pytest.param(place(side=0), "actions[3].place.side", id="no-side"),
        pytest.param(place(role=9), "actions[3].place.role", id="role-of-another-version"),
        pytest.param(place(type=0), "actions[3].place.type", id="no-type"),
        pytest.param(place(price="1e3"), "actions[3].place.price", id="exponent"),
        pytest.param(place(price="NaN"), "actions[3].place.price", id="nan"),
        pytest.param(place(price="-1"), "actions[3].place.price", id="negative"),
        pytest.param(place(price="٣"), "actions[3].place.price", id="digits-of-another-script"),
        pytest.param(place(quantity="0"), "actions[3].place.quantity", id="zero"),
        pytest.param(place(quantity=""), "actions[3].place.quantity", id="empty"),
        pytest.param(
            models_pb2.Action(cancel=models_pb2.CancelOrder()), "actions[3].cancel.client_order_id", id="cancel"
        ),
    ],
)
def test_a_bad_action_is_refused_by_the_name_of_its_field(message: models_pb2.Action, field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        convert.action_from_proto(message, "actions[3]")
    assert refused.value.metadata["field"] == field
    assert refused.value.message.startswith(field)


def test_an_update_without_news_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="give fill or status"):
        convert.update_from_proto(models_pb2.OrderUpdate(symbol="BTC/USDT", offset=1))
