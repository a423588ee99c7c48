"""When klines open and end, in whichever time zone, and how windows and zones are written."""

from datetime import UTC, datetime

import pytest

from gridsim.candles import DAY_MS, HOUR_MS, MINUTE_MS
from simex.protocol.errors import ApiError
from simex.protocol.kline_intervals import INTERVALS, interval_of, window_ms, zone_ms


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOW = ms("2026-11-21T23:24:18.500")  # a Saturday


@pytest.mark.parametrize(
    ("name", "zone", "opened", "end"),
    [
        ("1s", "0", "2026-11-21T23:24:18", "2026-11-21T23:24:19"),
        ("1m", "0", "2026-11-21T23:24", "2026-11-21T23:25"),
        ("15m", "0", "2026-11-21T23:15", "2026-11-21T23:30"),
        ("4h", "0", "2026-11-21T20:00", "2026-11-22T00:00"),
        ("4h", "1", "2026-11-21T23:00", "2026-11-22T03:00"),
        ("1d", "0", "2026-11-21", "2026-11-22"),
        ("1d", "8", "2026-11-21T16:00", "2026-11-22T16:00"),
        ("1d", "-1:30", "2026-11-21T01:30", "2026-11-22T01:30"),
        ("1w", "0", "2026-11-16", "2026-11-23"),
        ("1w", "14", "2026-11-15T10:00", "2026-11-22T10:00"),
        ("1M", "0", "2026-11-01", "2026-12-01"),
        ("1M", "8", "2026-10-31T16:00", "2026-11-30T16:00"),
    ],
)
def test_an_interval_opens_on_the_clocks_own_bounds(name: str, zone: str, opened: str, end: str) -> None:
    interval, ahead_ms = INTERVALS[name], zone_ms(zone)

    opened_ms = interval.opening(NOW, ahead_ms)

    assert (opened_ms, interval.end(opened_ms, ahead_ms)) == (ms(opened), ms(end))


@pytest.mark.parametrize("interval", INTERVALS.values(), ids=INTERVALS)
def test_an_intervals_end_is_the_next_ones_opening(interval: object) -> None:
    assert isinstance(interval, type(INTERVALS["1m"]))
    for zone in (-12 * HOUR_MS, 0, 345 * MINUTE_MS, 14 * HOUR_MS):
        opened_ms = interval.opening(NOW, zone)
        end_ms = interval.end(opened_ms, zone)

        assert opened_ms <= NOW < end_ms
        assert interval.opening(end_ms, zone) == end_ms
        assert interval.opening(end_ms - 1, zone) == opened_ms


def test_every_interval_that_binance_names_is_known() -> None:
    names = "1s 1m 3m 5m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M"  # rest-api.md, "Kline/Candlestick data"

    assert set(INTERVALS) == set(names.split())


def test_windows_and_zones_are_read_as_binance_writes_them() -> None:
    assert [window_ms(text) for text in ("1m", "59m", "23h", "7d")] == [
        MINUTE_MS, 59 * MINUTE_MS, 23 * HOUR_MS, 7 * DAY_MS,
    ]  # fmt: skip
    assert [zone_ms(text) for text in ("0", "8", "-1:00", "05:45", "+08:00", "14:00", "-12")] == [
        0, 8 * HOUR_MS, -HOUR_MS, 345 * MINUTE_MS, 8 * HOUR_MS, 14 * HOUR_MS, -12 * HOUR_MS,
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["60m", "24h", "8d", "0m", "1d2h", "1w", "1M", "x", "٣m"])
def test_other_windows_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="windowSize"):
        window_ms(text)


@pytest.mark.parametrize("text", ["14:01", "-12:01", "15", "1:60", "UTC", "", "--1"])
def test_other_zones_are_refused(text: str) -> None:
    with pytest.raises(ApiError, match="timeZone"):
        zone_ms(text)


def test_intervals_are_case_sensitive() -> None:
    assert interval_of("1M").name == "1M"
    with pytest.raises(ApiError, match="Invalid interval"):
        interval_of("1H")
