"""Trading beyond the plain order: test orders, cancel and replace, amounts in quote, prevented self-trades."""

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gridsim.market import Liquidity
from gridtesting.live.simex import STILL_MARKET, SimexHandle, running_simex
from simex.access.limits import LimitSettings

UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
WOULD_MATCH = {"code": -2010, "msg": "Order would immediately match and take."}
RESTRICTED = {"code": -2011, "msg": "Order was not canceled due to cancel restrictions."}
MARKET: dict[str, object] = {"type": "MARKET", "timeInForce": None, "price": None}


@pytest.fixture
async def simex(tmp_path: Path) -> AsyncIterator[SimexHandle]:
    """With room between the others' best bid and ask, ten dollars below and at the last price of 60,000."""
    async with running_simex(tmp_path, [replace(STILL_MARKET, liquidity=Liquidity(spread_ticks=1000))]) as handle:
        yield handle


@pytest.fixture
async def limited(tmp_path: Path, signed: Any) -> AsyncIterator[Any]:
    """A client of another simex, where an account may place one order a day."""
    async with running_simex(tmp_path / "limited", limits=LimitSettings(orders_day=1)) as handle:
        yield type(signed)(signed.http, handle.http_url)


def order(**changes: object) -> dict[str, object]:
    """A good resting order, with changes; None takes a parameter away."""
    good: dict[str, object] = {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "58000",
    }  # fmt: skip
    return good | changes


async def open_ids(signed: Any) -> list[str]:
    return [each["clientOrderId"] for each in (await signed.call("GET", "openOrders", symbol="BTCUSDT"))[1]]


async def test_a_test_order_is_checked_and_not_placed(signed: Any, simex: SimexHandle) -> None:
    accepted = await signed.call("POST", "order/test", **order())
    poor = await signed.call(
        "POST", "order/test", **order(quantity="5")
    )  # the balance is the matching engine's to judge
    crossing = await signed.call("POST", "order/test", **order(**MARKET, quoteOrderQty="100", quantity=None))
    filtered = await signed.call("POST", "order/test", **order(price="58000.001"))
    rates = await signed.call("POST", "order/test", **order(computeCommissionRates="true"))

    assert accepted == poor == crossing == (200, {})
    assert filtered == (400, {"code": -1013, "msg": "Filter failure: PRICE_FILTER"})
    assert rates[1]["standardCommissionForOrder"] == {"maker": "0.00100000", "taker": "0.00100000"}
    assert list((await simex.truth()).orders) == []


async def test_fees_are_returned_by_symbol(signed: Any) -> None:
    status, reported = await signed.call("GET", "account/commission", symbol="BTCUSDT")

    assert status == 200
    assert reported["standardCommission"] == {
        "maker": "0.00100000", "taker": "0.00100000", "buyer": "0.00000000", "seller": "0.00000000",
    }  # fmt: skip
    assert reported["discount"]["enabledForAccount"] is False


async def test_unfilled_orders_are_counted(signed: Any) -> None:
    before = (await signed.call("GET", "rateLimit/order"))[1]
    await signed.place()
    after = (await signed.call("GET", "rateLimit/order"))[1]

    assert [(each["rateLimitType"], each["interval"], each["intervalNum"]) for each in after] == [
        ("ORDERS", "SECOND", 10),
        ("ORDERS", "DAY", 1),
    ]
    assert after[1]["count"] - before[1]["count"] == 1


async def test_an_order_is_cancelled_and_replaced(signed: Any) -> None:
    await signed.place(newClientOrderId="old")

    status, both = await signed.call(
        "POST", "order/cancelReplace", cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId="old",
        cancelNewClientOrderId="end-of-old", **order(newClientOrderId="new"),
    )  # fmt: skip

    assert (status, both["cancelResult"], both["newOrderResult"]) == (200, "SUCCESS", "SUCCESS")
    cancelled, placed = both["cancelResponse"], both["newOrderResponse"]
    assert (cancelled["origClientOrderId"], cancelled["clientOrderId"]) == ("old", "end-of-old")
    assert (cancelled["status"], placed["status"], placed["fills"]) == ("CANCELED", "NEW", [])
    assert await open_ids(signed) == ["new"]


