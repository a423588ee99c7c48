"""Limits as Binance counts them: by address and by account, in windows of the clock, with bans for who continues."""

from collections.abc import Callable
from typing import Any

import pytest

from gridtesting.endpoints import endpoints_of_sockets, every_endpoint
from simex.access.limits import Limits, LimitSettings, OverLimitError
from simex.access.weights import WEIGHTS, Weight, weight_of
from simex.protocol.errors import ApiError
from simex.protocol.params import Params

MINUTE, DAY = 60_000, 86_400_000
T0 = 20_000 * DAY  # where a day begins, and with it every shorter window
ONE = Weight(1)
PLACE = Weight(1, free_when_done=True, orders=1)
BAD_PRICE, NO_MONEY = ApiError(-1013, "Filter failure: PRICE_FILTER"), ApiError(-2010, "Account has insufficient …")


def enter(limits: Limits, now_ms: int, cost: Weight = ONE, ip: str = "10.0.0.1") -> int:
    """One request that changes nothing; the weight that its address has used after it."""
    visit = limits.visit(ip, cost, now_ms)
    visit.enter()
    return visit.leave(None)[-1].used


def place(limits: Limits, now_ms: int, refused: ApiError | None = None, account: str = "main") -> list[int]:
    """One order; what is counted of it: in ten seconds, in a day, and the weight of the address."""
    visit = limits.visit("10.0.0.1", PLACE, now_ms)
    visit.enter()
    visit.place(account)
    return [usage.used for usage in visit.leave(refused)]


def refusal(attempt: Callable[..., object], *arguments: Any, **named: Any) -> OverLimitError:
    with pytest.raises(OverLimitError) as caught:
        attempt(*arguments, **named)
    return caught.value


def parts(error: OverLimitError) -> tuple[int, int, str, int]:
    assert error.wait is not None
    return error.status, error.code, error.message, error.wait.until_ms


