"""Candles of what was traded."""

from decimal import Decimal

from gridsim.candles import DAY_MS, HOUR_MS, MINUTE_MS, Candles
from gridsim.orders import Side

D = Decimal


def filled() -> Candles:
    candles = Candles()
    trades = [("100", 0), ("103", 30_000), ("99", 59_999), ("101", MINUTE_MS), ("102", 5 * MINUTE_MS)]
    for number, (price, time_ms) in enumerate(trades, start=1):
        side = Side.BUY if number % 2 else Side.SELL
        candles.add(number, D(price), D(2), side, time_ms)
    return candles


def minute(time_ms: int) -> int:
    return time_ms - time_ms % MINUTE_MS


def test_a_minute_keeps_its_extremes_and_volumes() -> None:
    first = next(filled().every(minute))

    assert (first.open, first.high, first.low, first.close) == (D(100), D(103), D(99), D(99))
    assert (first.volume, first.quote_volume, first.buy_volume, first.buy_quote_volume) == (D(6), D(604), D(4), D(398))
    assert (first.trades, first.first_trade_id, first.last_trade_id) == (3, 1, 3)


def test_longer_intervals_are_whole_minutes_put_together() -> None:
    fives = filled().every(lambda time_ms: time_ms - time_ms % (5 * MINUTE_MS))

    assert [(each.opened_ms, each.close) for each in fives] == [(0, D(101)), (5 * MINUTE_MS, D(102))]


def test_seconds_are_distinguished() -> None:
    seconds = filled().every(lambda time_ms: time_ms, by_second=True)

    assert [(each.opened_ms, each.close) for each in seconds][:3] == [(0, D(100)), (30_000, D(103)), (59_000, D(99))]


def test_a_stretch_of_time_is_one_candle_and_asking_for_it_changes_nothing() -> None:
    candles = filled()

    for _ in range(2):
        whole, head, tail = candles.between(0), candles.between(0, 5 * MINUTE_MS), candles.between(MINUTE_MS)
        assert whole is not None
        assert head is not None
        assert tail is not None
        assert (whole.trades, whole.open, whole.close, whole.low) == (5, D(100), D(102), D(99))
        assert (head.trades, head.close) == (4, D(101))
        assert (tail.trades, tail.low) == (2, D(101))
    assert candles.between(6 * MINUTE_MS) is None


def test_the_last_candle_before_a_time_is_found() -> None:
    before = filled().last_before(5 * MINUTE_MS)

    assert before is not None
    assert before.close == D(101)
    assert filled().last_before(0) is None


def test_a_week_of_minutes_and_an_hour_of_seconds_are_kept() -> None:
    candles = filled()
    candles.add(6, D(104), D(1), Side.BUY, HOUR_MS)
    an_hour_on = [each.trades for each in candles.every(minute, by_second=True)]
    candles.add(7, D(105), D(1), Side.BUY, 7 * DAY_MS)

    assert an_hour_on == [2, 1, 1, 1]  # the first second has gone
    assert [each.first_trade_id for each in candles.every(minute)] == [4, 5, 6, 7]


def test_a_trade_of_a_clock_that_was_set_back_counts_in_the_last_candle() -> None:
    candles = filled()
    candles.add(6, D(90), D(1), Side.BUY, 0)

    assert [each.low for each in candles.every(minute)] == [D(99), D(101), D(90)]