@pytest.mark.parametrize(
    ("mode", "old", "new", "status", "code", "results", "answers", "left"),
    [
        pytest.param(
            "STOP_ON_FAILURE", {"cancelOrderId": 77}, {}, 400, -2022, ("FAILURE", "NOT_ATTEMPTED"), (UNKNOWN, None),
            ["old"], id="stop: no such order",
        ),
        pytest.param(
            "STOP_ON_FAILURE", {"cancelOrderId": 1}, {"type": "LIMIT_MAKER", "timeInForce": None, "price": "60001"},
            409, -2021, ("SUCCESS", "FAILURE"), ("CANCELED", WOULD_MATCH), [], id="stop: new one refused",
        ),
        pytest.param(
            "ALLOW_FAILURE", {"cancelOrderId": 77}, {}, 409, -2021, ("FAILURE", "SUCCESS"), (UNKNOWN, "NEW"),
            ["old", "new"], id="allow: no such order",
        ),
        pytest.param(
            "ALLOW_FAILURE", {"cancelOrderId": 77}, {"quantity": "5"}, 400, -2022, ("FAILURE", "FAILURE"),
            (UNKNOWN, {"code": -2010, "msg": "Account has insufficient balance for requested action."}),
            ["old"], id="allow: both fail",
        ),
        pytest.param(
            "ALLOW_FAILURE", {"cancelOrderId": 1, "cancelOrigClientOrderId": "other"}, {}, 409, -2021,
            ("FAILURE", "SUCCESS"), (UNKNOWN, "NEW"), ["old", "new"], id="two names of no one order",
        ),
        pytest.param(
            "STOP_ON_FAILURE", {"cancelOrderId": 1, "cancelRestrictions": "ONLY_PARTIALLY_FILLED"}, {}, 400, -2022,
            ("FAILURE", "NOT_ATTEMPTED"), (RESTRICTED, None), ["old"], id="restricted",
        ),
    ],
)  # fmt: skip
async def test_what_fails_of_a_cancel_replace_is_reported_half_by_half(
    signed: Any,
    mode: str,
    old: dict[str, object],
    new: dict[str, object],
    status: int,
    code: int,
    results: tuple[str, str],
    answers: tuple[Any, Any],
    left: list[str],
) -> None:
    await signed.place(newClientOrderId="old")

    answered, error = await signed.call(
        "POST", "order/cancelReplace", cancelReplaceMode=mode, **old, **order(newClientOrderId="new", **new)
    )

    data = error["data"]
    reported = [
        each.get("status", each) if each else None for each in (data["cancelResponse"], data["newOrderResponse"])
    ]
    assert (answered, error["code"]) == (status, code)
    assert error["msg"] == f"Order cancel-replace {'partially ' if status == 409 else ''}failed."
    assert (data["cancelResult"], data["newOrderResult"]) == results
    assert tuple(reported) == answers
    assert await open_ids(signed) == left


@pytest.mark.parametrize(
    ("mode", "exceeding", "order_id", "status", "code", "results"),
    [
        ("STOP_ON_FAILURE", "DO_NOTHING", 1, 429, -1015, None),
        ("STOP_ON_FAILURE", "CANCEL_ONLY", 1, 429, -2021, ("SUCCESS", "FAILURE")),
        ("STOP_ON_FAILURE", "CANCEL_ONLY", 9, 429, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "DO_NOTHING", 1, 429, -1015, None),
        ("ALLOW_FAILURE", "CANCEL_ONLY", 1, 409, -2021, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", "CANCEL_ONLY", 9, 400, -2022, ("FAILURE", "FAILURE")),
    ],
)
async def test_over_the_order_limit_a_cancel_replace_may_still_cancel(
    limited: Any, mode: str, exceeding: str, order_id: int, status: int, code: int, results: tuple[str, str] | None
) -> None:
    await limited.place(newClientOrderId="old")  # the one order that a day has

    answered, error = await limited.call(
        "POST", "order/cancelReplace", cancelReplaceMode=mode, orderRateLimitExceededMode=exceeding,
        cancelOrderId=order_id, **order(newClientOrderId="new"),
    )  # fmt: skip

    assert (answered, error["code"]) == (status, code)
    if results is None:
        assert error["msg"] == "Too many new orders; current limit is 1 orders per 1 DAY."
    else:
        data = error["data"]
        assert (data["cancelResult"], data["newOrderResult"]) == results
        assert (data["newOrderResponse"] or {"code": -1015})["code"] == -1015
    assert await open_ids(limited) == ([] if results and results[0] == "SUCCESS" else ["old"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"price": "58000.001"}, -1013, id="filters come first"),
        pytest.param({"cancelReplaceMode": "MAYBE"}, -1130, id="no such mode"),
        pytest.param({"cancelReplaceMode": None}, -1102, id="no mode"),
        pytest.param({"cancelRestrictions": "ONLY_OLD"}, -1145, id="no such restriction"),
        pytest.param({"cancelOrigClientOrderId": None}, -1102, id="no order named"),
        pytest.param({"cancelOrderId": "x"}, -1100, id="no id"),
        pytest.param({"orderRateLimitExceededMode": "DO_MORE"}, -1130, id="no such mode over the limit"),
    ],
)
async def test_a_cancel_replace_that_makes_no_sense_cancels_nothing(
    signed: Any, changes: dict[str, object], code: int
) -> None:
    await signed.place(newClientOrderId="old")
    request = order(cancelReplaceMode="ALLOW_FAILURE", cancelOrigClientOrderId="old") | changes

    status, error = await signed.call("POST", "order/cancelReplace", **request)

    assert (status, error["code"]) == (400, code)
    assert await open_ids(signed) == ["old"]