def test_an_address_may_use_its_weight_in_each_minute_of_the_clock_and_no_more() -> None:
    limits = Limits(LimitSettings(request_weight=50))
    assert enter(limits, T0 + 59_000, Weight(20)) == 20
    assert enter(limits, T0 + 59_999, Weight(30)) == 50
    sentence = (
        "Too much request weight used; current limit is 50 request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )
    assert parts(refusal(enter, limits, T0 + 59_999)) == (429, -1003, sentence, T0 + MINUTE)
    assert enter(limits, T0 + 59_999, ip="10.0.0.2") == 1, "another address has a weight of its own"
    assert enter(limits, T0 + MINUTE) == 1


def test_the_number_of_requests_is_limited_too() -> None:
    limits = Limits(LimitSettings(raw_requests=2))
    for _ in range(2):
        enter(limits, T0, Weight(0))
    assert parts(refusal(enter, limits, T0, Weight(0))) == (
        429,
        -1003,
        "Too many requests queued.",
        T0 + 5 * MINUTE,
    )
    assert enter(limits, T0 + 5 * MINUTE, Weight(0)) == 0


def test_who_goes_on_is_banned_and_each_time_for_longer_up_to_three_days() -> None:
    limits = Limits(LimitSettings(request_weight=1, ban_after=2))
    now_ms, spans = T0, []
    for _ in range(14):
        enter(limits, now_ms)
        assert [refusal(enter, limits, now_ms).status for _ in range(3)] == [429, 429, 418]
        ban = refusal(enter, limits, now_ms + 1)
        spans.append((ban.wait.until_ms - now_ms) // MINUTE)
        assert parts(refusal(enter, limits, ban.wait.until_ms - 1)) == parts(ban), "a ban neither moves nor ends"
        now_ms = (ban.wait.until_ms // MINUTE + 1) * MINUTE
    assert spans == [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 4320, 4320]
    until_ms = ban.wait.until_ms
    sentence = f"Way too much request weight used; IP banned until {until_ms}. Please use WebSocket Streams for live"
    assert ban.message == f"{sentence} updates to avoid bans."


def test_429s_far_apart_are_no_reason_for_a_ban() -> None:
    limits = Limits(LimitSettings(request_weight=1, ban_after=2))
    for minute in range(10):
        enter(limits, T0 + minute * MINUTE)
        assert [refusal(enter, limits, T0 + minute * MINUTE).status for _ in range(2)] == [429, 429]


def test_an_account_may_place_its_orders_in_each_ten_seconds() -> None:
    limits = Limits(LimitSettings(orders_10s=2))
    assert place(limits, T0) == [1, 1, 0], "an order that is taken weighs nothing"
    assert place(limits, T0 + 9_999) == [2, 2, 0]
    sentence = "Too many new orders; current limit is 2 orders per 10 SECOND."
    error = refusal(place, limits, T0 + 9_999)
    assert (error.status, error.code, error.message, error.wait) == (429, -1015, sentence, None)
    assert place(limits, T0 + 9_999, account="other") == [1, 1, 1], "the refused one weighed; accounts count apart"
    assert place(limits, T0 + 10_000) == [1, 3, 1]


def test_where_it_is_asked_for_too_many_orders_carry_the_time_to_wait() -> None:
    limits = Limits(LimitSettings(orders_10s=1, order_retry_after=True))
    place(limits, T0)
    wait = refusal(place, limits, T0 + 1).wait
    assert wait is not None
    assert wait.until_ms == T0 + 10_000


def test_a_day_that_is_used_up_leaves_the_ten_seconds_alone() -> None:
    limits = Limits(LimitSettings(orders_day=1))
    place(limits, T0)
    error = refusal(place, limits, T0 + 20_000)
    assert error.message == "Too many new orders; current limit is 1 orders per 1 DAY."
    assert error.wait is None, "Binance does not say until when"
    assert [usage.used for usage in limits.order_counts("main", T0 + 20_000)] == [0, 1]


def test_an_order_that_never_reached_the_matching_engine_does_not_count() -> None:
    limits = Limits(LimitSettings())
    assert place(limits, T0, BAD_PRICE) == [0, 0, 1]
    assert place(limits, T0, NO_MONEY) == [1, 1, 2]


def test_limits_that_are_off_still_count() -> None:
    limits = Limits(LimitSettings(enabled=False, request_weight=1, raw_requests=1, orders_10s=1, connections=1))
    for number in range(1, 100):
        limits.connect("10.0.0.1", T0)
        assert place(limits, T0) == [number, number, 0]
    assert enter(limits, T0, Weight(9)) == 9


def test_sockets_are_counted_by_their_address() -> None:
    limits = Limits(LimitSettings(connections=2))
    for _ in range(2):
        limits.connect("10.0.0.1", T0, weight=2)
    sentence = "Too many connection attempts from IP; current limit is 2 per '5 MINUTE'."
    assert parts(refusal(limits.connect, "10.0.0.1", T0)) == (429, -1034, sentence, T0 + 5 * MINUTE)
    assert enter(limits, T0) == 5
    limits.connect("10.0.0.1", T0 + 5 * MINUTE)


def test_a_socket_may_say_five_things_a_second() -> None:
    pace = Limits(LimitSettings()).pace()
    assert [pace.too_fast(T0 + 999) for _ in range(6)] == [False] * 5 + [True]
    assert not pace.too_fast(T0 + 1_000)


def test_every_endpoint_has_a_weight_of_its_own() -> None:
    assert {each.name for each in (*every_endpoint(), *endpoints_of_sockets())} <= WEIGHTS.keys()


@pytest.mark.parametrize(
    ("name", "params", "weight"),
    [
        ("GET depth", {}, 5),
        ("GET depth", {"limit": "100"}, 5),
        ("GET depth", {"limit": "101"}, 25),
        ("GET depth", {"limit": "1000"}, 50),
        ("GET depth", {"limit": "5000"}, 250),
        ("GET depth", {"limit": "9" * 5_000}, 5),
        ("GET depth", {"limit": "٣"}, 5),
        ("GET ticker/24hr", {"symbol": "BTCUSDT"}, 2),
        ("GET ticker/24hr", {"symbols": '["BTCUSDT"]'}, 2),
        ("GET ticker/24hr", {"symbols": "," * 20}, 40),
        ("GET ticker/24hr", {}, 80),
        ("GET ticker/price", {"symbol": "BTCUSDT"}, 2),
        ("GET ticker/bookTicker", {"symbols": '["BTCUSDT"]'}, 4),
        ("GET ticker", {"symbols": '["A","B","C"]'}, 12),
        ("GET ticker", {"symbols": "," * 99}, 200),
        ("GET openOrders", {"symbol": "BTCUSDT"}, 6),
        ("GET openOrders", {}, 80),
        ("GET myTrades", {"orderId": "1"}, 5),
        ("GET myTrades", {}, 20),
        ("POST order/test", {"computeCommissionRates": "true"}, 20),
        ("DELETE order", {}, 1),
        ("GET nothing", {}, 1),
    ],
)
def test_a_request_weighs_what_binance_says(name: str, params: dict[str, str], weight: int) -> None:
    assert weight_of(name, Params(params)).weight == weight
