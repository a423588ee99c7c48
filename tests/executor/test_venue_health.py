"""What the account's requests end in becomes a trouble, and health: refused keys, a refused clock, limits, silence."""

import logging

import pytest

from executor.readiness import Readiness
from executor.updates.failure_log import FailureLog
from executor.venue.health import GRACE_MS, VenueHealth
from executor.venue.port import (
    ClockRefusedError,
    DuplicateError,
    KeysRefusedError,
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    UnknownOrderError,
)
from gridservice.troubles import Kind, Troubles
from gridtesting.fakes.venue import ManualClock

SECRET = "s3cret"


@pytest.fixture
def troubles(clock: ManualClock) -> Troubles:
    return Troubles(clock)


@pytest.fixture
def health(troubles: Troubles, clock: ManualClock) -> VenueHealth:
    return VenueHealth(troubles, clock, lambda text: text.replace(SECRET, "***"))


def kinds(troubles: Troubles) -> list[tuple[Kind, str]]:
    return [(each.kind, each.subject) for each in troubles.present()]


def test_refused_keys_are_a_trouble_at_once_and_end_with_the_first_answer(
    health: VenueHealth, troubles: Troubles, clock: ManualClock
) -> None:
    health.read_failed(KeysRefusedError(f"-2015 for {SECRET}"), clock())
    assert kinds(troubles) == [(Kind.KEY_REFUSED, "")]
    assert SECRET not in troubles.present()[0].message
    assert health.away
    health.read_succeeded(clock())
    assert kinds(troubles) == []
    assert not health.away


def test_keys_that_may_only_read_stay_a_trouble_until_an_order_is_taken(
    health: VenueHealth, troubles: Troubles, clock: ManualClock
) -> None:
    refused = RefusedError(Refusal.KEY_REFUSED, "-2015")
    health.write_failed("BTC/USDT", refused, clock(), place=True)
    assert health.doubtful  # the next question says whether the keys are good for nothing
    assert kinds(troubles) == []
    health.read_succeeded(clock())
    assert kinds(troubles) == [(Kind.KEY_REFUSED, "trading")]
    assert health.away
    health.placed()
    assert kinds(troubles) == []
    assert not health.away


def test_keys_that_come_back_as_a_whole_may_trade_as_far_as_is_known(
    health: VenueHealth, troubles: Troubles, clock: ManualClock
) -> None:
    health.write_failed("BTC/USDT", RefusedError(Refusal.KEY_REFUSED, "-2015"), clock(), place=True)
    health.read_failed(KeysRefusedError("-2015"), clock())
    health.write_failed("BTC/USDT", RefusedError(Refusal.KEY_REFUSED, "-2015"), clock(), place=True)
    assert kinds(troubles) == [(Kind.KEY_REFUSED, "")]
    health.read_succeeded(clock())
    assert kinds(troubles) == []
    assert not health.away


def test_an_answer_that_was_under_way_as_the_keys_were_refused_ends_nothing(
    health: VenueHealth, troubles: Troubles, clock: ManualClock
) -> None:
    began_ms = clock()
    clock.advance(10)
    health.read_failed(KeysRefusedError("-2015"), clock())
    health.read_succeeded(began_ms)
    assert kinds(troubles) == [(Kind.KEY_REFUSED, "")]


def test_refused_trading_is_forgotten_where_nobody_trades_any_more(
    health: VenueHealth, troubles: Troubles, clock: ManualClock
) -> None:
    health.write_failed("BTC/USDT", RefusedError(Refusal.KEY_REFUSED, "-2015"), clock(), place=True)
    health.read_succeeded(clock())
    assert kinds(troubles) == [(Kind.KEY_REFUSED, "trading")]
    clock.advance(900_001)
    health.look()
    assert kinds(troubles) == []


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ReadFailedError("no answer"), Kind.VENUE_UNREACHABLE), (ClockRefusedError("-1021"), Kind.CLOCK_SKEW)],
    ids=["silence", "clock"],
)
def test_silence_is_a_trouble_once_it_lasts_and_shows_since_when(
    health: VenueHealth, troubles: Troubles, clock: ManualClock, error: Exception, kind: Kind
) -> None:
    began_ms = clock()
    for _ in range(3):
        health.read_failed(error, clock())
    assert kinds(troubles) == []
    assert not health.away
    clock.advance(GRACE_MS)
    health.read_failed(error, clock())
    assert kinds(troubles) == [(kind, "")]
    assert troubles.present()[0].since_ms == began_ms
    assert health.away
    health.read_succeeded(clock())
    assert kinds(troubles) == []
    assert not health.away


def test_one_answer_among_failures_keeps_silence_from_being_a_trouble(
    health: VenueHealth, troubles: Troubles, clock: ManualClock
) -> None:
    for _ in range(5):
        health.read_failed(ReadFailedError("no answer"), clock())
        clock.advance(GRACE_MS - 1)
        health.read_succeeded(clock())
    assert kinds(troubles) == []


