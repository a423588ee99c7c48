"""The place in the queue: what of the others trades before an order at its price, and what makes that less."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridsim.account import MAIN
from gridsim.exchange import Exchange
from gridsim.market import Level, MarketQuote, MarketTrade, Queue
from gridsim.orders import NewOrder, OrderType, Side
from gridsim.outcome import Outcome

D = Decimal
SYMBOL = "BTC/USDT"
Made = Callable[..., Exchange]


@pytest.fixture
def exchange(make_exchange: Made) -> Exchange:
    """Bid 100.0 and ask 100.1, about ten at each price; orders join behind them."""
    return make_exchange(usdt="10000", btc="100", queue=Queue.BACK)


def rest(exchange: Exchange, side: Side, price: str, quantity: str = "1") -> int:
    new = NewOrder(SYMBOL, side, OrderType.LIMIT_MAKER, D(quantity), D(price))
    return exchange.place(MAIN, new, 1).executions[0].order.order_id


def ahead(exchange: Exchange, order_id: int = 1) -> Decimal:
    return exchange.book(SYMBOL).ahead(order_id)


def trade(exchange: Exchange, price: str, quantity: str, taker: Side = Side.SELL) -> Outcome:
    return exchange.trade(SYMBOL, MarketTrade(0, D(price), D(quantity), taker), 2)


def filled(outcome: Outcome) -> list[tuple[int, Decimal]]:
    return [(each.trade.order_id, each.trade.quantity) for each in outcome.executions if each.trade]


def quote(bid: str, ask: str, bid_quantity: str, ask_quantity: str = "5") -> MarketQuote:
    return MarketQuote(0, Level(D(bid), D(bid_quantity)), Level(D(ask), D(ask_quantity)))


@pytest.mark.parametrize(
    ("side", "price", "expected"),
    [
        pytest.param(Side.BUY, "100.0", "10.10", id="at the best bid"),
        pytest.param(Side.BUY, "99.8", "10.12", id="at the last displayed level"),
        pytest.param(Side.BUY, "99.0", "10.20", id="beyond them"),
        pytest.param(Side.SELL, "100.1", "10.08", id="at the best ask"),
    ],
)
def test_an_order_joins_behind_what_is_displayed(exchange: Exchange, side: Side, price: str, expected: str) -> None:
    rest(exchange, side, price)
    assert ahead(exchange) == D(expected)


def test_an_order_between_the_quotes_has_nobody_before_it(exchange: Exchange) -> None:
    exchange.quote(SYMBOL, quote("99.5", "100.5", "3"), 1)
    rest(exchange, Side.BUY, "100.0")
    assert ahead(exchange) == 0
    assert filled(trade(exchange, "100.0", "0.3")) == [(1, D("0.3"))]


def test_trades_at_the_price_eat_what_is_ahead_before_they_fill(exchange: Exchange) -> None:
    rest(exchange, Side.BUY, "100.0")
    rest(exchange, Side.BUY, "100.0")

    first = trade(exchange, "100.0", "10")
    assert (filled(first), ahead(exchange), ahead(exchange, 2)) == ([], D("0.1"), D("0.1"))
    assert first.ahead == {1: D("0.1"), 2: D("0.1")}
    assert [(each.price, each.quantity) for each in first.prints] == [(D("100.0"), D(10))]

    second = trade(exchange, "100.0", "1.3")
    assert filled(second) == [(1, D(1)), (2, D("0.2"))]
    assert [each.quantity for each in second.prints] == [D(1), D("0.2"), D("0.1")]


def test_who_comes_later_stands_behind_what_came_between(exchange: Exchange) -> None:
    rest(exchange, Side.BUY, "100.0")
    trade(exchange, "100.0", "6")  # 4.1 are left before the first, and the level is whole again
    rest(exchange, Side.BUY, "100.0")
    assert (ahead(exchange, 1), ahead(exchange, 2)) == (D("4.1"), D("10.1"))

    assert filled(trade(exchange, "100.0", "5.6")) == [(1, D(1))]
    assert ahead(exchange, 2) == D("5.5")
    assert filled(trade(exchange, "100.0", "5.9")) == [(2, D("0.4"))]


@pytest.mark.parametrize("side", Side)
def test_a_trade_through_the_price_fills_whatever_is_ahead(exchange: Exchange, side: Side) -> None:
    price, through = ("100.0", "99.9") if side is Side.BUY else ("100.1", "100.2")
    rest(exchange, side, price)
    assert filled(trade(exchange, through, "0.01", side.opposite)) == [(1, D(1))]


@pytest.mark.parametrize("side", Side)
def test_where_the_others_sell_nobody_bids_before_us(exchange: Exchange, side: Side) -> None:
    price = "100.0" if side is Side.BUY else "100.1"
    rest(exchange, side, price)
    assert filled(trade(exchange, price, "0.4", side)) == [(1, D("0.4"))]  # a buyer met a seller at our bid


def test_a_recorded_level_that_shrinks_lets_an_order_move_up_and_one_that_grows_does_not_push_it_back(
    exchange: Exchange,
) -> None:
    exchange.quote(SYMBOL, quote("99.9", "100.1", "7"), 1)
    rest(exchange, Side.BUY, "99.9")
    seen = []
    for quantity in ("9", "4", "6"):
        exchange.quote(SYMBOL, quote("99.9", "100.1", quantity), 2)
        seen.append(ahead(exchange))
    assert seen == [7, 4, 4]

    outcome = exchange.quote(SYMBOL, quote("99.8", "100.1", "50"), 3)  # the others have left the level
    assert (ahead(exchange), outcome.ahead) == (0, {1: 0})


def test_what_another_order_of_ours_takes_from_the_level_is_not_ahead_any_more(make_exchange: Made) -> None:
    exchange = make_exchange(usdt="10000", btc="100", queue=Queue.BACK, accounts=(MAIN, "bob"))
    rest(exchange, Side.BUY, "100.0")

    exchange.place("bob", NewOrder(SYMBOL, Side.SELL, OrderType.MARKET, D(4)), 2)

    assert ahead(exchange) == D("6.1")


def test_an_order_with_a_part_taken_at_once_rests_before_nobody(exchange: Exchange) -> None:
    exchange.quote(SYMBOL, quote("99.9", "100.0", "7", "0.5"), 1)
    exchange.place(MAIN, NewOrder(SYMBOL, Side.BUY, OrderType.LIMIT, D(1), D("100.0")), 2)
    assert ahead(exchange) == 0  # it is the best bid now


def test_to_stand_in_front_is_a_setting(make_exchange: Made) -> None:
    exchange = make_exchange(queue=Queue.FRONT)
    rest(exchange, Side.BUY, "100.0")
    assert ahead(exchange) == 0
    assert filled(trade(exchange, "100.0", "0.4")) == [(1, D("0.4"))]


def test_the_public_sees_our_orders_among_the_others(exchange: Exchange) -> None:
    rest(exchange, Side.BUY, "100.0", "2")
    rest(exchange, Side.BUY, "99.0", "3")
    shown = [(level.price, level.quantity) for level in exchange.book(SYMBOL).levels(Side.BUY)]
    assert shown == [(D("100.0"), D("12.10")), (D("99.9"), D("10.11")), (D("99.8"), D("10.12")), (D("99.0"), D(3))]


def test_the_others_show_nothing_that_an_order_of_ours_would_have_taken(make_exchange: Made) -> None:
    exchange = make_exchange(queue=Queue.FRONT)
    rest(exchange, Side.SELL, "100.2")
    trade(exchange, "100.2", "0.4")  # sold at our ask: were the others still bidding there, they would buy of us
    book = exchange.book(SYMBOL)
    assert next(book.levels(Side.SELL)) == Level(D("100.2"), D("0.6"))
    assert next(book.levels(Side.BUY)).price == D("100.1")
