"""Fast enough never to be the bottleneck of a test, a demo or a backtest."""

import time
from collections.abc import Callable
from decimal import Decimal

from gridsim.account import MAIN
from gridsim.exchange import Exchange
from gridsim.market import MarketTrade
from gridsim.orders import NewOrder, OrderType, Side
from gridsim.rules import SymbolRules


def test_more_than_a_thousand_orders_a_second_are_placed_and_filled(make_exchange: Callable[..., Exchange]) -> None:
    exchange = make_exchange(usdt="1000000", rules=SymbolRules("BTC/USDT", Decimal("0.1"), Decimal("0.01")))
    began = time.process_time()

    for number in range(2000):
        order = NewOrder("BTC/USDT", Side.BUY, OrderType.LIMIT_MAKER, Decimal("0.1"), Decimal("99.5"))
        exchange.place(MAIN, order, number)
        if number % 100 == 99:
            exchange.trade("BTC/USDT", MarketTrade(number, Decimal("99.4"), Decimal(1), Side.SELL), number)
            exchange.trade("BTC/USDT", MarketTrade(number, Decimal("100"), Decimal(1), Side.SELL), number)

    assert time.process_time() - began < 2.0
    assert exchange.book("BTC/USDT").orders == []