@pytest.mark.parametrize(
    "error",
    [RefusedError(Refusal.VENUE_UNREACHABLE, "refused"), OutcomeUnknownError("no answer")],
    ids=["never connected", "unknown"],
)
def test_an_order_without_an_answer_counts_as_silence(
    health: VenueHealth, troubles: Troubles, clock: ManualClock, error: Exception
) -> None:
    began_ms = clock()
    for _ in range(2):
        health.write_failed("BTC/USDT", error, began_ms, place=True)
        clock.advance(GRACE_MS)
    assert kinds(troubles) == [(Kind.VENUE_UNREACHABLE, "")]


@pytest.mark.parametrize(
    ("sentence", "kind"),
    [
        ('DDoSProtection: binance 418 {"code":-1003,"msg":"IP banned until 1"}', Kind.BANNED),
        ("RateLimitExceeded: binance 429 Too many requests", Kind.RATE_LIMITED),
    ],
    ids=["ban", "limit"],
)
def test_a_limit_says_when_it_ends_and_lasts_until_then(
    health: VenueHealth, troubles: Troubles, clock: ManualClock, sentence: str, kind: Kind
) -> None:
    until_ms = clock() + 60_000
    health.read_failed(ReadFailedError(sentence, blocked_until_ms=until_ms), clock())
    assert [(each.kind, each.retry_at_ms) for each in troubles.present()] == [(kind, until_ms)]
    assert not health.doubtful  # nothing may be asked
    health.read_succeeded(clock())  # an answer that was in flight
    assert kinds(troubles) == [(kind, "")]
    clock.advance(60_000)
    health.read_succeeded(clock())
    assert kinds(troubles) == []


def test_a_long_silence_that_the_venue_wants_is_reported_by_health(health: VenueHealth, clock: ManualClock) -> None:
    health.read_failed(ReadFailedError("418 banned", blocked_until_ms=clock() + 60_000), clock())
    assert not health.away
    clock.advance(GRACE_MS)
    assert health.away


@pytest.mark.parametrize(
    "error",
    [
        RefusedError(Refusal.INSUFFICIENT_FUNDS, "-2010"),
        RefusedError(Refusal.WOULD_MATCH, "-2010"),
        DuplicateError("duplicate"),
        UnknownOrderError("unknown order"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_refusal_by_the_book_proves_that_the_keys_are_good(
    health: VenueHealth, troubles: Troubles, clock: ManualClock, error: Exception
) -> None:
    health.write_failed("BTC/USDT", RefusedError(Refusal.KEY_REFUSED, "-2015"), clock(), place=True)
    health.read_succeeded(clock())
    health.write_failed("BTC/USDT", error, clock(), place=True)
    assert kinds(troubles) == []


def test_a_refusal_before_sending_proves_nothing(health: VenueHealth, troubles: Troubles, clock: ManualClock) -> None:
    health.read_failed(KeysRefusedError("-2015"), clock())
    health.write_failed("BTC/USDT", RefusedError(Refusal.INVALID_ORDER, "rounded"), clock(), place=True)
    assert kinds(troubles) == [(Kind.KEY_REFUSED, "")]


def test_refused_places_are_counted_by_symbol_and_reason_and_cancels_are_not(
    health: VenueHealth, clock: ManualClock
) -> None:
    funds = RefusedError(Refusal.INSUFFICIENT_FUNDS, "-2010")
    for symbol in ("BTC/USDT", "BTC/USDT", "ETH/USDT"):
        health.write_failed(symbol, funds, clock(), place=True)
    health.write_failed("BTC/USDT", funds, clock(), place=False)
    assert health.refusals == {("BTC/USDT", "INSUFFICIENT_FUNDS"): 2, ("ETH/USDT", "INSUFFICIENT_FUNDS"): 1}


def test_what_comes_up_again_is_not_logged_again(
    health: VenueHealth, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for _ in range(100):
            health.read_failed(KeysRefusedError("-2015"), clock())
            clock.advance(1_000)
        health.read_succeeded(clock())
    assert len(caplog.records) == 2


def test_an_order_of_ours_that_the_ledger_does_not_know_is_a_trouble_until_it_is_adopted(troubles: Troubles) -> None:
    readiness = Readiness(troubles)
    readiness.stop_for_unexplained_order("order 7 bears our id")
    assert kinds(troubles) == [(Kind.SECOND_BOT, "")]
    readiness.own_orders_known()
    assert kinds(troubles) == []


def test_what_fails_again_and_again_is_a_warning_once_until_it_succeeds(caplog: pytest.LogCaptureFixture) -> None:
    failure = FailureLog(logging.getLogger("executor"))
    with caplog.at_level(logging.DEBUG, "executor"):
        for _ in range(3):
            failure.failed("no answer")
        failure.succeeded()
        failure.failed("no answer")
    assert [record.levelname for record in caplog.records] == ["WARNING", "DEBUG", "DEBUG", "WARNING"]


def test_a_venue_that_was_asked_nothing_for_a_while_is_to_be_asked(health: VenueHealth, clock: ManualClock) -> None:
    health.read_succeeded(clock())
    assert not health.doubtful
    clock.advance(GRACE_MS)
    assert health.doubtful
