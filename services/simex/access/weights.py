"""The cost of each request: the weight charged to its address, and the orders counted for its account.

Source: the "Weight" and "Unfilled Order Count" of each endpoint in rest-api.md of binance/binance-spot-api-docs, July
2026. Since 2 April 2026 placing and cancelling cost nothing if they succeed (its CHANGELOG, 27 March 2026).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simex.protocol.params import Params

Weigh = Callable[[Params], int]

_FREE_WHEN_DONE = frozenset(
    {
        "POST order", "DELETE order", "DELETE openOrders", "POST order/cancelReplace", "POST orderList/oco",
        "POST orderList/oto", "DELETE orderList",
    }
)  # fmt: skip
_COUNTED_ORDERS = {"POST order": 1, "POST order/cancelReplace": 1, "POST orderList/oco": 2, "POST orderList/oto": 2}


@dataclass(frozen=True, slots=True)
class Weight:
    """The cost of one request. `free_when_done`: its weight is given back if it succeeds."""

    weight: int
    free_when_done: bool = False
    orders: int = 0


def weight_of(name: str, params: Params) -> Weight:
    """The cost of a request to the named endpoint. It never raises: the endpoint validates the parameters."""
    weigh = WEIGHTS.get(name, _ALWAYS_1)
    return Weight(weigh(params), name in _FREE_WHEN_DONE, _COUNTED_ORDERS.get(name, 0))


def _always(weight: int) -> Weigh:
    return lambda _params: weight


def _with_or_without(name: str, with_it: int, without: int) -> Weigh:
    return lambda params: with_it if name in params else without


def _depth(params: Params) -> int:
    limit = _number(params.optional("limit"), 100)
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _day_ticker(params: Params) -> int:
    count = _symbols(params)
    return 80 if not count or count > 100 else 40 if count > 20 else 2


def _price(params: Params) -> int:
    return 2 if "symbol" in params else 4


def _per_symbol(params: Params) -> int:
    return min(200, 4 * max(1, _symbols(params)))


def _symbols(params: Params) -> int:
    """How many symbols are named; 0 for all."""
    if "symbol" in params:
        return 1
    named = params.optional("symbols")
    return named.count(",") + 1 if named else 0


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise


_ALWAYS_1 = _always(1)

WEIGHTS: Mapping[str, Weigh] = {
    "GET ping": _ALWAYS_1,
    "GET time": _ALWAYS_1,
    "GET exchangeInfo": _always(20),
    "GET depth": _depth,
    "GET trades": _always(25),
    "GET historicalTrades": _always(25),
    "GET aggTrades": _always(4),
    "GET klines": _always(2),
    "GET uiKlines": _always(2),
    "GET avgPrice": _always(2),
    "GET ticker/24hr": _day_ticker,
    "GET ticker/tradingDay": _per_symbol,
    "GET ticker/price": _price,
    "GET ticker/bookTicker": _price,
    "GET ticker": _per_symbol,
    "POST order": _ALWAYS_1,
    "POST order/test": _with_or_without("computeCommissionRates", 20, 1),
    "DELETE order": _ALWAYS_1,
    "DELETE openOrders": _ALWAYS_1,
    "POST order/cancelReplace": _ALWAYS_1,
    "POST orderList/oco": _ALWAYS_1,
    "POST orderList/oto": _ALWAYS_1,
    "DELETE orderList": _ALWAYS_1,
    "GET orderList": _always(4),
    "GET allOrderList": _always(20),
    "GET openOrderList": _always(6),
    "GET order": _always(4),
    "GET openOrders": _with_or_without("symbol", 6, 80),
    "GET allOrders": _always(20),
    "GET myTrades": _with_or_without("orderId", 5, 20),
    "GET myPreventedMatches": _with_or_without("preventedMatchId", 2, 20),
    "GET rateLimit/order": _always(40),
    "GET account": _always(20),
    "GET account/commission": _always(20),
    "POST session": _always(2),
    "GET session": _always(2),
    "DELETE session": _always(2),
    "GET session/subscriptions": _always(2),
    "POST userDataStream": _always(2),
    "PUT userDataStream": _always(2),
    "DELETE userDataStream": _always(2),
}
