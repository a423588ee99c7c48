"""The REST endpoints of the account: orders, trades, balances. Whoever calls them has been let in already."""

from collections.abc import Callable
from enum import Enum

from gridsim.orders import NewOrder, Order, OrderType, Side, TimeInForce
from simex import account_payloads as payloads
from simex.call import Call
from simex.errors import ApiError, no_order
from simex.params import Params
from simex.payloads import Json
from simex.venue import Venue

_DAY_MS = 24 * 60 * 60 * 1000
_TOO_LONG = ApiError(-1127, "More than 24 hours between startTime and endTime.")


class _Detail(Enum):
    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class PrivateApi:
    """Each method is an endpoint: a call in, JSON out."""

    def __init__(self, venue: Venue, symbol_of: Callable[[Params], str]) -> None:
        self._venue = venue
        self._symbol = symbol_of

    def new_order(self, call: Call) -> Json:
        """POST order."""
        new = self._parse_order(call.params)
        detail = _Detail.ACK if new.type is OrderType.LIMIT_MAKER else _Detail.FULL
        if "newOrderRespType" in call.params:
            detail = call.params.word("newOrderRespType", _Detail, ApiError(-1100, "Invalid newOrderRespType."))
        outcome = self._venue.place(call.account, new, call.now_ms)
        placed_id = outcome.executions[0].order.order_id
        own = [each for each in outcome.executions if each.order.order_id == placed_id]
        return payloads.new_order(own[-1].order, [each.trade for each in own if each.trade], detail.value)

    def query_order(self, call: Call) -> Json:
        """GET order, by orderId or origClientOrderId."""
        return payloads.order(self._find(call))

    def cancel_order(self, call: Call) -> Json:
        """DELETE order, by orderId or origClientOrderId. Cancelling what is not open is -2011, whatever it was."""
        try:
            order = self._find(call)
        except ApiError as error:
            raise ApiError(-2011, "Unknown order sent.") if error.code == no_order().code else error from None
        done = self._venue.cancel(call.account, order.symbol, order.order_id, call.now_ms)
        return payloads.cancelled(done, f"simex-cancel-{done.order_id}")

    def cancel_all(self, call: Call) -> list[Json]:
        """DELETE openOrders, of one symbol."""
        done = self._venue.cancel_all(call.account, self._symbol(call.params), call.now_ms)
        return [payloads.cancelled(each, f"simex-cancel-{each.order_id}") for each in done]

    def open_orders(self, call: Call) -> list[Json]:
        """GET openOrders, of one symbol or all."""
        symbols = [self._symbol(call.params)] if "symbol" in call.params else list(self._venue.listings)
        return [payloads.order(order) for symbol in symbols for order in self._venue.open_orders(call.account, symbol)]

    def all_orders(self, call: Call) -> list[Json]:
        """GET allOrders: from orderId on, or within at most 24 hours, or the newest."""
        symbol, limit = self._symbol(call.params), call.params.limit(500, 1000)
        window, store = _window(call.params), self._venue.store
        order_id = call.params.optional_whole("orderId")
        if order_id is not None:
            found = store.orders_from(call.account, symbol, order_id, limit)
        elif window:
            found = store.orders_between(call.account, symbol, *window, limit)
        else:
            found = store.last_orders(call.account, symbol, limit)
        return [payloads.order(order) for order in found]

    def my_trades(self, call: Call) -> list[Json]:
        """GET myTrades: of an order, from fromId on, within at most 24 hours, or the newest."""
        symbol, limit = self._symbol(call.params), call.params.limit(500, 1000)
        window, store = _window(call.params), self._venue.store
        order_id, first = call.params.optional_whole("orderId"), call.params.optional_whole("fromId")
        if first is not None and window:
            raise ApiError(-1128, "Combination of optional parameters invalid.")
        if window:
            found = store.trades_between(call.account, symbol, *window, limit, order_id)
        elif first is not None or order_id is not None:
            found = store.trades_from(call.account, symbol, first or 0, limit, order_id)
        else:
            found = store.last_trades(call.account, symbol, limit)
        return [payloads.my_trade(trade) for trade in found]

    def account(self, call: Call) -> Json:
        """GET account."""
        balances = sorted(self._venue.balances(call.account), key=lambda balance: balance.asset)
        if call.params.optional("omitZeroBalances") == "true":
            balances = [balance for balance in balances if balance.total]
        rules = next(iter(self._venue.listings.values())).rules
        return payloads.account(rules, balances, call.now_ms)

    def _parse_order(self, params: Params) -> NewOrder:
        symbol = self._symbol(params)
        side = params.word("side", Side, ApiError(-1117, "Invalid side."))
        kind = params.word("type", OrderType, ApiError(-1116, "Invalid orderType."))
        if "quoteOrderQty" in params:
            raise ApiError(-1106, "Parameter 'quoteOrderQty' sent when not required.")
        client_id = params.client_id("newClientOrderId")
        quantity = params.amount("quantity")
        if kind is OrderType.MARKET:
            return NewOrder(symbol, side, kind, quantity, client_order_id=client_id)
        force = TimeInForce.GTC
        if kind is OrderType.LIMIT:
            force = params.word("timeInForce", TimeInForce, ApiError(-1115, "Invalid timeInForce."))
        elif "timeInForce" in params:
            raise ApiError(-1106, "Parameter 'timeInForce' sent when not required.")
        return NewOrder(symbol, side, kind, quantity, params.amount("price"), force, client_id)

    def _find(self, call: Call) -> Order:
        params, account = call.params, call.account
        symbol = self._symbol(params)
        order_id, client_id = params.optional_whole("orderId"), params.client_id("origClientOrderId")
        if order_id is None and not client_id:
            raise ApiError(-1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        store = self._venue.store
        if order_id is None:
            order = store.order_by_client_id(account, symbol, client_id)
        else:
            order = store.order(account, symbol, order_id)
        if order is None or (client_id and order.client_order_id != client_id):
            raise no_order()
        return order


def _window(params: Params) -> tuple[int, int] | None:
    """The stretch of time asked for; an end that is not given is 24 hours away from the other."""
    start_ms, end_ms = params.optional_whole("startTime"), params.optional_whole("endTime")
    if start_ms is None and end_ms is None:
        return None
    start_ms = (end_ms or 0) - _DAY_MS if start_ms is None else start_ms
    end_ms = start_ms + _DAY_MS if end_ms is None else end_ms
    if end_ms - start_ms > _DAY_MS:
        raise _TOO_LONG
    return start_ms, end_ms
