"""Recorded quotes: what they fill, what they make of the book, and how a tape of them is read."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridsim.account import MAIN
from gridsim.exchange import Exchange
from gridsim.market import Level, MarketEvent, MarketPoint, MarketQuote, MarketTrade
from gridsim.orders import NewOrder, OrderStatus, OrderType, Side
from gridsim.rules import Reason, Refused, SymbolRules
from gridsim.tape import Tape
from gridsim.tape_csv import QUOTES_HEADER
from gridsim.tape_lines import TapeError

D = Decimal
SYMBOL = "BTC/USDT"


def quote(bid: str, ask: str, quantity: str = "5", time_ms: int = 0) -> MarketQuote:
    return MarketQuote(time_ms, Level(D(bid), D(quantity)), Level(D(ask), D(quantity)))


def rest(exchange: Exchange, side: Side, price: str, quantity: str) -> None:
    exchange.place(MAIN, NewOrder(SYMBOL, side, OrderType.LIMIT_MAKER, D(quantity), D(price)), 1)


@pytest.mark.parametrize(
    ("side", "price", "seen", "filled"),
    [
        pytest.param(Side.BUY, "99.5", quote("99.3", "99.4", "1"), "2", id="an ask goes through a buy"),
        pytest.param(Side.BUY, "99.5", quote("99.4", "99.5", "1.5"), "1.5", id="an ask at a buy"),
        pytest.param(Side.BUY, "99.5", quote("99.5", "99.6"), "0", id="a bid at a buy"),
        pytest.param(Side.SELL, "100.5", quote("100.6", "100.7", "1"), "2", id="a bid goes through a sell"),
        pytest.param(Side.SELL, "100.5", quote("100.5", "100.6", "1.5"), "1.5", id="a bid at a sell"),
        pytest.param(Side.SELL, "100.5", quote("100.4", "100.5"), "0", id="an ask at a sell"),
    ],
)
def test_a_quote_fills_what_it_reaches_for_the_quantity_it_shows(
    exchange: Exchange, side: Side, price: str, seen: MarketQuote, filled: str
) -> None:
    rest(exchange, side, price, "2")

    outcome = exchange.quote(SYMBOL, seen, 2)

    trades = [each.trade for each in outcome.executions if each.trade]
    assert sum((trade.quantity for trade in trades), D(0)) == D(filled)
    assert {trade.price for trade in trades} <= {D(price)}
    assert all(trade.maker for trade in trades)
    assert [each.quantity for each in outcome.prints] == [trade.quantity for trade in trades]
    assert outcome.quoted


def test_recorded_quotes_are_the_best_of_the_book_and_leave_the_price_alone(exchange: Exchange) -> None:
    book, before = exchange.book(SYMBOL), exchange.book(SYMBOL).price

    exchange.quote(SYMBOL, quote("98", "98.5"), 1)

    assert (book.best(Side.BUY), book.best(Side.SELL), book.price) == (D(98), D("98.5"), before)
    assert [level.price for level in book.levels(Side.SELL)] == [D("98.5"), D("98.6"), D("98.7")]
    assert next(book.levels(Side.BUY)).quantity == D(5)
    with pytest.raises(Refused) as refusal:
        rest(exchange, Side.BUY, "98.5", "1")
    assert refusal.value.reason is Reason.WOULD_MATCH


def test_a_taker_trades_with_the_recorded_quantity_first(exchange: Exchange) -> None:
    exchange.quote(SYMBOL, quote("99.9", "100", quantity="0.5"), 1)

    outcome = exchange.place(MAIN, NewOrder(SYMBOL, Side.BUY, OrderType.LIMIT, D(1), D("100.1")), 2)

    assert [(each.trade.price, each.trade.quantity) for each in outcome.executions if each.trade] == [
        (D(100), D("0.5")),
        (D("100.1"), D("0.5")),
    ]
    assert outcome.executions[-1].transition.status is OrderStatus.FILLED


@pytest.mark.parametrize(("price", "kept"), [("99", True), ("99.4", True), ("98.9", False), ("99.5", False)])
def test_a_trade_outside_of_the_quotes_makes_them_a_thing_of_the_past(
    exchange: Exchange, price: str, kept: bool
) -> None:
    exchange.quote(SYMBOL, quote("99", "99.4"), 1)

    exchange.trade(SYMBOL, MarketTrade(0, D(price), D(1), Side.SELL), 2)

    expected = D(99) if kept else D(price)
    assert exchange.book(SYMBOL).best(Side.BUY) == expected


def test_a_quote_counts_as_an_event_and_moves_the_time_alone() -> None:
    point = MarketPoint(4, 1000, D(100), Side.BUY, D(90))
    assert point.after(quote("98", "98.5", time_ms=1200)) == MarketPoint(5, 1200, D(100), Side.BUY, D(90))


def tape(rules: SymbolRules, *lines: str) -> list[MarketEvent]:
    it = Tape(rules, lambda: (QUOTES_HEADER, *lines), time_shift_ms=1273)
    return list(it.after(it.opening()))


def test_a_tape_of_quotes_trades_one_lot_wherever_it_leaves_the_last_price_behind(rules: SymbolRules) -> None:
    events = tape(
        rules,
        "1000,100.0,2,100.2,3",  # the first price is the bid
        "1001,99.9,2,100.1,3",  # it still lies between
        "1002,99.7,2,99.8,3",  # the ask has come down to it
        "1003,99.9,2,100.1,3",  # the bid has come up to it
    )

    first = MarketQuote(2273, Level(D("100.0"), D(2)), Level(D("100.2"), D(3)))
    assert events[0] == first
    trades = [(each.market_time_ms, each.price, each.taker) for each in events if isinstance(each, MarketTrade)]
    assert trades == [(2273, D(100), Side.SELL), (2275, D("99.8"), Side.BUY), (2276, D("99.9"), Side.SELL)]
    assert {each.quantity for each in events if isinstance(each, MarketTrade)} == {rules.lot_size}
    assert len(events) == 7


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        pytest.param("1,100,1,100.1", "there must be 5 fields, here are 4", id="fields"),
        pytest.param("1,100.2,1,100.1,1", "bid must lie below ask", id="crossed"),
        pytest.param("1,100,0,100.1,1", "qty must be above 0", id="quantity"),
        pytest.param("1,100.05,1,100.1,1", "no multiple of tick_size 0.1", id="tick"),
        pytest.param("1,much,1,100.1,1", "must be decimals", id="price"),
    ],
)
def test_a_bad_line_of_quotes_is_reported_with_number_and_remedy(rules: SymbolRules, line: str, sentence: str) -> None:
    with pytest.raises(TapeError, match=f"line 3 .*{sentence}"):
        tape(rules, "0,100,1,100.1,1", line)


def test_a_candles_volume_in_quote_is_divided_by_its_prices(make_exchange: Callable[..., Exchange]) -> None:
    rules = make_exchange().book(SYMBOL).rules
    lines = ("ts_ms,open,high,low,close,volume", "0,100,200,100,200,4000")
    it = Tape(rules, lambda: lines, volume_in_quote=True)
    assert [each.quantity for each in it.after(it.opening()) if isinstance(each, MarketTrade)] == [10, 10, 5, 5]
