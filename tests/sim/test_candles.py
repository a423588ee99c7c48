"""Candles of what was traded."""

from decimal import Decimal

from gridsim.candles import Candles
from gridsim.orders import Side

D = Decimal
MINUTE = 60_000


def filled() -> Candles:
    candles = Candles()
    trades = [("100", 0), ("103", 30_000), ("99", 59_999), ("101", MINUTE), ("102", 5 * MINUTE)]
    for number, (price, time_ms) in enumerate(trades, start=1):
        side = Side.BUY if number % 2 else Side.SELL
        candles.add(number, D(price), D(2), side, time_ms)
    return candles


def test_a_minute_keeps_its_extremes_and_volumes() -> None:
    first = next(filled().every(MINUTE))

    assert (first.open, first.high, first.low, first.close) == (D(100), D(103), D(99), D(99))
    assert (first.volume, first.quote_volume, first.buy_volume, first.buy_quote_volume) == (D(6), D(604), D(4), D(398))
    assert (first.trades, first.first_trade_id, first.last_trade_id) == (3, 1, 3)


def test_longer_intervals_are_whole_minutes_put_together() -> None:
    assert [(each.opened_ms, each.close) for each in filled().every(5 * MINUTE)] == [(0, D(101)), (5 * MINUTE, D(102))]


def test_a_day_forgets_what_is_older() -> None:
    candles = filled()

    assert candles.day(5 * MINUTE).trades == 5
    assert candles.day(24 * 60 * MINUTE).trades == 2
    assert candles.day(48 * 60 * MINUTE) is None