async def test_a_cancel_may_be_restricted_to_a_state(signed: Any, simex: SimexHandle) -> None:
    await signed.place(newClientOrderId="slot1")
    cancel = {"symbol": "BTCUSDT", "origClientOrderId": "slot1"}

    too_early = await signed.call("DELETE", "order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **cancel)
    await simex.inject("59000", "1.7")  # most of it goes to those who were at the price before
    too_late = await signed.call("DELETE", "order", cancelRestrictions="ONLY_NEW", **cancel)
    in_time = await signed.call("DELETE", "order", cancelRestrictions="ONLY_PARTIALLY_FILLED", **cancel)

    assert too_early == too_late == (400, RESTRICTED)
    assert (in_time[0], in_time[1]["status"], in_time[1]["executedQty"]) == (200, "CANCELED", "0.00509000")


async def test_a_cancel_goes_by_the_name_it_was_given(signed: Any) -> None:
    placed = (await signed.place(newClientOrderId="slot1"))[1]

    cancelled = (
        await signed.call("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"], newClientOrderId="stop")
    )[1]
    found = (await signed.call("GET", "order", symbol="BTCUSDT", origClientOrderId="slot1"))[1]

    assert (cancelled["origClientOrderId"], cancelled["clientOrderId"]) == ("slot1", "stop")
    assert (found["clientOrderId"], found["status"]) == ("slot1", "CANCELED")


@pytest.mark.parametrize(("method", "code"), [("GET", -2039), ("DELETE", -2011)])
async def test_two_names_must_be_of_one_order(signed: Any, method: str, code: int) -> None:
    await signed.place(newClientOrderId="slot1")

    status, error = await signed.call(method, "order", symbol="BTCUSDT", orderId=1, origClientOrderId="slot2")

    assert (status, error["code"]) == (400, code)


@pytest.mark.parametrize(("side", "spent", "asset"), [("BUY", "USDT", "BTC"), ("SELL", "BTC", "USDT")])
async def test_a_market_order_may_name_what_it_is_worth(signed: Any, side: str, spent: str, asset: str) -> None:
    placed = (await signed.place(**MARKET, side=side, quantity=None, quoteOrderQty="1000"))[1]
    found = (await signed.call("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"]))[1]

    worth = Decimal(placed["cummulativeQuoteQty"])
    price = Decimal(placed["fills"][0]["price"])
    assert placed["status"] == "FILLED"
    assert 0 <= 1000 - worth < price * Decimal("0.00001")  # as near as whole lots come
    assert placed["origQty"] == placed["executedQty"] == found["origQty"]
    assert placed["origQuoteOrderQty"] == found["origQuoteOrderQty"] == "1000.00000000"
    assert placed["fills"][0]["commissionAsset"] == asset


async def test_an_amount_is_spent_level_by_level_and_not_on_oneself(signed: Any, simex: SimexHandle) -> None:
    await simex.deposit("USDT", "200000")
    await signed.place(side="SELL", price="59995", quantity="1")  # the best offer there is, and our own

    placed = (await signed.place(**MARKET, quantity=None, quoteOrderQty="250000"))[1]

    assert 249_999 < Decimal(placed["cummulativeQuoteQty"]) <= 250_000
    assert len(placed["fills"]) == 3
    assert placed["preventedMatches"][0]["makerOrderId"] == 1


async def test_an_amount_is_spent_on_oneself_where_that_is_allowed(signed: Any) -> None:
    await signed.place(side="SELL", price="59995", quantity="0.01")

    placed = (await signed.place(**MARKET, quantity=None, quoteOrderQty="1000", selfTradePreventionMode="NONE"))[1]

    assert [each["price"] for each in placed["fills"]] == ["59995.00000000", "60000.00000000"]
    assert 999 < Decimal(placed["cummulativeQuoteQty"]) <= 1000


