"""A look-up asks in every way: what one list does not show yet, another may."""

from collections.abc import Callable
from functools import partial

import pytest

from executor.ledger.requests import Signed
from executor.resolution.lookup import Absence, LookUp, Mismatch
from executor.venue.clock import VenueClock
from executor.venue.limits.rate_limit import Budget
from executor.venue.limits.throttle import Throttle
from executor.venue.port import VenueOrder
from executor.venue.reader import Reader
from gridcore.model.actions import PlaceOrder
from gridtesting.fakes.venue import FakeVenue, ManualClock
from gridtesting.live.executor import SYMBOL

MakePlace = Callable[..., PlaceOrder]


class BlindVenue(FakeVenue):
    """A venue of which only the named questions show orders; the others answer with nothing."""

    def __init__(self, clock: ManualClock, seeing: set[str]) -> None:
        super().__init__(clock)
        self.seeing = seeing

    async def order_by_client_id(self, symbol: str, client_order_id: str) -> VenueOrder | None:
        found = await super().order_by_client_id(symbol, client_order_id)
        return found if "client id" in self.seeing else None

    async def open_orders(self, symbol: str) -> list[VenueOrder]:
        return await super().open_orders(symbol) if "open orders" in self.seeing else []

    async def orders_between(self, symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        return await super().orders_between(symbol, since_ms, until_ms) if "history" in self.seeing else []


DAY_MS = 86_400_000


def signed(timestamp_ms: int, window_ms: int | None = 5_000) -> Signed:
    return Signed(timestamp_ms, window_ms)


def look_up(venue: FakeVenue, clock: ManualClock) -> LookUp:
    throttle, venue_clock = Throttle(Budget(), clock), VenueClock(clock)
    reader = Reader(throttle, partial(venue_clock.set_again, venue), longest_pause_seconds=0.001)
    return LookUp(venue, reader, venue_clock, visibility_lag_ms=2_000)


@pytest.mark.parametrize("way", ["client id", "open orders", "history"])
async def test_one_way_is_enough_to_find_an_order(clock: ManualClock, make_place: MakePlace, way: str) -> None:
    venue, place = BlindVenue(clock, {way}), make_place()
    order = await venue.place(SYMBOL, place, clock())
    assert await look_up(venue, clock).find(SYMBOL, place, signed(clock())) == order


async def test_a_trade_alone_is_enough_to_find_its_order(clock: ManualClock, make_place: MakePlace) -> None:
    venue, place, another = BlindVenue(clock, set()), make_place(), make_place()
    for one in (another, place):
        await venue.place(SYMBOL, one, clock())
        venue.fill(one.client_order_id)
    found = await look_up(venue, clock).find(SYMBOL, place, signed(clock()))
    assert isinstance(found, VenueOrder)
    assert found.client_order_id == place.client_order_id


@pytest.mark.parametrize(("passed_ms", "finding"), [(7_000, Absence.OPEN), (7_001, Absence.CONCLUSIVE)])
async def test_absence_is_proved_past_window_and_lag_and_not_before(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace, passed_ms: int, finding: Absence
) -> None:
    signed_ms = clock()
    clock.advance(passed_ms)
    assert await look_up(venue, clock).find(SYMBOL, make_place(), signed(signed_ms)) is finding


@pytest.mark.parametrize(
    ("recorded_ms", "configured_ms", "proof_ms"),
    [
        pytest.param(60_000, 5_000, 62_001, id="the recorded one is longer"),
        pytest.param(1_000, 5_000, 3_001, id="the recorded one is shorter"),
        pytest.param(None, 5_000, 62_001, id="not recorded: the longest that Binance allows"),
        pytest.param(None, 90_000, 92_001, id="not recorded: the config's where that is longer"),
        pytest.param(5_000, None, 7_001, id="recorded before requests were said never to expire"),
        pytest.param(0, 5_000, None, id="signed without a window, so it never expires"),
        pytest.param(None, None, None, id="not recorded, and requests never expire"),
    ],
)
async def test_absence_is_judged_by_the_window_that_was_signed(
    clock: ManualClock, make_place: MakePlace, recorded_ms: int | None, configured_ms: int | None, proof_ms: int | None
) -> None:
    look, signature = look_up(FakeVenue(clock, window_ms=configured_ms), clock), signed(clock(), recorded_ms)
    clock.advance(DAY_MS if proof_ms is None else proof_ms - 1)
    assert await look.find(SYMBOL, make_place(), signature) is Absence.OPEN
    clock.advance(1)
    assert await look.find(SYMBOL, make_place(), signature) is (
        Absence.OPEN if proof_ms is None else Absence.CONCLUSIVE
    )


async def test_a_look_up_that_began_too_early_proves_nothing_however_long_it_takes(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    signed_ms = clock()
    clock.advance(7_000)
    ask = venue.order_by_client_id

    async def slow(symbol: str, client_order_id: str) -> VenueOrder | None:
        clock.advance(60_000)
        return await ask(symbol, client_order_id)

    venue.order_by_client_id = slow  # type: ignore[method-assign]  # the venue takes its time
    assert await look_up(venue, clock).find(SYMBOL, make_place(), signed(signed_ms)) is Absence.OPEN


@pytest.mark.parametrize(("leap_ms", "finding"), [(-1, Absence.OPEN), (0, Absence.CONCLUSIVE)])
async def test_a_clock_of_ours_that_leaps_ahead_proves_nothing_early(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace, leap_ms: int, finding: Absence
) -> None:
    look, signed_ms = look_up(venue, clock), clock()
    clock.advance(60_000)
    venue.skew_ms = 7_001 - 60_000 + leap_ms  # in truth so much time has passed at the venue
    assert await look.find(SYMBOL, make_place(), signed(signed_ms)) is finding


async def test_a_question_whose_time_is_refused_is_asked_again_by_the_venues(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    look, place = look_up(venue, clock), make_place()
    order = await venue.place(SYMBOL, place, clock())
    venue.skew_ms = 90_000  # the venue's clock leaps
    assert await look.find(SYMBOL, place, signed(clock())) == order
    assert venue.known_skew_ms == 90_000


async def test_one_question_without_answer_leaves_it_all_unanswered(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    signed_ms = clock()
    clock.advance(60_000)
    venue.reads_to_fail = 3  # as often as a read is tried
    assert await look_up(venue, clock).find(SYMBOL, make_place(), signed(signed_ms)) is Absence.UNANSWERED


@pytest.mark.parametrize("change", [{"price": "101"}, {"quantity": "2"}])
async def test_another_order_under_the_same_name_is_no_find(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace, change: dict[str, str]
) -> None:
    place = make_place(name="gtest0same")
    venue.add_foreign(SYMBOL, make_place(name="gtest0same", **change))
    assert isinstance(await look_up(venue, clock).find(SYMBOL, place, signed(clock())), Mismatch)


async def test_an_older_order_under_the_same_name_is_no_find(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    venue.add_foreign(SYMBOL, place)
    clock.advance(1_001)
    assert isinstance(await look_up(venue, clock).find(SYMBOL, place, signed(clock())), Mismatch)


async def test_the_order_of_an_id_is_held_against_the_place(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace
) -> None:
    place = make_place()
    order = venue.add_foreign(SYMBOL, place)
    look = look_up(venue, clock)
    assert await look.find_by_id(SYMBOL, place, signed(clock()), order.exchange_order_id) == order
    assert await look.find_by_id(SYMBOL, place, signed(clock()), "77") is None
    for other in (make_place(name=place.client_order_id, price="101"), make_place(), make_place(quantity="2")):
        assert isinstance(await look.find_by_id(SYMBOL, other, signed(clock()), order.exchange_order_id), Mismatch)


@pytest.mark.parametrize("sent_ago_ms", [-1_001, 7_001])
async def test_an_order_that_was_created_out_of_its_time_does_not_fit(
    venue: FakeVenue, clock: ManualClock, make_place: MakePlace, sent_ago_ms: int
) -> None:
    place = make_place()
    order = venue.add_foreign(SYMBOL, place)
    found = await look_up(venue, clock).find_by_id(
        SYMBOL, place, signed(clock() - sent_ago_ms), order.exchange_order_id
    )
    assert isinstance(found, Mismatch)
    assert str(order.created_ms) in found.differences
