"""Parses requests for an order list: an OCO or an OTO with both of its orders.

Source: "New Order list - OCO" and "New Order list - OTO" in rest-api.md of binance/binance-spot-api-docs, July 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from gridsim.orders import ListKind, NewList, NewOrder, OrderType, Side
from simex.protocol.errors import ApiError, invalid, missing
from simex.protocol.order_entry import Detail, read_entry
from simex.protocol.params import Params

_FIELDS = ("Type", "ClientOrderId", "Price", "StopPrice", "TrailingDelta", "TimeInForce", "StrategyId", "StrategyType")
_STOPS = frozenset({OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT})
_OF_OCO = _STOPS | {OrderType.LIMIT_MAKER, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
_WORKING = frozenset({OrderType.LIMIT, OrderType.LIMIT_MAKER})

OCO_TAKES = " ".join(
    (
        "symbol listClientOrderId side quantity newOrderRespType selfTradePreventionMode",
        *(f"{leg}{name}" for leg in ("above", "below") for name in (*_FIELDS, "IcebergQty")),
    )
)
OTO_TAKES = " ".join(
    (
        "symbol listClientOrderId newOrderRespType selfTradePreventionMode",
        *(f"{leg}{name}" for leg in ("working", "pending") for name in (*_FIELDS, "IcebergQty", "Side", "Quantity")),
    )
)


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A requested list, and the requested form of the answer."""

    wish: NewList
    detail: Detail


def read_oco(symbol: str, params: Params) -> ListEntry:
    """Parses an OCO; its limit or take-profit order comes first. Raises ApiError."""
    shared = {"side": params.text("side"), "quantity": params.text("quantity")}
    above, below = (_leg(symbol, params, leg, shared) for leg in ("above", "below"))
    for name, order in (("aboveType", above), ("belowType", below)):
        if order.type not in _OF_OCO:
            raise invalid(name)
    if (above.type in _STOPS) is (below.type in _STOPS):
        raise ApiError(-1158, "Order type not supported in OCO.")
    if (above.type in _STOPS) is not (above.side is Side.BUY):
        raise ApiError(-2010, "The relationship of the prices for the orders is not correct.")
    orders = (below, above) if above.type in _STOPS else (above, below)
    return _entry(ListKind.OCO, orders, params)


def read_oto(symbol: str, params: Params) -> ListEntry:
    """Parses an OTO. Raises ApiError."""
    working, pending = (
        _leg(symbol, params, leg, {"side": params.text(f"{leg}Side"), "quantity": params.text(f"{leg}Quantity")})
        for leg in ("working", "pending")
    )
    if working.type not in _WORKING:
        raise invalid("workingType")
    return _entry(ListKind.OTO, (working, pending), params)


def _entry(kind: ListKind, orders: tuple[NewOrder, NewOrder], params: Params) -> ListEntry:
    detail = params.optional_word("newOrderRespType", Detail, Detail.RESULT)
    return ListEntry(NewList(kind, orders, params.client_id("listClientOrderId")), detail)


def _leg(symbol: str, params: Params, leg: str, shared: Mapping[str, str]) -> NewOrder:
    """Parses one of the two orders: its parameters without the leg's prefix are those of a single order."""
    values = dict(shared)
    for name in (*_FIELDS, "IcebergQty"):
        if (value := params.optional(f"{leg}{name}")) is not None:
            single = "newClientOrderId" if name == "ClientOrderId" else name[0].lower() + name[1:]
            values[single] = value
    if "type" not in values:
        raise missing(f"{leg}Type")
    mode = params.optional("selfTradePreventionMode")
    return read_entry(symbol, Params(values | ({"selfTradePreventionMode": mode} if mode else {}))).order
