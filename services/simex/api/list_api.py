"""The endpoints of order lists: new OCO and OTO, cancel, and queries."""

from collections.abc import Callable

from gridsim.orders import Order, OrderList
from simex.account import list_payloads as payloads
from simex.exchange.venue import Venue
from simex.protocol.call import Call
from simex.protocol.errors import ApiError, neither, unknown_order
from simex.protocol.formats import Json
from simex.protocol.list_entry import ListEntry, read_oco, read_oto
from simex.protocol.params import Params

_NO_LIST = ApiError(-2018, "Order list does not exist.")


class ListApi:
    """Each method is an endpoint: it takes a call and returns JSON."""

    def __init__(self, venue: Venue, symbol_of: Callable[[Params], str]) -> None:
        self._venue = venue
        self._symbol = symbol_of

    def new_oco(self, call: Call) -> Json:
        """POST orderList/oco."""
        return self._place(call, read_oco(self._symbol(call.params), call.params))

    def new_oto(self, call: Call) -> Json:
        """POST orderList/oto."""
        return self._place(call, read_oto(self._symbol(call.params), call.params))

    def cancel(self, call: Call) -> Json:
        """DELETE orderList: cancels both orders."""
        symbol, params = self._symbol(call.params), call.params
        found = self._named(call, "listClientOrderId")
        cancel_id = params.client_id("newClientOrderId")
        if found is None or found.symbol != symbol:
            raise unknown_order()
        working = [order for order in self._orders(found) if order.is_open]
        if not working:
            raise unknown_order()
        self._venue.cancel(call.account, symbol, working[0].order_id, call.now_ms, cancel_id)
        return payloads.cancelled_list(found, self._orders(found), cancel_id, call.now_ms)

    def query(self, call: Call) -> Json:
        """GET orderList."""
        found = self._named(call, "origClientOrderId")
        if found is None:
            raise _NO_LIST
        return payloads.order_list(found, self._orders(found))

    def all(self, call: Call) -> list[Json]:
        """GET allOrderList: from fromId on, or the newest."""
        first, limit = call.params.optional_whole("fromId"), call.params.limit(500, 1000)
        start_ms, end_ms = call.params.optional_time_ms("startTime"), call.params.optional_time_ms("endTime")
        found = self._venue.store.lists(call.account, first or 0)
        found = [each for each in found if (start_ms or 0) <= each.created_ms <= (end_ms or each.created_ms)]
        chosen = found[:limit] if first is not None else found[-limit:]
        return [payloads.order_list(each, self._orders(each)) for each in chosen]

    def open(self, call: Call) -> list[Json]:
        """GET openOrderList."""
        found = [(each, self._orders(each)) for each in self._venue.store.lists(call.account)]
        return [payloads.order_list(each, orders) for each, orders in found if any(order.is_open for order in orders)]

    def _place(self, call: Call, entry: ListEntry) -> Json:
        call.charge()
        outcome = self._venue.place_list(call.account, entry.wish, call.now_ms)
        (made,) = outcome.lists
        taken: dict[int, Order] = {}
        for each in outcome.executions:  # the answer shows the pending order as it was accepted, not its current state
            if each.order.order_id == made.order_ids[0] or each.order.order_id not in taken:
                taken[each.order.order_id] = each.order
        return payloads.new_list(made, [taken[order_id] for order_id in made.order_ids], entry.detail)

    def _named(self, call: Call, client_id_name: str) -> OrderList | None:
        list_id, client_id = call.params.optional_whole("orderListId"), call.params.client_id(client_id_name)
        if list_id is None and not client_id:
            raise neither(client_id_name, "orderListId")
        for each in reversed(self._venue.store.lists(call.account)):
            if list_id in {None, each.list_id} and client_id in {"", each.client_id}:
                return each
        return None

    def _orders(self, it: OrderList) -> list[Order]:
        found = (self._venue.store.order(it.account, it.symbol, order_id) for order_id in it.order_ids)
        return [order for order in found if order is not None]
