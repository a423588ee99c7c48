"""Answers about order lists, key for key as Binance's."""

from collections.abc import Iterable, Sequence

from gridsim.orders import Order, OrderList
from simex.account import payloads
from simex.protocol.formats import Json, market_id
from simex.protocol.order_entry import Detail


def order_list(it: OrderList, orders: Sequence[Order], time_ms: int | None = None) -> Json:
    """GET orderList, allOrderList, openOrderList: `orders` in their current state."""
    done = not any(order.is_open for order in orders)
    return {
        "orderListId": it.list_id,
        "contingencyType": it.kind.value,
        "listStatusType": "ALL_DONE" if done else "EXEC_STARTED",
        "listOrderStatus": "ALL_DONE" if done else "EXECUTING",
        "listClientOrderId": it.client_id,
        "transactionTime": it.created_ms if time_ms is None else time_ms,
        "symbol": market_id(it.symbol),
        "orders": [
            {"symbol": market_id(it.symbol), "orderId": order.order_id, "clientOrderId": order.client_order_id}
            for order in sorted(orders, key=lambda order: order.order_id)
        ],
    }


def new_list(it: OrderList, orders: Sequence[Order], detail: Detail) -> Json:
    """POST orderList/oco, orderList/oto: `orders` as they were right after they were accepted."""
    reports = [payloads.new_order(order, (), (), detail) for order in orders]
    return order_list(it, orders) | {"orderReports": reports}


def cancelled_list(it: OrderList, orders: Sequence[Order], cancel_id: str, time_ms: int) -> Json:
    """DELETE orderList, or of one of its orders."""
    reports = [payloads.cancelled(order, cancel_id or payloads.cancel_id(order)) for order in orders]
    return order_list(it, orders, time_ms) | {"orderReports": reports}


def list_status(it: OrderList, orders: Iterable[Order], time_ms: int, now_ms: int) -> Json:
    """`listStatus` of the user stream."""
    told = order_list(it, list(orders))
    return {
        "e": "listStatus",
        "E": now_ms,
        "s": told["symbol"],
        "g": it.list_id,
        "c": it.kind.value,
        "l": told["listStatusType"],
        "L": told["listOrderStatus"],
        "r": "NONE",
        "C": it.client_id,
        "T": time_ms,
        "O": [
            {"s": market_id(it.symbol), "i": order.order_id, "c": order.client_order_id}
            for order in sorted(orders, key=lambda order: order.order_id)
        ],
    }
