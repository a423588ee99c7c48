"""The venue's limits as arithmetic: windows, what the venue has counted, shares, silences; all without a clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from executor.venue.limits.rate_limit import (
    DEFAULT_SHARE,
    LARGEST_SHARE,
    Budget,
    LimitKind,
    Need,
    Priority,
    RateLimit,
    Reason,
    TokenBucket,
)

MINUTE = RateLimit(LimitKind.WEIGHT, 60_000, 6_000)
TEN_SECONDS, DAY = RateLimit(LimitKind.ORDERS, 10_000, 100), RateLimit(LimitKind.ORDERS, 86_400_000, 200_000)


def budget_of(*limits: RateLimit, share_percent: int = DEFAULT_SHARE) -> Budget:
    budget = Budget(share_percent=share_percent)
    budget.set_limits(limits)
    return budget


def fill(budget: Budget, need: Need, now_ms: int = 0) -> int:
    """Grants until there is no room left; returns how many."""
    count = 0
    while budget.wait_for(need, now_ms, now_ms) is None:
        budget.grant(need, now_ms, now_ms)
        budget.settle(need, now_ms, now_ms, sent=True)
        count += 1
    return count


def test_a_burst_is_given_at_once_and_then_the_rate_holds() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now_ms=0)
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, 100]
    assert bucket.take(99) > 0
    assert bucket.take(100) == 0


def test_idle_time_fills_up_to_the_burst_only() -> None:
    bucket = TokenBucket(per_second=10, burst=3, now_ms=0)
    assert [bucket.take(1_000_000) for _ in range(4)] == [0, 0, 0, 100]


def test_a_clock_that_steps_back_gives_nothing_away() -> None:
    bucket = TokenBucket(per_second=1, burst=1, now_ms=10_000)
    assert bucket.take(10_000) == 0
    assert bucket.take(0) > 0


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 50), st.integers(1, 20))
def test_no_span_of_time_sees_more_than_burst_and_rate_allow(gaps: list[int], per_second: int, burst: int) -> None:
    bucket = TokenBucket(per_second, burst, 0)
    now, taken = 0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now) == 0
        assert taken <= burst + now * per_second / 1000 + 1e-6


@pytest.mark.parametrize("wished", [1, 50, 80, 1_000])
def test_no_setting_goes_above_the_largest_share_of_the_weight(wished: int) -> None:
    budget = budget_of(MINUTE, share_percent=wished)
    granted = fill(budget, Need(Priority.CANCEL, weight=1))
    assert granted <= 6_000 * LARGEST_SHARE / 100
    assert granted == 6_000 * min(max(wished, 5), LARGEST_SHARE) // 100


def test_the_less_urgent_leave_room_for_the_more_urgent() -> None:
    counts = {priority: fill(budget_of(MINUTE), Need(priority, weight=1)) for priority in Priority}
    assert counts == {
        Priority.CANCEL: 3_000,
        Priority.CLOSING: 3_000,
        Priority.OPENING: 2_700,
        Priority.READ: 2_850,
        Priority.BACKGROUND: 1_800,
    }


def test_closings_have_orders_left_when_openings_have_none() -> None:
    budget = budget_of(TEN_SECONDS, DAY)
    assert fill(budget, Need(Priority.OPENING, orders=1)) == 80
    assert fill(budget, Need(Priority.CLOSING, orders=1)) == 15


def test_of_the_days_orders_too_some_are_left_for_closings() -> None:
    budget = budget_of(RateLimit(LimitKind.ORDERS, 86_400_000, 50))
    assert fill(budget, Need(Priority.OPENING, orders=1)) == 45
    wait = budget.wait_for(Need(Priority.OPENING, orders=1), 5, 5)
    assert wait is not None
    assert (wait.reason, wait.until_ms) == (Reason.ORDER_LIMIT, 86_400_000)
    assert budget.wait_for(Need(Priority.CLOSING, orders=1), 5, 5) is None


def test_a_limit_of_one_order_still_lets_one_pass() -> None:
    assert fill(budget_of(RateLimit(LimitKind.ORDERS, 10_000, 1)), Need(Priority.OPENING, orders=1)) == 1


def test_windows_begin_with_the_venues_clock() -> None:
    budget, need = budget_of(TEN_SECONDS), Need(Priority.OPENING, orders=1)
    while budget.wait_for(need, 0, 9_000) is None:
        budget.grant(need, 0, 9_000)
        budget.settle(need, 9_000, 9_000, sent=True)
    wait = budget.wait_for(need, 0, 9_000)
    assert wait is not None
    assert wait.until_ms == 1_000  # our clock, which is nine seconds behind
    assert budget.wait_for(need, 1_000, 10_000) is None


def test_what_others_use_of_the_address_is_taken_into_account() -> None:
    budget = budget_of(MINUTE)
    budget.correct(LimitKind.WEIGHT, 60_000, 5_000, 1_000, 1_100)
    assert budget.wait_for(Need(Priority.BACKGROUND, weight=20), 1_100, 1_100) is not None
    assert budget.wait_for(Need(Priority.CLOSING), 1_100, 1_100) is None
    budget.correct(LimitKind.WEIGHT, 60_000, 5_990, 1_200, 1_300)
    wait = budget.wait_for(Need(Priority.CLOSING), 1_300, 1_300)
    assert wait is not None
    assert (wait.reason, wait.until_ms) == (Reason.RATE_LIMITED, 60_000)


def test_what_the_venue_gives_back_may_be_used_again() -> None:
    budget, need = budget_of(TEN_SECONDS), Need(Priority.OPENING, orders=1)
    fill(budget, need, 1_000)
    budget.correct(LimitKind.ORDERS, 10_000, 3, 1_000, 1_500)  # the others were filled: they count no longer
    assert fill(budget, need, 2_000) == 77


def test_what_is_in_flight_is_counted_on_top_of_what_the_venue_says() -> None:
    budget, need = budget_of(TEN_SECONDS), Need(Priority.OPENING, orders=1)
    for _ in range(5):
        budget.grant(need, 1_000, 1_000)
    budget.settle(need, 1_000, 1_100, sent=True)
    budget.correct(LimitKind.ORDERS, 10_000, 1, 1_000, 1_100)
    assert budget.used(1_100)[LimitKind.ORDERS, 10_000] == (5, 5, 100)


def test_a_reply_about_the_window_before_says_nothing_about_this_one() -> None:
    budget = budget_of(MINUTE)
    budget.correct(LimitKind.WEIGHT, 60_000, 5_990, 59_990, 60_010)
    assert budget.used(60_010)[LimitKind.WEIGHT, 60_000] == (0, 0, 6_000)


def test_each_silence_is_kept_until_its_end_and_never_shortened() -> None:
    budget = budget_of()
    budget.be_silent(Reason.RATE_LIMITED, 5_000)
    budget.be_silent(Reason.RATE_LIMITED, 1_000)
    wait = budget.wait_for(Need(Priority.CANCEL), 4_999, 4_999)
    assert wait is not None
    assert (wait.reason, wait.until_ms, wait.silence) == (Reason.RATE_LIMITED, 5_000, True)
    assert budget.wait_for(Need(Priority.CANCEL), 5_000, 5_000) is None


def test_the_order_limit_concerns_places_alone() -> None:
    budget = budget_of()
    budget.be_silent(Reason.ORDER_LIMIT, 5_000)
    assert budget.wait_for(Need(Priority.CLOSING, orders=1), 0, 0) is not None
    for priority in (Priority.CANCEL, Priority.READ, Priority.BACKGROUND):
        assert budget.wait_for(Need(priority), 0, 0) is None


def test_the_window_that_is_full_is_the_named_one_else_the_fullest() -> None:
    budget = budget_of(TEN_SECONDS, RateLimit(LimitKind.ORDERS, 86_400_000, 10))
    assert budget.order_window_end_ms(10_000, 12_000) == 20_000
    budget.correct(LimitKind.ORDERS, 86_400_000, 9, 12_000, 12_000)
    assert budget.order_window_end_ms(0, 12_000) == 86_400_000
    budget.correct(LimitKind.ORDERS, 10_000, 100, 12_000, 12_000)
    assert budget.order_window_end_ms(0, 12_000) == 20_000
    assert budget_of().order_window_end_ms(0, 12_000) == 20_000
