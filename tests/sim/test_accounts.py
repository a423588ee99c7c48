"""Several accounts in one book: who trades with whom, in which sequence, and what an account's own orders do."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridsim.exchange import Exchange
from gridsim.market import Queue
from gridsim.orders import NewOrder, OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from gridsim.outcome import Outcome
from gridsim.rules import Reason, Refused

D = Decimal
SYMBOL = "BTC/USDT"
ANN, BOB, EVE = "ann", "bob", "eve"

Made = Callable[..., Exchange]


def limit(side: Side, price: str, quantity: str, client_id: str = "", **rest: object) -> NewOrder:
    kind = rest.pop("type", OrderType.LIMIT)
    return NewOrder(SYMBOL, side, kind, D(quantity), D(price), client_order_id=client_id, **rest)


def trades(outcome: Outcome) -> list[tuple[str, Decimal, Decimal, bool]]:
    found = [each.trade for each in outcome.executions if each.trade]
    return [(trade.account, trade.price, trade.quantity, trade.maker) for trade in found]


def statuses(outcome: Outcome) -> list[tuple[str, OrderStatus]]:
    return [(each.order.account, each.transition.status) for each in outcome.executions]


@pytest.fixture
def exchange(make_exchange: Made) -> Exchange:
    """Bid 100.0, ask 100.1, ten of each; an order at such a price stands before the others."""
    return make_exchange(accounts=(ANN, BOB, EVE))


def test_an_order_between_the_quotes_trades_with_another_account_in_one_print(exchange: Exchange) -> None:
    exchange.place(ANN, limit(Side.SELL, "100.1", "1"), 1)

    outcome = exchange.place(BOB, limit(Side.BUY, "100.1", "0.4"), 2)

    assert trades(outcome) == [(ANN, D("100.1"), D("0.4"), True), (BOB, D("100.1"), D("0.4"), False)]
    assert len({each.trade.trade_id for each in outcome.executions if each.trade}) == 1
    assert [(each.trade_id, each.quantity, each.taker) for each in outcome.prints] == [(1, D("0.4"), Side.BUY)]
    ann, bob = exchange.accounts[ANN], exchange.accounts[BOB]
    assert ann.of("USDT").total == 1000 + D("40.04") - D("0.04004")  # each pays a fee on what it gets
    assert bob.of("BTC").total == 10 + D("0.4") - D("0.0004")
    assert ann.of("BTC").total + bob.of("BTC").total == 20 - D("0.0004")


def test_the_better_of_an_account_and_the_others_comes_first(make_exchange: Made) -> None:
    exchange = make_exchange(usdt="5000", accounts=(ANN, BOB))
    exchange.place(ANN, limit(Side.SELL, "100.2", "1"), 1)

    outcome = exchange.place(BOB, limit(Side.BUY, "100.2", "12"), 2)

    assert trades(outcome) == [
        (BOB, D("100.1"), D("10.08"), False),
        (ANN, D("100.2"), D(1), True),
        (BOB, D("100.2"), D(1), False),
        (BOB, D("100.2"), D("0.92"), False),
    ]


def test_at_one_price_what_was_displayed_before_the_order_came_trades_before_it(make_exchange: Made) -> None:
    exchange = make_exchange(usdt="5000", queue=Queue.BACK, accounts=(ANN, BOB))
    exchange.place(ANN, limit(Side.SELL, "100.1", "1"), 1)

    outcome = exchange.place(BOB, limit(Side.BUY, "100.1", "10.5"), 2)

    assert trades(outcome) == [
        (BOB, D("100.1"), D("10.08"), False),
        (ANN, D("100.1"), D("0.42"), True),
        (BOB, D("100.1"), D("0.42"), False),
    ]


def test_at_one_price_the_older_order_comes_first_whosoever_it_is(exchange: Exchange) -> None:
    for account in (BOB, ANN, BOB):
        exchange.place(account, limit(Side.SELL, "100.1", "1"), 1)

    outcome = exchange.place(EVE, limit(Side.BUY, "100.1", "2.5"), 2)

    makers = [(account, quantity) for account, _, quantity, maker in trades(outcome) if maker]
    assert makers == [(BOB, 1), (ANN, 1), (BOB, D("0.5"))]


def test_client_ids_open_orders_and_limits_are_each_accounts_own(make_exchange: Made) -> None:
    exchange = make_exchange(accounts=(ANN, BOB))  # its filter lets five be open
    for number in range(5):
        exchange.place(ANN, limit(Side.BUY, "50", "0.1", f"id{number}"), 1)

    theirs = exchange.place(BOB, limit(Side.BUY, "50", "0.1", "id0"), 2).executions[0].order

    book = exchange.book(SYMBOL)
    assert book.open_client_id(BOB, "id0") == theirs
    assert [order.order_id for order in book.orders_of(ANN)] == [1, 2, 3, 4, 5]
    with pytest.raises(Refused) as refused:
        exchange.cancel(ANN, SYMBOL, theirs.order_id, 3)
    assert refused.value.reason is Reason.UNKNOWN_ORDER
    assert book.orders_of(BOB) == [theirs]


def test_a_maker_only_order_does_not_take_from_another_account(exchange: Exchange) -> None:
    exchange.place(ANN, limit(Side.SELL, "100.1", "1"), 1)
    with pytest.raises(Refused) as refused:
        exchange.place(BOB, limit(Side.BUY, "100.1", "1", type=OrderType.LIMIT_MAKER), 2)
    assert refused.value.reason is Reason.WOULD_MATCH


@pytest.mark.parametrize(
    ("prevention", "expected", "left"),
    [
        pytest.param(
            SelfTrade.EXPIRE_MAKER,
            [(ANN, OrderStatus.EXPIRED_IN_MATCH), (BOB, OrderStatus.FILLED), (ANN, OrderStatus.FILLED)],
            [],
            id="the older one",
        ),
        pytest.param(SelfTrade.EXPIRE_TAKER, [(ANN, OrderStatus.EXPIRED_IN_MATCH)], [1, 2], id="the newer one"),
        pytest.param(
            SelfTrade.EXPIRE_BOTH,
            [(ANN, OrderStatus.EXPIRED_IN_MATCH), (ANN, OrderStatus.EXPIRED_IN_MATCH)],
            [2],
            id="both",
        ),
        pytest.param(
            SelfTrade.NONE,
            [(ANN, OrderStatus.FILLED), (ANN, OrderStatus.FILLED)],
            [2],
            id="none",
        ),
    ],
)
def test_within_an_account_somebody_expires_rather_than_trade_with_himself(
    exchange: Exchange, prevention: SelfTrade, expected: list[tuple[str, OrderStatus]], left: list[int]
) -> None:
    exchange.place(ANN, limit(Side.SELL, "100.1", "1"), 1)
    exchange.place(BOB, limit(Side.SELL, "100.1", "1"), 1)

    outcome = exchange.place(ANN, limit(Side.BUY, "100.1", "1", self_trade=prevention), 2)

    assert statuses(outcome) == [(ANN, OrderStatus.NEW), *expected]
    assert [order.order_id for order in exchange.book(SYMBOL).orders] == left
    assert exchange.accounts[ANN].of("USDT").locked == 0


def test_an_order_that_cannot_be_had_whole_leaves_its_accounts_other_orders_alone(make_exchange: Made) -> None:
    exchange = make_exchange(usdt="5000", accounts=(ANN,))
    exchange.place(ANN, limit(Side.SELL, "100.1", "1"), 1)

    outcome = exchange.place(ANN, limit(Side.BUY, "100.1", "15", time_in_force=TimeInForce.FOK), 2)

    assert statuses(outcome) == [(ANN, OrderStatus.NEW), (ANN, OrderStatus.EXPIRED)]
    assert [order.order_id for order in exchange.book(SYMBOL).orders] == [1]
