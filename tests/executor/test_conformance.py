"""The measurements on a venue that behaves as the test wants: they see what it does, and leave nothing behind."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from executor.venue.clock import VenueClock
from executor.venue.conformance import id_rules, visibility
from executor.venue.conformance.client_ids import ProbeIds
from executor.venue.conformance.expiry import requests_expire
from executor.venue.conformance.probe_trader import BrokenOffError, NoMeasurementError, ProbeTrader, Send, Timer
from executor.venue.conformance.worst_case_cost import WorstCaseCost
from executor.venue.port import OutcomeUnknownError, ReadFailedError, Refusal, RefusedError, VenueOrder
from executor.venue.profile import ClientIds, Repeat
from gridcore.model.actions import PlaceOrder
from gridcore.model.ids import LENGTH, parse_client_order_id
from gridcore.model.orders import OrderStatus
from gridtesting.fakes.venue import RULES, FakeVenue, Fault, ManualClock

SYMBOL = "BTC/USDT"
STAKES = WorstCaseCost(RULES, ask=Decimal(60_000), free_quote=Decimal(1_000))


def hand_on(venue: FakeVenue, clock: ManualClock, stopping: Callable[[], bool] = lambda: False) -> ProbeTrader:
    async def pause(ms: int) -> None:
        clock.advance(ms)

    return ProbeTrader(venue, VenueClock(clock), STAKES, timer=Timer(clock, pause), stopping=stopping)


@pytest.fixture
def trader(venue: FakeVenue, clock: ManualClock) -> ProbeTrader:
    return hand_on(venue, clock)


def resting(venue: FakeVenue) -> list[str]:
    return [order.client_order_id for order in venue.orders.values() if order.status is OrderStatus.OPEN]


class PickyVenue(FakeVenue):
    """Takes ids of one pattern, and keeps only so many of their characters."""

    pattern = re.compile(r"[A-Za-z0-9_-]{1,36}")
    kept = 100

    async def place(self, symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        if not self.pattern.fullmatch(order.client_order_id):
            raise RefusedError(Refusal.INVALID_ORDER, "BadRequest: illegal characters")
        return await super().place(
            symbol, replace(order, client_order_id=order.client_order_id[: self.kept]), timestamp_ms
        )


async def test_a_venue_that_hides_new_orders_is_measured_to_do_so(venue: FakeVenue, trader: ProbeTrader) -> None:
    quick = await visibility.order_delays(trader, 3)
    venue.hide_new_orders_ms = 700
    slow = await visibility.order_delays(trader, 3)

    assert [delay.look_up for delay in slow] == ["client id", "exchange id", "open orders", "history"]
    assert all(delay.worst_ms == 0 for delay in quick)
    assert all(700 <= delay.median_ms <= delay.worst_ms < 5_000 and delay.missed == 0 for delay in slow)
    assert visibility.lag_ms(slow) == 2 * max(delay.worst_ms for delay in slow)


async def test_an_order_that_is_not_shown_in_time_is_counted_as_missed(venue: FakeVenue, trader: ProbeTrader) -> None:
    venue.hide_new_orders_ms = 10 * visibility.LONGEST_MS
    delays = await visibility.order_delays(trader, 1)
    assert [(delay.worst_ms, delay.missed) for delay in delays] == [(visibility.LONGEST_MS, 1)] * 4


async def test_a_look_up_that_is_not_offered_is_left_out_and_one_that_fails_once_is_not(
    venue: FakeVenue, trader: ProbeTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_offered(symbol: str, since_ms: int, until_ms: int) -> list[VenueOrder]:
        raise ReadFailedError("NotSupported: okx fetchOrders() is not supported yet")

    monkeypatch.setattr(venue, "orders_between", not_offered)
    venue.reads_to_fail = 1
    delays = await visibility.order_delays(trader, 1)
    assert [delay.look_up for delay in delays] == ["client id", "exchange id", "open orders"]
    assert all(delay.missed == 0 for delay in delays)


async def test_a_repeated_id_is_seen_to_be_refused_while_open_and_taken_again_afterwards(
    venue: FakeVenue, trader: ProbeTrader
) -> None:
    filled = await trader.place(trader.far())
    venue.fill(filled.client_order_id)

    assert await id_rules.repeated_while_open(trader) is Repeat.REFUSED
    assert await id_rules.repeated_after_cancel(trader) is Repeat.ACCEPTED
    assert await id_rules.repeat(trader, filled) is Repeat.ACCEPTED
    assert resting(venue) == []


async def test_a_venue_that_answers_with_the_first_order_is_seen_to(
    venue: FakeVenue, trader: ProbeTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = venue.place

    async def returns_first(symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        known = await venue.order_by_client_id(symbol, order.client_order_id)
        return known or await place(symbol, order, timestamp_ms)

    monkeypatch.setattr(venue, "place", returns_first)
    assert await id_rules.repeated_while_open(trader) is Repeat.RETURNS_FIRST
    assert resting(venue) == []


async def test_what_came_of_a_repeated_id_is_not_guessed(venue: FakeVenue, trader: ProbeTrader) -> None:
    venue.faults.extend([None, Fault.TIMEOUT_AFTER])
    first = await trader.place(trader.far())
    venue.end(first.client_order_id)
    assert await id_rules.repeat(trader, first) is None


@pytest.mark.parametrize(
    ("pattern", "kept", "found"),
    [
        pytest.param(r"[A-Za-z0-9_-]{1,36}", 100, ClientIds(1, 36, "A-Z a-z 0-9 _ -"), id="binance"),
        pytest.param(r"[A-Za-z0-9]{1,32}", 100, ClientIds(1, 32, "A-Z a-z 0-9"), id="okx"),
        pytest.param(r"[A-Za-z0-9.:/_-]{8,64}", 100, ClientIds(8, 64, "A-Z a-z 0-9 _ - . : /"), id="nearly all"),
        pytest.param(r".{1,64}", 21, ClientIds(1, 21, "A-Z a-z 0-9 _ - . : /"), id="cuts them"),
        pytest.param(r"0x.*", 100, None, id="none that we write"),
    ],
)
async def test_the_ids_that_a_venue_takes_are_found(
    pattern: str, kept: int, found: ClientIds | None, clock: ManualClock
) -> None:
    venue = PickyVenue(clock)
    venue.pattern, venue.kept = re.compile(pattern), kept
    assert await id_rules.client_ids(hand_on(venue, clock)) == found
    assert resting(venue) == []


def signing(venue: FakeVenue, rule: Callable[[int], bool], reason: Refusal = Refusal.CLOCK_SKEW) -> Send:
    """Sends to a venue that refuses timestamps whose age the rule does not accept."""

    async def send(symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        if not rule(venue.now_ms - timestamp_ms):
            raise RefusedError(reason, "InvalidNonce: too old")
        return await venue.place(symbol, order, venue.now_ms)

    return send


@pytest.mark.parametrize(
    ("long_rule", "short_rule", "reason", "expire"),
    [
        pytest.param(lambda _: True, lambda age: age < 1_000, Refusal.CLOCK_SKEW, True, id="as Binance"),
        pytest.param(lambda _: True, lambda _: True, Refusal.CLOCK_SKEW, False, id="ignores the timestamp"),
        pytest.param(lambda _: False, lambda _: False, Refusal.CLOCK_SKEW, False, id="refuses the parameter"),
        pytest.param(lambda _: True, lambda _: False, Refusal.INVALID_ORDER, False, id="refuses for another reason"),
    ],
)
async def test_requests_expire_only_where_the_window_alone_decides(
    venue: FakeVenue,
    trader: ProbeTrader,
    long_rule: Callable[[int], bool],
    short_rule: Callable[[int], bool],
    reason: Refusal,
    expire: bool,
) -> None:
    found = await requests_expire(trader, signing(venue, long_rule, reason), signing(venue, short_rule, reason))
    assert found is expire
    assert resting(venue) == []


async def test_an_order_whose_answer_was_lost_is_found_and_taken_down(venue: FakeVenue, trader: ProbeTrader) -> None:
    venue.faults.append(Fault.TIMEOUT_AFTER)
    venue.hide_new_orders_ms = 2_000
    with pytest.raises(OutcomeUnknownError):
        await trader.place(trader.far())
    assert len(resting(venue)) == 1
    assert await trader.clean_up() == []
    assert resting(venue) == []


async def test_a_place_that_never_landed_is_in_doubt_until_its_window_has_passed(
    venue: FakeVenue, trader: ProbeTrader, clock: ManualClock
) -> None:
    venue.faults.append(Fault.TIMEOUT_BEFORE)
    with pytest.raises(OutcomeUnknownError):
        await trader.place(trader.far())
    began_ms = clock()
    assert await trader.clean_up() == []
    assert clock() - began_ms >= 15_000


async def test_an_adapter_that_stumbles_leaves_its_order_in_doubt(
    venue: FakeVenue, trader: ProbeTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = venue.place

    async def stumble(symbol: str, order: PlaceOrder, timestamp_ms: int) -> VenueOrder:
        await place(symbol, order, timestamp_ms)
        raise KeyError("orderId")

    monkeypatch.setattr(venue, "place", stumble)
    with pytest.raises(OutcomeUnknownError):
        await trader.place(trader.far())
    assert await trader.clean_up() == []
    assert resting(venue) == []


async def test_an_order_that_cannot_be_taken_down_is_named(venue: FakeVenue, trader: ProbeTrader) -> None:
    placed = await trader.place(trader.far())
    venue.faults.extend([Fault.REFUSED] * 1_000)
    assert await trader.clean_up() == [placed.client_order_id]


async def test_cleaning_up_touches_no_order_of_others(venue: FakeVenue, trader: ProbeTrader) -> None:
    venue.add_foreign(SYMBOL, replace(trader.far(), client_order_id="byhand"))
    await trader.place(trader.far())
    venue.faults.append(Fault.TIMEOUT_AFTER)
    with pytest.raises(OutcomeUnknownError):
        await trader.place(trader.far())
    assert await trader.clean_up() == []
    assert resting(venue) == ["byhand"]


async def test_nothing_is_sent_once_it_was_interrupted(venue: FakeVenue, clock: ManualClock) -> None:
    trader = hand_on(venue, clock, stopping=lambda: True)
    with pytest.raises(BrokenOffError):
        await trader.place(trader.far())
    assert venue.places_received == 0


async def test_a_long_wait_is_interrupted_as_well(venue: FakeVenue, clock: ManualClock) -> None:
    began_ms = clock()
    trader = hand_on(venue, clock, stopping=lambda: clock() - began_ms > 1_000)
    venue.hide_new_orders_ms = 20_000
    with pytest.raises(BrokenOffError):
        await visibility.order_delays(trader, 1)
    assert clock() - began_ms < 20_000


async def test_a_venue_that_refuses_everything_is_not_measured(venue: FakeVenue, trader: ProbeTrader) -> None:
    venue.faults.append(Fault.UNREACHABLE)
    with pytest.raises(NoMeasurementError):
        await id_rules.client_ids(trader)


async def test_a_look_up_that_is_refused_for_being_one_too_many_measures_nothing(
    venue: FakeVenue, trader: ProbeTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def limited(symbol: str) -> list[VenueOrder]:
        raise ReadFailedError("DDoSProtection: 429", blocked_until_ms=1)

    monkeypatch.setattr(venue, "open_orders", limited)
    with pytest.raises(NoMeasurementError):
        await visibility.order_delays(trader, 1)


async def test_places_keep_their_distance(venue: FakeVenue, clock: ManualClock) -> None:
    async def pause(ms: int) -> None:
        clock.advance(ms)

    trader = ProbeTrader(venue, VenueClock(clock), STAKES, timer=Timer(clock, pause), gap_ms=300)
    for _ in range(3):
        await trader.place(trader.far())
    times = [order.created_ms for order in venue.orders.values()]
    assert [later - sooner for sooner, later in itertools.pairwise(times)] == [300, 300]


def test_the_stakes_reach_the_minimum_and_no_more_than_a_step_beyond() -> None:
    assert STAKES.far_price == Decimal(54_000)
    assert STAKES.quantity * STAKES.far_price >= RULES.min_notional * Decimal("1.1")
    assert (STAKES.quantity - RULES.lot_size) * STAKES.far_price < RULES.min_notional * Decimal("1.1")
    assert STAKES.too_much * STAKES.far_price > STAKES.free_quote
    assert STAKES.too_little is not None
    assert not RULES.tradable(STAKES.too_little, STAKES.far_price)
    assert all(price % RULES.tick_size == 0 for price in (STAKES.far_price, STAKES.crossing_price))


def test_the_worst_cost_is_said_in_numbers() -> None:
    price, fee = STAKES.crossing_price, RULES.taker_fee
    worst = 2 * STAKES.quantity * (price * (1 + fee) + STAKES.far_price)
    assert f"at worst {worst:.2f} USDT become BTC" in STAKES.worst_cost


def test_names_are_new_of_the_length_asked_for_and_no_bots() -> None:
    names = ProbeIds()
    made = [names.spell(LENGTH) for _ in range(200)]
    assert len(set(made)) == len(made)
    assert all(parse_client_order_id(name) is None or not name.startswith("g") for name in made)
    assert [len(names.spell(length)) for length in id_rules.LENGTHS] == list(id_rules.LENGTHS)
    assert "-" in names.holding("-", LENGTH)
