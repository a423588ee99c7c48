"""An exchange with one still market, as most of these tests want it."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from gridsim.account import MAIN, Account, Balance
from gridsim.book import Book
from gridsim.exchange import Exchange
from gridsim.market import Liquidity, Queue
from gridsim.orders import Side
from gridsim.rules import SymbolRules

RULES = SymbolRules(
    "BTC/USDT", tick_size=Decimal("0.1"), lot_size=Decimal("0.01"), min_notional=Decimal(5), max_orders=5
)


@pytest.fixture
def rules() -> SymbolRules:
    return RULES


@pytest.fixture
def make_exchange() -> Callable[..., Exchange]:
    """Bid 100.0, ask 100.1, one level of 10 and then the next a tick away; 1000 USDT and 10 BTC each account.

    An order at the others' price is placed before them, unless set otherwise.
    """

    def make(
        usdt: str = "1000",
        btc: str = "10",
        rules: SymbolRules = RULES,
        queue: Queue = Queue.FRONT,
        accounts: tuple[str, ...] = (MAIN,),
    ) -> Exchange:
        liquidity = Liquidity(levels=3, depth_notional=Decimal(1010), queue=queue)
        book = Book(rules, liquidity, price=Decimal("100.0"), taker=Side.SELL)
        start = [Balance("USDT", Decimal(usdt)), Balance("BTC", Decimal(btc))]
        return Exchange([book], {name: Account(start) for name in accounts})

    return make


@pytest.fixture
def exchange(make_exchange: Callable[..., Exchange]) -> Exchange:
    return make_exchange()
