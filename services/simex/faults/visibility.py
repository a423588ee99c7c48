"""Hides orders and trades from look-ups for a while after they happened, and delays their events.

It filters answers as they leave, over either transport, so that neither endpoints nor book know of it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from gridsim.orders import Order, Trade
from gridsim.outcome import Execution, Outcome
from simex.faults.kinds import Occasion
from simex.faults.plan import FaultPlan
from simex.protocol.call import Answer
from simex.protocol.errors import no_order
from simex.protocol.formats import market_id

K = TypeVar("K")

_Key = tuple[str, int]  # the symbol as Binance writes it, and an id

_ORDERS = frozenset({"GET order", "GET openOrders", "GET allOrders"})
_TRADES = frozenset({"GET myTrades"})


class Visibility:
    """Hidden orders and trades by the time from which they are visible, by the venue's clock."""

    def __init__(self, plan: FaultPlan, clock_ms: Callable[[], int]) -> None:
        self._plan = plan
        self._clock_ms = clock_ms
        self._orders: dict[_Key, int] = {}
        self._unheard: dict[_Key, int] = {}  # hidden orders whose events are late as well
        self._trades: dict[tuple[str, _Key], int] = {}  # by account: both sides of a trade share its id

    def note(self, _symbol: str, outcome: Outcome) -> None:
        """Records an outcome of the exchange before anything else is notified of it."""
        for each in outcome.executions:
            if len(each.order.transitions) == 1:
                self._note_order(each.order)
            if each.trade is not None:
                self._note_trade(each.trade)

    def forget(self) -> None:
        """Clears everything: ids are reused after a reset."""
        self._orders, self._unheard, self._trades = {}, {}, {}

    def late_ms(self, execution: Execution) -> int:
        """The delay in milliseconds after which the user stream reports an execution."""
        now_ms, trade = self._clock_ms(), execution.trade
        until_ms = self._unheard.get(_key_of(execution.order), 0)
        if trade is not None:
            until_ms = max(until_ms, self._trades.get(_trade_key(trade), 0))
        return max(0, until_ms - now_ms)

    def shown(self, endpoint: str, account: str, answer: Answer) -> Answer:
        """The answer without orders and trades that are still hidden."""
        if endpoint in _ORDERS and self._orders and answer.ok:
            self._orders = _still_hidden(self._orders, self._clock_ms())
            return _without(answer, lambda row: (row["symbol"], row["orderId"]) in self._orders)
        if endpoint in _TRADES and self._trades and answer.ok:
            self._trades = _still_hidden(self._trades, self._clock_ms())
            return _without(answer, lambda row: (account, (row["symbol"], row["id"])) in self._trades)
        return answer

    def _note_order(self, order: Order) -> None:
        now_ms = self._clock_ms()
        fault = self._plan.strike(Occasion.ORDER, "", order.account, now_ms)
        if fault is None:
            return
        self._orders[_key_of(order)] = now_ms + fault.delay_ms
        if fault.late_events:
            self._unheard = _still_hidden(self._unheard, now_ms) | {_key_of(order): now_ms + fault.delay_ms}

    def _note_trade(self, trade: Trade) -> None:
        now_ms = self._clock_ms()
        fault = self._plan.strike(Occasion.TRADE, "", trade.account, now_ms)
        if fault is not None:
            self._trades[_trade_key(trade)] = now_ms + fault.delay_ms


def _key_of(order: Order) -> _Key:
    return market_id(order.symbol), order.order_id


def _trade_key(trade: Trade) -> tuple[str, _Key]:
    return trade.account, (market_id(trade.symbol), trade.trade_id)


def _still_hidden(until: dict[K, int], now_ms: int) -> dict[K, int]:
    return {key: until_ms for key, until_ms in until.items() if now_ms < until_ms}


def _without(answer: Answer, hidden: Callable[[Any], bool]) -> Answer:
    if isinstance(answer.body, list):
        return replace(answer, body=[row for row in answer.body if not hidden(row)])
    if isinstance(answer.body, dict) and hidden(answer.body):
        unknown = no_order()
        return replace(answer, status=unknown.status, body=unknown.body)
    return answer
