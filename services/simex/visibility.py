"""What look-ups do not show yet: orders and trades that have happened, and that an account is told of late.

It works on answers as they leave, over either transport, so that neither the endpoints nor the book know of it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from gridsim.exchange import Outcome
from gridsim.orders import Trade
from simex.errors import no_order
from simex.fault_plan import FaultPlan
from simex.faults import Occasion
from simex.gateway import Answer
from simex.payloads import market_id

K = TypeVar("K")

_Key = tuple[str, int]  # the symbol as Binance writes it, and an id

_ORDERS = frozenset({"GET order", "GET openOrders", "GET allOrders"})
_TRADES = frozenset({"GET myTrades"})


class Visibility:
    """Orders and trades by when they begin to show, by the venue's clock."""

    def __init__(self, plan: FaultPlan, clock_ms: Callable[[], int]) -> None:
        self._plan = plan
        self._clock_ms = clock_ms
        self._orders: dict[_Key, int] = {}
        self._trades: dict[tuple[str, _Key], int] = {}  # by the account: both sides of a trade share its id

    def hide_order(self, symbol: str, order_id: int, until_ms: int) -> None:
        """Keeps an order from look-ups until then. `symbol` as Binance writes it."""
        self._orders[symbol, order_id] = until_ms

    def note(self, _symbol: str, outcome: Outcome) -> None:
        """Takes in what the exchange has done, before anybody else is told of it: trades may have to be told late."""
        for each in outcome.executions:
            if each.trade is not None:
                self._note_trade(each.trade)

    def late_ms(self, trade: Trade) -> int:
        """How much later than it happened a trade is to be told."""
        until_ms = self._trades.get((trade.account, (market_id(trade.symbol), trade.trade_id)), 0)
        return max(0, until_ms - self._clock_ms())

    def shown(self, endpoint: str, account: str, answer: Answer) -> Answer:
        """The answer to an account without what does not show yet."""
        if endpoint in _ORDERS and self._orders and answer.ok:
            self._orders = _still_hidden(self._orders, self._clock_ms())
            return _without(answer, lambda row: (row["symbol"], row["orderId"]) in self._orders)
        if endpoint in _TRADES and self._trades and answer.ok:
            self._trades = _still_hidden(self._trades, self._clock_ms())
            return _without(answer, lambda row: (account, (row["symbol"], row["id"])) in self._trades)
        return answer

    def _note_trade(self, trade: Trade) -> None:
        now_ms = self._clock_ms()
        fault = self._plan.strike(Occasion.TRADE, trade.symbol, trade.account, now_ms)
        if fault is not None:
            self._trades[trade.account, (market_id(trade.symbol), trade.trade_id)] = now_ms + fault.delay_ms


def _still_hidden(until: dict[K, int], now_ms: int) -> dict[K, int]:
    return {key: until_ms for key, until_ms in until.items() if now_ms < until_ms}


def _without(answer: Answer, hidden: Callable[[Any], bool]) -> Answer:
    if isinstance(answer.body, list):
        return replace(answer, body=[row for row in answer.body if not hidden(row)])
    if isinstance(answer.body, dict) and hidden(answer.body):
        unknown = no_order()
        return replace(answer, status=unknown.status, body=unknown.body)
    return answer