async def test_the_least_worth_is_judged_by_what_was_asked_for(signed: Any) -> None:
    status, placed = await signed.place(**MARKET, quantity=None, quoteOrderQty="5")

    assert (status, placed["status"]) == (200, "FILLED")
    assert Decimal(placed["cummulativeQuoteQty"]) < 5


async def test_what_an_order_is_labelled_with_comes_back(signed: Any) -> None:
    placed = (await signed.place(strategyId=37, strategyType=1_000_001, selfTradePreventionMode="NONE"))[1]
    found = (await signed.call("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"]))[1]
    listed = (await signed.call("GET", "openOrders"))[1]
    cancelled = (await signed.call("DELETE", "order", symbol="BTCUSDT", orderId=placed["orderId"]))[1]
    plain = (await signed.place())[1]

    for reported in (placed, found, *listed, cancelled):
        assert (reported["strategyId"], reported["strategyType"]) == (37, 1_000_001)
        assert reported["selfTradePreventionMode"] == "NONE"
    assert plain.keys().isdisjoint({"strategyId", "strategyType", "expiryReason", "preventedMatchId"})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"timeInForce": "IOC", "price": "60100", "quantity": "0.5"}, None, id="filled"),
        pytest.param({"timeInForce": "IOC"}, "UNFILLED_IOC_QUANTITY_EXPIRED", id="IOC"),
        pytest.param({"timeInForce": "FOK"}, "UNFILLED_FOK_ORDER_EXPIRED", id="FOK"),
        pytest.param(MARKET | {"side": "SELL", "quantity": "50"}, "INSUFFICIENT_LIQUIDITY", id="MARKET"),
    ],
)
async def test_an_expired_order_says_why(
    signed: Any, simex: SimexHandle, changes: dict[str, object], reason: str | None
) -> None:
    if reason == "INSUFFICIENT_LIQUIDITY":
        await simex.deposit("BTC", "100")

    placed = (await signed.place(**changes))[1]
    found = (await signed.call("GET", "order", symbol="BTCUSDT", orderId=placed["orderId"]))[1]

    assert placed.get("expiryReason") == found.get("expiryReason") == reason
    assert placed["status"] == ("EXPIRED" if reason else "FILLED")


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "match_id", "prevented"),
    [
        pytest.param(
            "EXPIRE_MAKER", "EXPIRED_IN_MATCH", "NEW", 1, {"makerPreventedQuantity": "0.01000000"}, id="maker"
        ),
        pytest.param(
            "EXPIRE_TAKER", "NEW", "EXPIRED_IN_MATCH", 2, {"takerPreventedQuantity": "0.02000000"}, id="taker"
        ),
        pytest.param(
            "EXPIRE_BOTH", "EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH", 1,
            {"takerPreventedQuantity": "0.02000000", "makerPreventedQuantity": "0.01000000"}, id="both",
        ),
    ],
)  # fmt: skip
async def test_a_self_trade_is_prevented_as_the_newer_order_says(
    signed: Any, mode: str, maker: str, taker: str, match_id: int, prevented: dict[str, str]
) -> None:
    await signed.place(price="59995")
    new = (await signed.place(side="SELL", price="59995", quantity="0.02", selfTradePreventionMode=mode))[1]
    orders = (await signed.call("GET", "allOrders", symbol="BTCUSDT"))[1]
    by_order = (await signed.call("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=2))[1]
    by_id = (await signed.call("GET", "myPreventedMatches", symbol="BTCUSDT", preventedMatchId=match_id))[1]
    none = (await signed.call("GET", "myPreventedMatches", symbol="BTCUSDT", preventedMatchId=3))[1]

    match = {"preventedMatchId": match_id, "makerOrderId": 1, "price": "59995.00000000", **prevented}
    assert [each["status"] for each in orders] == [maker, taker]
    assert new["preventedMatches"] == [match]
    assert new.get("preventedQuantity") == prevented.get("takerPreventedQuantity")
    for reported, status in zip(orders, (maker, taker), strict=True):
        assert reported.get("preventedMatchId") == (match_id if status == "EXPIRED_IN_MATCH" else None)
    assert by_order == by_id == [
        {
            "symbol": "BTCUSDT", "takerOrderId": 2, "makerSymbol": "BTCUSDT", "tradeGroupId": -1,
            "selfTradePreventionMode": mode, "transactTime": orders[1]["time"], **match,
        }
    ]  # fmt: skip
    assert none == []


async def test_open_orders_of_all_symbols_are_listed_without_a_symbol(signed: Any) -> None:
    await signed.place(newClientOrderId="slot1")

    assert [each["clientOrderId"] for each in (await signed.call("GET", "openOrders"))[1]] == ["slot1"]
