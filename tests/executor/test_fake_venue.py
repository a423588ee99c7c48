"""The fake venue keeps a venue's rules, or what is proved against it proves nothing."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from executor.venue.port import (
    DuplicateError,
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    TradeCursor,
    UnknownOrderError,
)
from gridcore.model.actions import PlaceOrder
from gridcore.model.orders import OrderStatus
from gridtesting.fakes.venue import FakeVenue, Fault, ManualClock
from gridtesting.live.executor import SYMBOL

MakePlace = Callable[..., PlaceOrder]


async def test_a_name_is_refused_only_while_an_order_with_it_is_open(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    await venue.place(SYMBOL, place, clock())
    with pytest.raises(DuplicateError):
        await venue.place(SYMBOL, place, clock())
    venue.fill(place.client_order_id)
    await venue.place(SYMBOL, place, clock())  # as on Binance: it trades again
    assert [order.exchange_order_id for order in venue.named(place.client_order_id)] == ["1", "2"]


@pytest.mark.parametrize(("age_ms", "taken"), [(5_000, True), (5_001, False), (-1_000, True), (-1_001, False)])
async def test_a_request_is_taken_within_its_window_only(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace, age_ms: int, taken: bool
) -> None:
    if taken:
        await venue.place(SYMBOL, make_place(), clock() - age_ms)
    else:
        with pytest.raises(RefusedError) as refused:
            await venue.place(SYMBOL, make_place(), clock() - age_ms)
        assert refused.value.reason is Refusal.CLOCK_SKEW
    assert len(venue.orders) == taken


@pytest.mark.parametrize("fault", [Fault.TIMEOUT_BEFORE, Fault.TIMEOUT_AFTER, Fault.LATE])
async def test_a_timeout_does_not_reveal_whether_the_order_was_placed(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace, fault: Fault
) -> None:
    venue.faults.append(fault)
    with pytest.raises(OutcomeUnknownError):
        await venue.place(SYMBOL, make_place(), clock())
    assert len(venue.orders) == (fault is Fault.TIMEOUT_AFTER)
    venue.deliver()
    assert len(venue.orders) == (fault is not Fault.TIMEOUT_BEFORE)


async def test_a_late_request_is_refused_past_its_window(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    venue.faults.append(Fault.LATE)
    with pytest.raises(OutcomeUnknownError):
        await venue.place(SYMBOL, make_place(), clock())
    clock.advance(5_001)
    venue.deliver()
    assert venue.orders == {}


async def test_what_is_hidden_is_on_the_book_all_the_same(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.hide_new_orders_ms = 100
    await venue.place(SYMBOL, place, clock())
    assert await venue.order_by_client_id(SYMBOL, place.client_order_id) is None
    assert await venue.open_orders(SYMBOL) == []
    venue.fill(place.client_order_id, Decimal("0.5"))
    assert await venue.trades_after(SYMBOL, TradeCursor("", 0)) == []
    clock.advance(100)
    assert len(await venue.trades_after(SYMBOL, TradeCursor("", 0))) == 1
    assert len(await venue.open_orders(SYMBOL)) == 1


async def test_a_fill_that_crosses_a_cancel_ends_the_order_filled(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    await venue.place(SYMBOL, place, clock())
    venue.faults.append(Fault.FILL_CROSSES)
    with pytest.raises(UnknownOrderError):
        await venue.cancel(SYMBOL, place.client_order_id, "", clock())
    assert venue.orders["1"].status is OrderStatus.FILLED


async def test_trades_are_paged_by_id_and_by_time(venue: FakeVenue, clock: ManualClock, make_place: MakePlace) -> None:
    place = make_place(quantity="3")
    await venue.place(SYMBOL, place, clock())
    for _ in range(3):
        venue.fill(place.client_order_id, Decimal(1))
        clock.advance(10)
    after_the_first = await venue.trades_after(SYMBOL, TradeCursor("1", 0))
    since_the_last = await venue.trades_after(SYMBOL, TradeCursor("", clock() - 10))
    assert [trade.fill.trade_id for trade in after_the_first] == ["2", "3"]
    assert [trade.fill.trade_id for trade in since_the_last] == ["3"]


async def test_reads_fail_as_often_as_asked(venue: FakeVenue) -> None:
    venue.reads_to_fail = 1
    with pytest.raises(ReadFailedError):
        await venue.time_ms()
    assert await venue.time_ms() == venue.now_ms
