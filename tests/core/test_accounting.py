"""Effects of fills and ends on slots and totals, with numbers computed manually."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridcore.bookkeeping.accounting import apply_updates
from gridcore.model.actions import Fill, OrderUpdate
from gridcore.model.errors import ImpossibleTransitionError, LogMismatchError
from gridcore.model.money import ZERO
from gridcore.model.orders import OrderStatus, Role, Side
from gridcore.model.slots import InventorySlot, PositionStatus, SlotOrder
from gridcore.model.state import State, unrealised_pnl
from gridtesting.grids import MARKET

D = Decimal


def slot_with(role: Role, opening_side: Side = Side.BUY, status: OrderStatus = OrderStatus.OPEN) -> InventorySlot:
    """A slot between 100 and 110 with an order of 1 on it; a closing one has a position of 1 to close."""
    low, high = D(100), D(110)
    price, closing_price = (low, high) if opening_side is Side.BUY else (high, low)
    side = opening_side if role is Role.OPENING else opening_side.opposite
    limit = price if role is Role.OPENING else closing_price
    held = ZERO if role is Role.OPENING else D(opening_side.sign)
    return InventorySlot(
        price=price,
        level=0,
        opening_side=opening_side,
        closing_price=closing_price,
        position=held,
        cost=held * price,
        position_status=PositionStatus.EMPTY if role is Role.OPENING else PositionStatus.FILLED,
        order=SlotOrder("id", "7", role, side, limit, D(1), ZERO, status),
    )


def state_with(*slots: InventorySlot) -> State:
    return State(symbol="BTC/USDT", birth_id="s", grid="", slots={slot.key: slot for slot in slots})


def fill(quantity: str, price: str, fee: str = "0", fee_asset: str = "BTC") -> Fill:
    return Fill("t", D(price), D(quantity), D(fee), fee_asset, maker=True)


def after(state: State, *news: Fill | OrderStatus, retry_at_ms: int = 0) -> State:
    """The state after these entries about its one order."""
    first = state.event_offset + 1
    updates = [OrderUpdate("BTC/USDT", first + n, "id", "9", Side.BUY, each) for n, each in enumerate(news)]
    return apply_updates(state, tuple(updates), MARKET, retry_at_ms=retry_at_ms)


def only_slot(state: State) -> InventorySlot:
    (slot,) = state.slots.values()
    return slot


# position, cost and status of the slot; position, quote flow and realised profit of the totals
ROUNDS = [
    pytest.param(
        Side.BUY, [("1", "100", "0", "BTC")], [("1", "110", "0", "USDT")], ("0", "0", "EMPTY"), ("0", "10", "10"),
        id="long without fees",
    ),
    pytest.param(
        Side.BUY, [("1", "100", "0.1", "USDT")], [("1", "110", "0.11", "USDT")], ("0", "0", "EMPTY"),
        ("0", "9.79", "9.79"), id="long with fees in quote",
    ),
    pytest.param(
        # 0.999 of base for 100; all of it sold for 109.89 less 0.1 %
        Side.BUY, [("1", "100", "0.001", "BTC")], [("0.999", "110", "0.10989", "USDT")], ("0", "0", "EMPTY"),
        ("0", "9.78011", "9.78011"), id="long with the buy's fee in base",
    ),
    pytest.param(
        # 0.99 of 0.999 sold: its share of the cost is 100 * 0.99 / 0.999 = 99.0990990990(99)
        Side.BUY, [("1", "100", "0.001", "BTC")], [("0.99", "110", "0", "USDT")],
        ("0.009", "0.900900900901", "DUST"), ("0.009", "8.9", "9.800900900901"), id="long that leaves a residue",
    ),
    pytest.param(
        Side.BUY, [("1", "100", "0.1", "BNB")], [("1", "110", "0.1", "BNB")], ("0", "0", "EMPTY"), ("0", "10", "10"),
        id="long with fees in a third asset",
    ),
    pytest.param(
        Side.BUY, [("0.4", "100", "0", "BTC"), ("0.6", "99", "0", "BTC")],
        [("0.5", "110", "0", "USDT"), ("0.5", "111", "0", "USDT")], ("0", "0", "EMPTY"), ("0", "11.1", "11.1"),
        id="long in parts at several prices",
    ),
    pytest.param(
        Side.SELL, [("1", "110", "0", "USDT")], [("1", "100", "0", "BTC")], ("0", "0", "EMPTY"), ("0", "10", "10"),
        id="short without fees",
    ),
    pytest.param(
        # 109.89 received for 1; 0.999 bought back for 100, and its share of what was received is 109.78011
        Side.SELL, [("1", "110", "0.11", "USDT")], [("1", "100", "0.001", "BTC")], ("-0.001", "-0.10989", "DUST"),
        ("-0.001", "9.89", "9.78011"), id="short with the buy's fee in base",
    ),
    pytest.param(
        Side.SELL, [("1", "110", "0.1", "BNB")], [("1", "100", "0.1", "BNB")], ("0", "0", "EMPTY"), ("0", "10", "10"),
        id="short with fees in a third asset",
    ),
    pytest.param(
        # A venue that takes the seller's fee in base, as where base is its own coin: 0.001 more went than was held.
        Side.BUY, [("1", "100", "0", "BTC")], [("1", "110", "0.001", "BTC")], ("-0.001", "0", "DUST"),
        ("-0.001", "10", "10"), id="long with the sell's fee in base",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("side", "opening", "closing", "held", "totals"), ROUNDS)
def test_a_round_is_booked_to_the_last_digit(
    side: Side,
    opening: list[tuple[str, str, str, str]],
    closing: list[tuple[str, str, str, str]],
    held: tuple[str, str, str],
    totals: tuple[str, str, str],
) -> None:
    opened = after(state_with(slot_with(Role.OPENING, side)), *(fill(*each) for each in opening), OrderStatus.FILLED)
    order = replace(slot_with(Role.CLOSING, side).order, quantity=D(1))  # type: ignore[type-var]  # it has one
    closing_now = replace(opened, slots={slot.key: replace(slot, order=order) for slot in opened.slots.values()})

    state = after(closing_now, *(fill(*each) for each in closing), OrderStatus.FILLED)

    slot = only_slot(state)
    assert (slot.position, slot.cost, slot.position_status.value) == (D(held[0]), D(held[1]), held[2])
    assert (state.totals.position, state.totals.quote_flow, state.totals.realised_pnl) == tuple(map(D, totals))
    assert (slot.order, slot.round, state.totals.rounds) == (None, 1, 1)
    assert state.totals.fills == len(opening) + len(closing)


def test_fees_add_up_by_asset() -> None:
    state = after(
        state_with(slot_with(Role.OPENING)),
        fill("0.1", "100", "0.0001", "BTC"),
        fill("0.1", "100", "0.0002", "BTC"),
        fill("0.1", "100", "0.5", "BNB"),
        fill("0.1", "100", "0", "USDT"),
    )

    assert state.totals.fees == {"BTC": D("0.0003"), "BNB": D("0.5")}


def test_a_partly_filled_order_keeps_its_slot() -> None:
    state = after(state_with(slot_with(Role.OPENING)), fill("0.25", "100"))

    slot = only_slot(state)
    assert slot.order is not None
    assert (slot.order.status, slot.order.executed) == (OrderStatus.OPEN, D("0.25"))
    assert (slot.position, slot.cost, slot.position_status) == (D("0.25"), D(25), PositionStatus.FILLED)


@pytest.mark.parametrize(
    ("executed", "rounds"),
    [pytest.param([], 0, id="nothing closed"), pytest.param(["0.5"], 0, id="half closed"),
     pytest.param(["0.96"], 1, id="all but dust"), pytest.param(["1"], 1, id="all")],
)  # fmt: skip
def test_a_round_counts_once_its_position_is_gone(executed: list[str], rounds: int) -> None:
    state = after(state_with(slot_with(Role.CLOSING)), *(fill(each, "110") for each in executed), OrderStatus.CANCELED)

    assert (only_slot(state).round, state.totals.rounds) == (rounds, rounds)


def test_a_closing_order_that_did_nothing_is_no_round() -> None:
    # Placed for what the venue has come to call dust since.
    small = replace(slot_with(Role.CLOSING), position=D("0.01"), cost=D(1), position_status=PositionStatus.DUST)

    assert after(state_with(small), OrderStatus.CANCELED).totals.rounds == 0


def test_closing_all_leaves_no_cost_however_many_digits_it_had() -> None:
    held = replace(slot_with(Role.CLOSING), cost=D("99.999999999999999"))

    slot = only_slot(after(state_with(held), fill("1", "110")))

    assert (slot.cost, slot.position_status) == (D(0), PositionStatus.EMPTY)


@pytest.mark.parametrize(
    ("status", "end", "rests"),
    [
        pytest.param(OrderStatus.OPEN, OrderStatus.FILLED, False, id="filled"),
        pytest.param(OrderStatus.CANCELING, OrderStatus.CANCELED, False, id="cancelled by us"),
        pytest.param(OrderStatus.CANCELING, OrderStatus.FILLED, False, id="filled across our cancel"),
        pytest.param(OrderStatus.OPEN, OrderStatus.CANCELED, True, id="taken down by somebody else"),
        pytest.param(OrderStatus.OPEN, OrderStatus.EXPIRED, True, id="expired by the venue"),
        pytest.param(OrderStatus.UNKNOWN, OrderStatus.NOT_PLACED, True, id="never placed"),
        pytest.param(OrderStatus.UNKNOWN, OrderStatus.REJECTED, True, id="found refused"),
    ],
)
def test_a_slot_rests_after_an_end_that_nobody_here_asked_for(
    status: OrderStatus, end: OrderStatus, *, rests: bool
) -> None:
    state = after(state_with(slot_with(Role.OPENING, status=status)), end, retry_at_ms=5_000)

    assert only_slot(state).order is None
    assert only_slot(state).retry_after_ms == (5_000 if rests else 0)


def test_a_fill_proves_an_order_whose_placing_was_in_doubt() -> None:
    state = after(state_with(slot_with(Role.OPENING, status=OrderStatus.UNKNOWN)), fill("0.5", "100"))

    slot = only_slot(state)
    assert slot.order is not None
    assert slot.order.status is OrderStatus.OPEN


def test_an_order_in_doubt_that_is_found_learns_its_venue_id() -> None:
    lost = slot_with(Role.OPENING, status=OrderStatus.UNKNOWN)
    lost = replace(lost, order=replace(lost.order, exchange_order_id=""))  # type: ignore[type-var]  # it has one

    slot = only_slot(after(state_with(lost), OrderStatus.OPEN))

    assert slot.order is not None
    assert (slot.order.status, slot.order.exchange_order_id) == (OrderStatus.OPEN, "9")


def test_fills_and_the_end_may_come_in_one_batch() -> None:
    state = after(state_with(slot_with(Role.OPENING)), fill("0.5", "100"), fill("0.5", "100"), OrderStatus.FILLED)

    assert only_slot(state).order is None
    assert only_slot(state).position == 1
    assert state.event_offset == 3


def test_a_slot_whose_position_sums_to_nothing_keeps_what_it_cost() -> None:
    # The sell's fee was taken in base once; the next round's first part happens to fill just that much.
    owing = replace(slot_with(Role.OPENING), position=D("-0.01"), position_status=PositionStatus.DUST)

    slot = only_slot(after(state_with(owing), fill("0.01", "100"), OrderStatus.CANCELED))

    assert (slot.position, slot.cost) == (D(0), D(1))
    assert slot.position_status is PositionStatus.DUST, "an EMPTY slot may leave the map, and its cost with it"


@pytest.mark.parametrize("offset", [0, 2, 5], ids=["seen before", "one skipped", "far ahead"])
def test_an_update_that_does_not_follow_is_refused(offset: int) -> None:
    update = OrderUpdate("BTC/USDT", offset, "id", "9", Side.BUY, OrderStatus.FILLED)

    with pytest.raises(LogMismatchError, match=f"update {offset} of BTC/USDT does not follow 0"):
        apply_updates(state_with(slot_with(Role.OPENING)), (update,), MARKET)


def test_an_update_about_an_order_that_nobody_knows_is_refused() -> None:
    update = OrderUpdate("BTC/USDT", 1, "stranger", "9", Side.BUY, OrderStatus.FILLED)

    with pytest.raises(LogMismatchError, match="about stranger"):
        apply_updates(state_with(slot_with(Role.OPENING)), (update,), MARKET)


@pytest.mark.parametrize("status", [OrderStatus.UNKNOWN, OrderStatus.CANCELING])
def test_a_status_that_is_no_news_is_refused(status: OrderStatus) -> None:
    with pytest.raises(LogMismatchError, match="which is no news"):
        after(state_with(slot_with(Role.OPENING)), status)


def test_an_order_on_the_book_cannot_turn_out_never_placed() -> None:
    with pytest.raises(ImpossibleTransitionError):
        after(state_with(slot_with(Role.OPENING)), OrderStatus.NOT_PLACED)


def test_unrealised_profit_is_what_the_position_is_worth_beyond_its_cost() -> None:
    long = after(state_with(slot_with(Role.OPENING)), fill("1", "100"))
    short = after(state_with(slot_with(Role.OPENING, Side.SELL)), fill("1", "110"))

    assert unrealised_pnl(long, D(95)) == -5
    assert unrealised_pnl(short, D(95)) == 15


fills = st.builds(
    fill,
    quantity=st.integers(min_value=1, max_value=30_000).map(lambda lots: str(D(lots) / 100_000)),
    price=st.integers(min_value=9_000, max_value=12_000).map(lambda cents: str(D(cents) / 100)),
    fee=st.integers(min_value=0, max_value=9).map(lambda part: str(D(part) / 10**6)),
    fee_asset=st.sampled_from(["BTC", "USDT", "BNB"]),
)


@given(parts=st.lists(fills, max_size=8), role=st.sampled_from(Role), side=st.sampled_from(Side), data=st.data())
def test_a_batch_cut_anywhere_gives_the_same_state(
    parts: list[Fill], role: Role, side: Side, data: st.DataObject
) -> None:
    last = data.draw(st.sampled_from([OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.OPEN]))
    news: list[Fill | OrderStatus] = [*parts, last]
    before = state_with(slot_with(role, side))
    cuts = data.draw(st.sets(st.integers(min_value=0, max_value=len(news))))

    in_pieces, start = before, 0
    for cut in [*sorted(cuts), len(news)]:
        in_pieces, start = after(in_pieces, *news[start:cut]), cut

    assert in_pieces == after(before, *news)


@given(parts=st.lists(fills, max_size=8), role=st.sampled_from(Role), side=st.sampled_from(Side))
def test_the_totals_are_the_sums_of_the_fills(parts: list[Fill], role: Role, side: Side) -> None:
    before = state_with(slot_with(role, side))
    held, cost = only_slot(before).position, only_slot(before).cost
    order = only_slot(before).order
    assert order is not None
    sign = order.side.sign

    state = after(before, *parts)

    base = sum((sign * each.quantity - (each.fee if each.fee_asset == "BTC" else 0) for each in parts), ZERO)
    quote = sum(
        (-sign * each.quantity * each.price - (each.fee if each.fee_asset == "USDT" else 0) for each in parts), ZERO
    )
    slot = only_slot(state)
    assert (state.totals.position, state.totals.quote_flow) == (base, quote)
    assert slot.position == held + base
    assert quote == state.totals.realised_pnl - (slot.cost - cost)
