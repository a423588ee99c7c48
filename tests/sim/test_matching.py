"""The matching rules, case by case: who trades, at which price, for how much, and what it costs."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridsim.account import MAIN
from gridsim.exchange import Exchange
from gridsim.fees import Fee, FeeSchedule
from gridsim.market import MarketTrade
from gridsim.orders import NewOrder, OrderStatus, OrderType, Side, TimeInForce
from gridsim.outcome import Outcome
from gridsim.rules import Reason, Refused, SymbolRules

D = Decimal
SYMBOL = "BTC/USDT"


def limit(side: Side, price: str, quantity: str, client_id: str = "", **rest: object) -> NewOrder:
    kind = rest.pop("type", OrderType.LIMIT)
    return NewOrder(SYMBOL, side, kind, D(quantity), D(price), client_order_id=client_id, **rest)


def market_trade(price: str, quantity: str, taker: Side = Side.SELL) -> MarketTrade:
    return MarketTrade(0, D(price), D(quantity), taker)


def fills(outcome: Outcome) -> list[tuple[int, Decimal, Decimal]]:
    return [(each.trade.order_id, each.trade.price, each.trade.quantity) for each in outcome.executions if each.trade]


def statuses(outcome: Outcome) -> list[tuple[int, OrderStatus]]:
    return [(each.order.order_id, each.transition.status) for each in outcome.executions]


def test_a_resting_order_holds_its_cost_and_nothing_else(exchange: Exchange) -> None:
    outcome = exchange.place(MAIN, limit(Side.BUY, "99.9", "2"), 1)

    assert statuses(outcome) == [(1, OrderStatus.NEW)]
    balance = exchange.accounts[MAIN].of("USDT")
    assert (balance.free, balance.locked) == (D("800.2"), D("199.8"))


def test_a_trade_through_a_resting_order_fills_it_entirely_at_its_own_price(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.BUY, "99.9", "2"), 1)

    outcome = exchange.trade(SYMBOL, market_trade("99.8", "0.01"), 2)

    assert fills(outcome) == [(1, D("99.9"), D(2))]
    assert exchange.accounts[MAIN].of("BTC").free == D("11.998")  # the maker's fee of 0.1 % is taken in base
    assert exchange.accounts[MAIN].of("USDT").total == D("800.2")


def test_a_trade_at_the_price_fills_no_more_than_its_own_quantity_oldest_first(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.SELL, "100.5", "1"), 1)
    exchange.place(MAIN, limit(Side.SELL, "100.5", "1"), 2)

    first = exchange.trade(SYMBOL, market_trade("100.5", "0.4", Side.BUY), 3)
    second = exchange.trade(SYMBOL, market_trade("100.5", "1", Side.BUY), 4)

    assert fills(first) == [(1, D("100.5"), D("0.4"))]
    assert statuses(first) == [(1, OrderStatus.PARTIALLY_FILLED)]
    assert fills(second) == [(1, D("100.5"), D("0.6")), (2, D("100.5"), D("0.4"))]
    assert exchange.accounts[MAIN].of("BTC").locked == D("0.6")


def test_the_better_price_trades_before_the_older_order(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.BUY, "99.5", "1"), 1)
    exchange.place(MAIN, limit(Side.BUY, "99.7", "1"), 2)

    outcome = exchange.trade(SYMBOL, market_trade("99.5", "0.5"), 3)

    assert fills(outcome) == [(2, D("99.7"), D(1)), (1, D("99.5"), D("0.5"))]


def test_a_sell_pays_its_fee_in_quote(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.SELL, "100.5", "1"), 1)

    outcome = exchange.trade(SYMBOL, market_trade("101", "1", Side.BUY), 2)

    trade = outcome.executions[0].trade
    assert trade is not None
    assert (trade.commission, trade.commission_asset) == (D("0.1005"), "USDT")
    assert exchange.accounts[MAIN].of("USDT").free == D("1100.3995")


def test_prints_are_our_fills_and_what_is_left_of_the_trade(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.BUY, "99.9", "2"), 1)
    exchange.place(MAIN, limit(Side.BUY, "99.8", "1"), 1)

    prints = exchange.trade(SYMBOL, market_trade("99.8", "3.005"), 2).prints

    assert [(each.trade_id, each.price, each.quantity) for each in prints] == [
        (1, D("99.9"), D(2)),
        (2, D("99.8"), D(1)),
        (3, D("99.8"), D("2.005")),
    ]
    assert {each.taker for each in prints} == {Side.SELL}


def test_a_taker_sweeps_the_others_level_by_level_and_rests_with_what_remains(
    make_exchange: Callable[..., Exchange],
) -> None:
    exchange = make_exchange(usdt="5000")

    outcome = exchange.place(MAIN, limit(Side.BUY, "100.2", "25"), 1)

    assert fills(outcome) == [(1, D("100.1"), D("10.08")), (1, D("100.2"), D("10.07"))]
    order = outcome.executions[-1].order
    assert (order.status, order.remaining) == (OrderStatus.PARTIALLY_FILLED, D("4.85"))
    assert exchange.accounts[MAIN].of("USDT").locked == D("4.85") * D("100.2")
    assert exchange.accounts[MAIN].of("USDT").total == D(5000) - order.executed_quote


@pytest.mark.parametrize(
    ("force", "quantity", "expected"),
    [
        pytest.param(
            TimeInForce.IOC, "15", [OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.EXPIRED], id="ioc"
        ),
        pytest.param(TimeInForce.FOK, "15", [OrderStatus.NEW, OrderStatus.EXPIRED], id="fok-too-large"),
        pytest.param(TimeInForce.FOK, "10", [OrderStatus.NEW, OrderStatus.FILLED], id="fok-complete"),
    ],
)
def test_what_may_not_rest_expires_and_frees_what_it_held(
    make_exchange: Callable[..., Exchange], force: TimeInForce, quantity: str, expected: list[OrderStatus]
) -> None:
    exchange = make_exchange(usdt="5000")

    outcome = exchange.place(MAIN, limit(Side.BUY, "100.1", quantity, time_in_force=force), 1)

    assert [status for _, status in statuses(outcome)] == expected
    assert exchange.accounts[MAIN].of("USDT").locked == 0


def test_a_market_order_trades_what_is_there_and_never_rests(make_exchange: Callable[..., Exchange]) -> None:
    exchange = make_exchange(btc="50")

    outcome = exchange.place(MAIN, NewOrder(SYMBOL, Side.SELL, OrderType.MARKET, D(40)), 1)

    order = outcome.executions[-1].order
    assert (order.status, order.executed) == (OrderStatus.EXPIRED, D("30.33"))
    assert exchange.accounts[MAIN].of("BTC").total == D(50) - order.executed
    assert exchange.accounts[MAIN].of("BTC").locked == 0


def test_an_own_order_in_the_way_expires_before_it_would_trade_with_its_owner(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.SELL, "100.2", "1"), 1)
    exchange.trade(SYMBOL, market_trade("100.2", "0.5", Side.SELL), 2)  # the bid is at our ask now, the ask above it

    outcome = exchange.place(MAIN, limit(Side.BUY, "100.2", "1"), 3)

    assert statuses(outcome) == [(2, OrderStatus.NEW), (1, OrderStatus.EXPIRED_IN_MATCH)]
    assert exchange.accounts[MAIN].of("BTC").locked == 0


def test_an_own_order_beyond_what_the_taker_needs_is_left_alone(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.SELL, "100.2", "1"), 1)

    outcome = exchange.place(MAIN, limit(Side.BUY, "100.2", "1"), 2)

    assert statuses(outcome) == [(2, OrderStatus.NEW), (2, OrderStatus.FILLED)]
    assert exchange.book(SYMBOL).find(MAIN, 1).is_open


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        pytest.param(limit(Side.BUY, "99.95", "1"), Reason.PRICE_FILTER, id="between-ticks"),
        pytest.param(limit(Side.BUY, "0", "1"), Reason.PRICE_FILTER, id="no-price"),
        pytest.param(limit(Side.BUY, "19.9", "1"), Reason.PERCENT_PRICE_BY_SIDE, id="far-below"),
        pytest.param(limit(Side.SELL, "500.1", "1"), Reason.PERCENT_PRICE_BY_SIDE, id="far-above"),
        pytest.param(limit(Side.BUY, "99.9", "1.005"), Reason.LOT_SIZE, id="between-lots"),
        pytest.param(limit(Side.BUY, "99.9", "0"), Reason.LOT_SIZE, id="no-quantity"),
        pytest.param(limit(Side.BUY, "99.9", "0.05"), Reason.NOTIONAL, id="too-small"),
        pytest.param(limit(Side.BUY, "99.9", "10.02"), Reason.INSUFFICIENT_BALANCE, id="too-dear"),
        pytest.param(limit(Side.SELL, "100.5", "10.01"), Reason.INSUFFICIENT_BALANCE, id="not-owned"),
        pytest.param(limit(Side.BUY, "100.1", "1", type=OrderType.LIMIT_MAKER), Reason.WOULD_MATCH, id="would-take"),
        pytest.param(limit(Side.BUY, "99.9", "1", "taken"), Reason.DUPLICATE, id="duplicate"),
    ],
)
def test_a_refused_order_leaves_no_trace(exchange: Exchange, order: NewOrder, reason: Reason) -> None:
    exchange.place(MAIN, limit(Side.BUY, "90", "0.1", "taken"), 1)
    before = (dict(exchange.accounts[MAIN].balances), exchange.book(SYMBOL).orders, exchange.book(SYMBOL).last_order_id)

    with pytest.raises(Refused) as refused:
        exchange.place(MAIN, order, 2)

    assert refused.value.reason is reason
    assert before == (
        dict(exchange.accounts[MAIN].balances),
        exchange.book(SYMBOL).orders,
        exchange.book(SYMBOL).last_order_id,
    )


@pytest.mark.parametrize("ending", ["filled", "cancelled"])
def test_a_client_id_is_free_again_once_its_order_has_ended(exchange: Exchange, ending: str) -> None:
    first = exchange.place(MAIN, limit(Side.BUY, "99.9", "1", "again"), 1).executions[0].order
    if ending == "filled":
        exchange.trade(SYMBOL, market_trade("99.8", "1"), 2)
    else:
        exchange.cancel(MAIN, SYMBOL, first.order_id, 2)

    second = exchange.place(MAIN, limit(Side.BUY, "99.0", "1", "again"), 3).executions[0].order

    assert second.order_id == first.order_id + 1


def test_no_more_orders_are_taken_than_the_filter_allows(exchange: Exchange) -> None:
    for _ in range(5):
        exchange.place(MAIN, limit(Side.BUY, "50", "0.1"), 1)

    with pytest.raises(Refused, match="MAX_NUM_ORDERS"):
        exchange.place(MAIN, limit(Side.BUY, "50", "0.1"), 2)


def test_a_cancelled_order_frees_exactly_what_its_rest_held(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.BUY, "99.9", "2"), 1)
    exchange.trade(SYMBOL, market_trade("99.9", "0.5"), 2)

    order = exchange.cancel(MAIN, SYMBOL, 1, 3).executions[0].order

    assert [each.status for each in order.transitions] == [
        OrderStatus.NEW,
        OrderStatus.PARTIALLY_FILLED,
        OrderStatus.CANCELED,
    ]
    assert exchange.accounts[MAIN].of("USDT").locked == 0
    with pytest.raises(Refused, match="UNKNOWN_ORDER"):
        exchange.cancel(MAIN, SYMBOL, 1, 4)


def test_an_ended_order_cannot_move_again(exchange: Exchange) -> None:
    exchange.place(MAIN, limit(Side.BUY, "99.9", "2"), 1)
    order = exchange.cancel(MAIN, SYMBOL, 1, 2).executions[0].order

    with pytest.raises(ValueError, match="cannot go from CANCELED"):
        order.filled(D("99.9"), D(1), 3, "late")


def test_commissions_are_cut_to_eight_decimals(rules: SymbolRules) -> None:
    fee = FeeSchedule().fee(MAIN, rules, Side.SELL, ("USDT", D("0.00001999")), maker=True)
    assert fee == Fee(D("0.00000001"), "USDT")
