"""Recorded depth: how it is put together, and what it makes of the book and of the places in the queue."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridsim.account import MAIN
from gridsim.exchange import Exchange
from gridsim.market import Level, MarketDepth, MarketQuote, MarketTrade, Queue
from gridsim.orders import NewOrder, OrderType, Side
from gridsim.tape_depth import LEVELS, DepthUpdate, RecordedBook

D = Decimal
SYMBOL = "BTC/USDT"
Known = tuple[tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]] | None


def quantities(**levels: int) -> dict[Decimal, Decimal]:
    return {D(price[1:]): D(quantity) for price, quantity in levels.items()}


def update(first_id: int, last_id: int, **bids: int) -> DepthUpdate:
    return DepthUpdate(first_id, last_id, quantities(**bids), {})


def known(depth: MarketDepth | None) -> Known:
    if depth is None:
        return None
    bids, asks = (tuple((int(each.price), int(each.quantity)) for each in side) for side in (depth.bids, depth.asks))
    return bids, asks


def test_updates_wait_for_the_snapshot_and_those_that_it_has_are_dropped() -> None:
    book = RecordedBook()
    assert book.update(1, update(1, 4, p90=1)) is None
    assert book.update(2, update(5, 8, p91=2)) is None

    seen = book.snapshot(3, 6, quantities(p90=5, p89=7), quantities(p100=1))

    assert known(seen) == (((91, 2), (90, 5), (89, 7)), ((100, 1),))
    assert known(book.update(4, update(9, 9, p91=0, p90=4))) == (((90, 4), (89, 7)), ((100, 1),))


def test_after_a_gap_nothing_is_known_until_the_next_snapshot() -> None:
    book = RecordedBook()
    book.snapshot(1, 6, quantities(p90=5), quantities(p100=1))

    assert known(book.update(2, update(8, 9, p90=4))) == ((), ())
    assert book.update(3, update(10, 11, p90=3)) is None
    assert known(book.snapshot(4, 10, quantities(p90=2), quantities(p100=1))) == (((90, 3),), ((100, 1),))
    assert book.snapshot(5, 10, quantities(p90=9), {}) is None  # older than what is known


def test_only_the_levels_around_the_price_are_returned() -> None:
    bids = {D(price): D(1) for price in range(1, 201)}
    asks = {D(price): D(1) for price in range(201, 401)}
    depth = RecordedBook().snapshot(1, 1, bids, asks)
    assert depth is not None
    assert [each.price for each in depth.bids] == list(range(200, 200 - LEVELS, -1))
    assert [each.price for each in depth.asks] == list(range(201, 201 + LEVELS))


@pytest.fixture
def exchange(make_exchange: Callable[..., Exchange]) -> Exchange:
    """Bid 100.0 and ask 100.1 by quotes; behind them 99.8 and 99.5, 100.4 and 100.9 by the depth."""
    exchange = make_exchange(usdt="10000", btc="100", queue=Queue.BACK)
    exchange.quote(SYMBOL, MarketQuote(0, level("100.0", "3"), level("100.1", "3")), 1)
    exchange.depth(
        SYMBOL,
        MarketDepth(
            0,
            (level("100.0", "2"), level("99.8", "4"), level("99.5", "6.005")),
            (level("100.1", "2"), level("100.4", "5"), level("100.9", "0.005")),
        ),
        1,
    )
    return exchange


def level(price: str, quantity: str) -> Level:
    return Level(D(price), D(quantity))


def rest(exchange: Exchange, side: Side, price: str) -> Decimal:
    """What is ahead of an order at the price."""
    placed = exchange.place(MAIN, NewOrder(SYMBOL, side, OrderType.LIMIT_MAKER, D(1), D(price)), 1)
    return exchange.book(SYMBOL).ahead(placed.executions[0].order.order_id)


def test_behind_the_best_quotes_the_book_is_the_recorded_one_in_whole_lots(exchange: Exchange) -> None:
    book = exchange.book(SYMBOL)
    assert list(book.levels(Side.BUY)) == [level("100.0", "3"), level("99.8", "4"), level("99.5", "6")]
    assert list(book.levels(Side.SELL)) == [level("100.1", "3"), level("100.4", "5")]  # half a lot is none


def test_a_taker_trades_with_the_recorded_levels(exchange: Exchange) -> None:
    outcome = exchange.place(MAIN, NewOrder(SYMBOL, Side.SELL, OrderType.MARKET, D(12)), 2)
    trades = [(each.trade.price, each.trade.quantity) for each in outcome.executions if each.trade]
    assert trades == [(D("100.0"), D(3)), (D("99.8"), D(4)), (D("99.5"), D(5))]


@pytest.mark.parametrize(
    ("price", "ahead"),
    [
        pytest.param("100.0", "3", id="at the best"),
        pytest.param("99.8", "4", id="at a recorded level"),
        pytest.param("99.6", "0", id="between two of them"),
        pytest.param("99.0", "10.20", id="beyond the recorded depth"),
    ],
)
def test_an_order_joins_behind_what_is_recorded_at_its_price(exchange: Exchange, price: str, ahead: str) -> None:
    assert rest(exchange, Side.BUY, price) == D(ahead)


def test_an_order_moves_up_where_the_recorded_depth_shrinks(exchange: Exchange) -> None:
    for price in ("99.8", "99.5", "99.0"):
        rest(exchange, Side.BUY, price)

    outcome = exchange.depth(SYMBOL, MarketDepth(0, (level("99.8", "1.5"), level("98.9", "2")), ()), 2)

    assert outcome.ahead == {1: D("1.5"), 2: D(0), 3: D(0)}
    assert (outcome.quoted, outcome.executions) == (True, ())


def test_a_trade_beyond_the_recorded_depth_leaves_a_book_with_two_sides(exchange: Exchange) -> None:
    exchange.trade(SYMBOL, MarketTrade(0, D("103.0"), D(1), Side.BUY), 2)
    book = exchange.book(SYMBOL)
    assert next(book.levels(Side.SELL)) == level("103.0", "9.80")
    assert next(book.levels(Side.BUY)).price == D("102.9")


def test_depth_that_is_not_known_any_more_is_made_up_again(exchange: Exchange) -> None:
    exchange.depth(SYMBOL, MarketDepth(0, (), ()), 2)
    assert [each.price for each in exchange.book(SYMBOL).levels(Side.BUY)] == [D("100.0"), D("99.9"), D("99.8")]
