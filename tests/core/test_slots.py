"""A slot's status follows from its order, its position status from the venue's minimums, its life from the tables."""

from dataclasses import replace
from decimal import Decimal

import pytest

from gridcore.model.errors import ImpossibleTransitionError
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import (
    POSITION_TRANSITIONS,
    SLOT_TRANSITIONS,
    InventorySlot,
    PositionStatus,
    SlotEvent,
    SlotOrder,
    SlotStatus,
    passed,
    with_position,
)
from gridtesting.grids import MARKET

D = Decimal
EMPTY = InventorySlot(price=D(50_000), level=0, opening_side=Side.BUY, closing_price=D(50_300))


def slot(status: SlotStatus, position_status: PositionStatus = PositionStatus.EMPTY) -> InventorySlot:
    order_status = OrderStatus.OPEN if status is SlotStatus.LOCKED else OrderStatus.CANCELING
    order = SlotOrder("id", "7", Role.OPENING, Side.BUY, D(50_000), D(1), ZERO, order_status)
    return replace(EMPTY, position_status=position_status, order=None if status is SlotStatus.FREE else order)


@pytest.mark.parametrize(
    ("order_status", "status"),
    [
        (OrderStatus.OPEN, SlotStatus.LOCKED),
        (OrderStatus.UNKNOWN, SlotStatus.PENDING),
        (OrderStatus.CANCELING, SlotStatus.PENDING),
    ],
)
def test_the_status_follows_from_the_order(order_status: OrderStatus, status: SlotStatus) -> None:
    order = SlotOrder("id", "7", Role.OPENING, Side.BUY, D(50_000), D(1), ZERO, order_status)

    assert EMPTY.status is SlotStatus.FREE
    assert replace(EMPTY, order=order).status is status


@pytest.mark.parametrize(
    ("side", "position", "cost", "closable", "status"),
    [
        pytest.param(Side.BUY, "0", "0", "0", "EMPTY", id="nothing"),
        pytest.param(Side.BUY, "0.002", "100", "0.002", "FILLED", id="long"),
        pytest.param(Side.BUY, "0.0019999", "100", "0.00199", "FILLED", id="closed by whole lots only"),
        pytest.param(Side.BUY, "0.0001", "5", "0.0001", "FILLED", id="just over the minimum at the closing price"),
        pytest.param(Side.BUY, "0.00009", "5", "0", "DUST", id="just under it"),
        pytest.param(Side.BUY, "-0.002", "0", "0", "DUST", id="a long slot that owes base never sells more"),
        pytest.param(Side.BUY, "0", "1", "0", "DUST", id="no base, but a cost that is still to be earned"),
        pytest.param(Side.SELL, "-0.002", "-100", "0.002", "FILLED", id="short"),
        pytest.param(Side.SELL, "0.002", "0", "0", "DUST", id="a short slot that has base too much never buys more"),
    ],
)
def test_the_position_status_says_what_can_be_closed(
    side: Side, position: str, cost: str, closable: str, status: str
) -> None:
    held = with_position(replace(EMPTY, opening_side=side), D(position), D(cost), MARKET)

    assert held.closable(MARKET) == D(closable)
    assert held.position_status is PositionStatus(status)


