"""Binance's error codes in simex's answers, and the table from the exchange's refusals to them.

Source: errors.md of binance/binance-spot-api-docs, July 2026, and the messages that ccxt matches.
"""

from collections.abc import Mapping

from gridsim.rules import Reason, Refused


class ApiError(Exception):
    """An answer `{"code": …, "msg": …}` with an HTTP status; `data` has the details that Binance adds."""

    def __init__(self, code: int, message: str, status: int = 400, data: Mapping[str, object] | None = None) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status
        self.data = data

    @property
    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        more = {} if self.data is None else {"data": self.data}
        return {"code": self.code, "msg": self.message, **more}


# Checks of the order alone, before the matching engine: -1013.
_FILTERS = frozenset(
    {
        Reason.PRICE_FILTER,
        Reason.PERCENT_PRICE,
        Reason.PERCENT_PRICE_BY_SIDE,
        Reason.LOT_SIZE,
        Reason.MARKET_LOT_SIZE,
        Reason.MIN_NOTIONAL,
        Reason.TRAILING_DELTA,
        Reason.NOTIONAL,
    }
)
# Checks of the account's balances and open orders by the matching engine: -2010, as in JKorf/Binance.Net#1212.
_FILTERS_OF_ENGINE = frozenset(
    {
        Reason.MAX_NUM_ORDERS,
        Reason.MAX_NUM_ALGO_ORDERS,
        Reason.MAX_NUM_ORDER_LISTS,
        Reason.EXCHANGE_MAX_NUM_ORDERS,
        Reason.MAX_POSITION,
    }
)
_REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.MARKET_CLOSED: (-1013, "Market is closed."),
    Reason.DUPLICATE: (-2010, "Duplicate order sent."),
    Reason.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.WOULD_MATCH: (-2010, "Order would immediately match and take."),
    Reason.WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    Reason.BAD_LIST_PRICES: (-2010, "The relationship of the prices for the orders is not correct."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
}


def of_refusal(refused: Refused) -> ApiError:
    """The error that Binance answers for a refusal."""
    if refused.reason in _FILTERS:
        return ApiError(-1013, f"Filter failure: {refused.reason.value}")
    if refused.reason in _FILTERS_OF_ENGINE:
        return ApiError(-2010, f"Filter failure: {refused.reason.value}")
    return ApiError(*_REFUSALS[refused.reason])


def missing(name: str) -> ApiError:
    """A required parameter is missing."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def empty(name: str) -> ApiError:
    """A parameter that was sent without a value."""
    return ApiError(-1105, f"Parameter '{name}' was empty.")


def neither(first: str, second: str) -> ApiError:
    """Neither of two parameters was sent, and one is required."""
    return ApiError(-1102, f"Param '{first}' or '{second}' must be sent, but both were empty/null!")


def not_required(name: str) -> ApiError:
    """A parameter is not allowed together with the others."""
    return ApiError(-1106, f"Parameter '{name}' sent when not required.")


def invalid(name: str) -> ApiError:
    """A parameter has an invalid value."""
    return ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")


def illegal(name: str, legal: str) -> ApiError:
    """A parameter has illegal characters; `legal` is the pattern of the legal ones."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def no_order() -> ApiError:
    """A query for an order that does not exist."""
    return ApiError(-2013, "Order does not exist.")


def unknown_order() -> ApiError:
    """A cancel of an order that is not open, whether it ever existed or not."""
    return ApiError(-2011, "Unknown order sent.")


UNKNOWN_OUTCOME = ApiError(
    -1006, "An unexpected response was received from the message bus. Execution status unknown.", 500
)
"""The disk refused the write. The client should treat this as it does on Binance."""
