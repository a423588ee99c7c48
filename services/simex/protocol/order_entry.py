"""Parses trading requests into orders and validates them as far as possible without the book.

Source: "New order", "Cancel order" and "Cancel an Existing Order and Send a New Order" in rest-api.md of
binance/binance-spot-api-docs, July 2026.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from gridsim.account import ZERO
from gridsim.orders import NewOrder, Order, OrderStatus, OrderType, SelfTrade, Side, TimeInForce
from simex.protocol.errors import ApiError, missing, neither, not_required
from simex.protocol.params import Params

_TOLD_IN_FULL = frozenset({OrderType.LIMIT, OrderType.MARKET})
_LEAST_STRATEGY_TYPE = 1_000_000
_OF_ALGO_MARKET, _OF_ALGO_LIMIT = ("quantity",), ("timeInForce", "quantity", "price")
_NOT_OF_ALGO_MARKET = ("timeInForce", "price", "quoteOrderQty", "icebergQty")
_NEEDS = {
    OrderType.LIMIT: ("timeInForce", "quantity", "price"),
    OrderType.LIMIT_MAKER: ("quantity", "price"),
    OrderType.MARKET: (),
    OrderType.STOP_LOSS: _OF_ALGO_MARKET,
    OrderType.TAKE_PROFIT: _OF_ALGO_MARKET,
    OrderType.STOP_LOSS_LIMIT: _OF_ALGO_LIMIT,
    OrderType.TAKE_PROFIT_LIMIT: _OF_ALGO_LIMIT,
}
_REFUSES = {
    OrderType.LIMIT: ("quoteOrderQty", "stopPrice", "trailingDelta"),
    OrderType.LIMIT_MAKER: ("timeInForce", "quoteOrderQty", "stopPrice", "trailingDelta"),
    OrderType.MARKET: ("timeInForce", "price", "stopPrice", "trailingDelta", "icebergQty"),
    OrderType.STOP_LOSS: _NOT_OF_ALGO_MARKET,
    OrderType.TAKE_PROFIT: _NOT_OF_ALGO_MARKET,
    OrderType.STOP_LOSS_LIMIT: ("quoteOrderQty",),
    OrderType.TAKE_PROFIT_LIMIT: ("quoteOrderQty",),
}


class Detail(Enum):
    """How detailed the answer to an order is."""

    ACK = "ACK"
    RESULT = "RESULT"
    FULL = "FULL"


class Restriction(Enum):
    """The state that an order must be in to be cancelled."""

    ONLY_NEW = OrderStatus.NEW
    ONLY_PARTIALLY_FILLED = OrderStatus.PARTIALLY_FILLED


class ReplaceMode(Enum):
    """Whether the new order is placed if the old one could not be cancelled."""

    STOP_ON_FAILURE = "STOP_ON_FAILURE"
    ALLOW_FAILURE = "ALLOW_FAILURE"


class OverLimitMode(Enum):
    """What a cancel-replace does if the account is over its order limit."""

    DO_NOTHING = "DO_NOTHING"
    CANCEL_ONLY = "CANCEL_ONLY"


@dataclass(frozen=True, slots=True)
class Entry:
    """A requested order, and the requested form of the answer."""

    order: NewOrder
    detail: Detail


@dataclass(frozen=True, slots=True)
class OrderName:
    """How a request names an order: by its id, its client id (empty if not given), or both."""

    order_id: int | None
    client_id: str

    def fits(self, order: Order) -> bool:
        """Whether an order found by one of them also matches the other."""
        return self.client_id in {"", order.client_order_id}


def read_name(params: Params, id_name: str = "orderId", client_id_name: str = "origClientOrderId") -> OrderName:
    """Parses which order a request names. Raises ApiError."""
    name = OrderName(params.optional_whole(id_name), params.client_id(client_id_name))
    if name.order_id is None and not name.client_id:
        raise neither(client_id_name, id_name)
    return name


def read_entry(symbol: str, params: Params) -> Entry:
    """Parses the order of a request. Raises ApiError."""
    side = params.word("side", Side, ApiError(-1117, "Invalid side."))
    kind = _type(params)
    _check_combination(kind, params)
    return Entry(
        NewOrder(
            symbol=symbol,
            side=side,
            type=kind,
            quantity=_amount(params, "quantity"),
            price=_amount(params, "price"),
            time_in_force=params.optional_word(
                "timeInForce", TimeInForce, TimeInForce.GTC, ApiError(-1115, "Invalid timeInForce.")
            ),
            client_order_id=params.client_id("newClientOrderId"),
            self_trade=params.optional_word(
                "selfTradePreventionMode", SelfTrade, SelfTrade.EXPIRE_MAKER, _not_allowed(params)
            ),
            quote_quantity=_amount(params, "quoteOrderQty"),
            strategy_id=params.optional_whole("strategyId"),
            strategy_type=_strategy_type(params),
            stop_price=_amount(params, "stopPrice"),
            trailing_delta=params.optional_whole("trailingDelta") or 0,
        ),
        params.optional_word("newOrderRespType", Detail, Detail.FULL if kind in _TOLD_IN_FULL else Detail.ACK),
    )


def read_restriction(params: Params) -> Restriction | None:
    """Parses the state that an order must be in to be cancelled, None for any. Raises ApiError."""
    if "cancelRestrictions" not in params:
        return None
    try:
        return Restriction[params.text("cancelRestrictions")]
    except KeyError:
        raise ApiError(-1145, "Invalid cancelRestrictions") from None


def _type(params: Params) -> OrderType:
    return params.word("type", OrderType, ApiError(-1116, "Invalid orderType."))


def _check_combination(kind: OrderType, params: Params) -> None:
    _check_presence(kind, params)
    if "icebergQty" in params:
        raise ApiError(-1013, "Iceberg orders are not supported for this symbol.")
    if any(name in params for name in ("pegPriceType", "pegOffsetType", "pegOffsetValue")):
        raise ApiError(-1013, "Pegged orders are not supported for this symbol.")
    if kind is OrderType.MARKET:
        if "quantity" in params and "quoteOrderQty" in params:
            raise not_required("quantity")
        if "quantity" not in params and "quoteOrderQty" not in params:
            raise neither("quantity", "quoteOrderQty")
    if kind.is_algo and "stopPrice" not in params and "trailingDelta" not in params:
        raise neither("stopPrice", "trailingDelta")


def _check_presence(kind: OrderType, params: Params) -> None:
    for name in _NEEDS[kind]:
        if name not in params:
            raise missing(name)
    for name in _REFUSES[kind]:
        if name in params:
            raise not_required(name)


def _amount(params: Params, name: str) -> Decimal:
    return params.amount(name) if name in params else ZERO


def _strategy_type(params: Params) -> int | None:
    strategy_type = params.optional_whole("strategyType")
    if strategy_type is not None and strategy_type < _LEAST_STRATEGY_TYPE:
        raise ApiError(-1134, "strategyType was less than 1000000.")
    return strategy_type


def _not_allowed(params: Params) -> ApiError | None:
    """The error for modes that Binance has and simex's symbols do not allow; unknown modes are simply invalid."""
    if params.optional("selfTradePreventionMode") in {"DECREMENT", "TRANSFER"}:
        return ApiError(-1013, "This symbol does not allow the specified self-trade prevention mode.")
    return None