# Duplicated on purpose: a change of the table must be made here as well.
WORKING = {SlotStatus.LOCKED, SlotStatus.PENDING}
STATUSES: dict[tuple[SlotStatus, SlotEvent], set[SlotStatus]] = {
    (SlotStatus.FREE, SlotEvent.OPENING_SENT): WORKING,
    (SlotStatus.FREE, SlotEvent.CLOSING_SENT): WORKING,
    (SlotStatus.FREE, SlotEvent.OPENING_FILLED): {SlotStatus.FREE},
    (SlotStatus.FREE, SlotEvent.CLOSING_FILLED): {SlotStatus.FREE},
    (SlotStatus.LOCKED, SlotEvent.OPENING_FILLED): {SlotStatus.LOCKED},
    (SlotStatus.LOCKED, SlotEvent.CLOSING_FILLED): {SlotStatus.LOCKED},
    (SlotStatus.LOCKED, SlotEvent.ORDER_MOVED): WORKING,
    (SlotStatus.LOCKED, SlotEvent.ORDER_ENDED): {SlotStatus.FREE},
    (SlotStatus.PENDING, SlotEvent.OPENING_FILLED): WORKING,
    (SlotStatus.PENDING, SlotEvent.CLOSING_FILLED): WORKING,
    (SlotStatus.PENDING, SlotEvent.ORDER_MOVED): WORKING,
    (SlotStatus.PENDING, SlotEvent.ORDER_ENDED): {SlotStatus.FREE},
}
POSITIONS: dict[tuple[PositionStatus, SlotEvent], set[PositionStatus]] = {
    (PositionStatus.EMPTY, SlotEvent.OPENING_SENT): {PositionStatus.EMPTY},
    (PositionStatus.EMPTY, SlotEvent.OPENING_FILLED): {PositionStatus.DUST, PositionStatus.FILLED},
    (PositionStatus.EMPTY, SlotEvent.CLOSING_FILLED): {PositionStatus.DUST},
    (PositionStatus.DUST, SlotEvent.OPENING_SENT): {PositionStatus.DUST},
    (PositionStatus.DUST, SlotEvent.CLOSING_SENT): {PositionStatus.DUST},
    (PositionStatus.DUST, SlotEvent.OPENING_FILLED): {PositionStatus.DUST, PositionStatus.FILLED},
    (PositionStatus.DUST, SlotEvent.CLOSING_FILLED): set(PositionStatus),
    (PositionStatus.FILLED, SlotEvent.CLOSING_SENT): {PositionStatus.FILLED},
    (PositionStatus.FILLED, SlotEvent.OPENING_SENT): {PositionStatus.FILLED},
    (PositionStatus.FILLED, SlotEvent.OPENING_FILLED): {PositionStatus.FILLED, PositionStatus.DUST},
    (PositionStatus.FILLED, SlotEvent.CLOSING_FILLED): set(PositionStatus),
    **{(status, SlotEvent.ORDER_MOVED): {status} for status in PositionStatus},
    **{(status, SlotEvent.ORDER_ENDED): {status} for status in PositionStatus},
}


def test_the_slot_table_is_as_written_down_here() -> None:
    rows = {(status, event): set(then) for status, row in SLOT_TRANSITIONS.items() for event, then in row.items()}

    assert rows == STATUSES
    assert SLOT_TRANSITIONS.keys() == set(SlotStatus)


def test_the_position_table_is_as_written_down_here() -> None:
    rows = {(status, event): set(then) for status, row in POSITION_TRANSITIONS.items() for event, then in row.items()}

    assert rows == POSITIONS
    assert POSITION_TRANSITIONS.keys() == set(PositionStatus)


@pytest.mark.parametrize("event", SlotEvent)
@pytest.mark.parametrize("before", SlotStatus)
@pytest.mark.parametrize("then", SlotStatus)
def test_a_slot_status_that_the_table_lacks_is_refused(before: SlotStatus, event: SlotEvent, then: SlotStatus) -> None:
    # Of the positions, every event leaves one of these two as it is.
    held = (
        PositionStatus.DUST
        if PositionStatus.DUST in POSITIONS.get((PositionStatus.DUST, event), ())
        else PositionStatus.FILLED
    )
    if then in STATUSES.get((before, event), ()):
        assert passed(slot(before, held), event, slot(then, held)) == slot(then, held)
    else:
        with pytest.raises(ImpossibleTransitionError, match=f"slot 50000 that is {before.value}"):
            passed(slot(before, held), event, slot(then, held))


@pytest.mark.parametrize("event", SlotEvent)
@pytest.mark.parametrize("before", PositionStatus)
@pytest.mark.parametrize("then", PositionStatus)
def test_a_position_status_that_the_table_lacks_is_refused(
    before: PositionStatus, event: SlotEvent, then: PositionStatus
) -> None:
    sent = event in {SlotEvent.OPENING_SENT, SlotEvent.CLOSING_SENT}
    from_status = SlotStatus.FREE if sent else SlotStatus.LOCKED
    to_status = SlotStatus.FREE if event is SlotEvent.ORDER_ENDED else SlotStatus.LOCKED
    if then in POSITIONS.get((before, event), ()):
        assert passed(slot(from_status, before), event, slot(to_status, then)).position_status is then
    else:
        with pytest.raises(ImpossibleTransitionError, match=f"{before.value}"):
            passed(slot(from_status, before), event, slot(to_status, then))
