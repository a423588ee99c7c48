"""The endpoints that read an account: orders, trades, balances, fees, limits. Callers have passed the access checks."""

from collections.abc import Callable
from dataclasses import dataclass

from simex.access.limits import Limits
from simex.account import payloads
from simex.exchange.end_reasons import prevented_matches
from simex.exchange.venue import Venue
from simex.protocol.call import Call
from simex.protocol.errors import ApiError, neither, no_order
from simex.protocol.formats import Json
from simex.protocol.order_entry import read_name
from simex.protocol.params import Params

_DAY_MS = 24 * 60 * 60 * 1000
_TOO_LONG = ApiError(-1127, "More than 24 hours between startTime and endTime.")
_NOT_THIS_ONE = ApiError(-2039, "Client order ID is not correct for this order ID.")
_ALL_ROWS = 2**31


class PrivateApi:
    """Each method is an endpoint: it takes a call and returns JSON."""

    def __init__(self, venue: Venue, symbol_of: Callable[[Params], str], limits: Limits) -> None:
        self._venue = venue
        self._symbol = symbol_of
        self._limits = limits

    def query_order(self, call: Call) -> Json:
        """GET order, by orderId or origClientOrderId."""
        symbol, name, store = self._symbol(call.params), read_name(call.params), self._venue.store
        if name.order_id is None:
            order = store.order_by_client_id(call.account, symbol, name.client_id)
        else:
            order = store.order(call.account, symbol, name.order_id)
        if order is None:
            raise no_order()
        if not name.fits(order):
            raise _NOT_THIS_ONE
        return payloads.order(order)

    def open_orders(self, call: Call) -> list[Json]:
        """GET openOrders, of one symbol or all."""
        symbols = [self._symbol(call.params)] if "symbol" in call.params else self._venue.listed
        return [payloads.order(order) for symbol in symbols for order in self._venue.open_orders(call.account, symbol)]

    def all_orders(self, call: Call) -> list[Json]:
        """GET allOrders: from orderId on, or within at most 24 hours, or the newest."""
        symbol, limit = self._symbol(call.params), call.params.limit(500, 1000)
        window, store = _window(call.params), self._venue.store
        order_id = call.params.optional_whole("orderId")
        if order_id is not None:
            found = store.orders_from(call.account, symbol, order_id, limit)
        elif window is not None:
            rows = window.rows(limit)
            found = store.orders_between(call.account, symbol, window.start_ms, window.end_ms, rows)[-limit:]
        else:
            found = store.last_orders(call.account, symbol, limit)
        return [payloads.order(order) for order in found]

    def my_trades(self, call: Call) -> list[Json]:
        """GET myTrades: of an order, from fromId on, within at most 24 hours, or the newest."""
        symbol, limit = self._symbol(call.params), call.params.limit(500, 1000)
        window, store = _window(call.params), self._venue.store
        order_id, first = call.params.optional_whole("orderId"), call.params.optional_whole("fromId")
        if window is not None and (first is not None or order_id is not None):
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if window is not None:
            rows = window.rows(limit)
            found = store.trades_between(call.account, symbol, window.start_ms, window.end_ms, rows)[-limit:]
        elif first is not None or order_id is not None:
            found = store.trades_from(call.account, symbol, first or 0, limit, order_id)
        else:
            found = store.last_trades(call.account, symbol, limit)
        return [payloads.my_trade(trade) for trade in found]

    def prevented_matches(self, call: Call) -> list[Json]:
        """GET myPreventedMatches: one by preventedMatchId, or those of an order, from fromPreventedMatchId on."""
        symbol, params = self._symbol(call.params), call.params
        match_id, order_id = params.optional_whole("preventedMatchId"), params.optional_whole("orderId")
        first, limit = params.optional_whole("fromPreventedMatchId") or 0, params.limit(500, 1000)
        of_order = match_id if order_id is None else order_id
        if of_order is None:
            raise neither("preventedMatchId", "orderId")
        found = prevented_matches(self._venue.store, call.account, symbol, of_order)
        wanted = [each for each in found if each.match_id >= first and match_id in {None, each.match_id}]
        return [payloads.prevented_match(each) for each in wanted[:limit]]

    def account(self, call: Call) -> Json:
        """GET account."""
        balances = sorted(self._venue.balances(call.account), key=lambda balance: balance.asset)
        if call.params.flag("omitZeroBalances"):
            balances = [balance for balance in balances if balance.total]
        first = next(iter(self._venue.listings.values())).rules
        commission = self._venue.fees.of(call.account, first)
        return payloads.account(call.account, commission, balances, call.now_ms)

    def commission(self, call: Call) -> Json:
        """GET account/commission."""
        rules = self._venue.book(self._symbol(call.params)).rules
        return payloads.commission(rules.symbol, self._venue.fees.of(call.account, rules))

    def order_counts(self, call: Call) -> list[Json]:
        """GET rateLimit/order."""
        return [each.json for each in self._limits.order_counts(call.account, call.now_ms)]


@dataclass(frozen=True, slots=True)
class _Window:
    """A time range, inclusive. `newest`: if it has more rows than wanted, the last ones are returned."""

    start_ms: int
    end_ms: int
    newest: bool

    def rows(self, limit: int) -> int:
        """How many rows to read from its start to get the wanted ones."""
        return _ALL_ROWS if self.newest else limit


def _window(params: Params) -> _Window | None:
    """The requested time range; a missing end is 24 hours from the other."""
    start_ms, end_ms = params.optional_time_ms("startTime"), params.optional_time_ms("endTime")
    if start_ms is None:
        return None if end_ms is None else _Window(end_ms - _DAY_MS, end_ms, newest=True)
    end_ms = start_ms + _DAY_MS if end_ms is None else end_ms
    if end_ms - start_ms > _DAY_MS:
        raise _TOO_LONG
    return _Window(start_ms, end_ms, newest=False)
