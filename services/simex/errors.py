"""Binance's error codes as simex answers them, and the one table from the exchange's refusals to them.

Source: Binance spot API, "Error codes", and the messages that ccxt matches.
"""

from gridsim.rules import Reason, Refused


class ApiError(Exception):
    """An answer `{"code": …, "msg": …}` with an HTTP status."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status

    @property
    def body(self) -> dict[str, object]:
        """The answer's JSON."""
        return {"code": self.code, "msg": self.message}


_FILTERS = frozenset(
    {
        Reason.PRICE_FILTER,
        Reason.PERCENT_PRICE_BY_SIDE,
        Reason.LOT_SIZE,
        Reason.NOTIONAL,
        Reason.MAX_NUM_ORDERS,
    }
)
_REFUSALS: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
    Reason.DUPLICATE: (-2010, "Duplicate order sent."),
    Reason.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    Reason.WOULD_MATCH: (-2010, "Order would immediately match and take."),
    Reason.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
}


def of_refusal(refused: Refused) -> ApiError:
    """The error that Binance answers with."""
    if refused.reason in _FILTERS:
        return ApiError(-1013, f"Filter failure: {refused.reason.value}")
    return ApiError(*_REFUSALS[refused.reason])


def missing(name: str) -> ApiError:
    """A parameter that must be there and is not."""
    return ApiError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> ApiError:
    """A parameter with characters it may not have; `legal` is the pattern of what it may."""
    return ApiError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def no_order() -> ApiError:
    """A query for an order that never was."""
    return ApiError(-2013, "Order does not exist.")


UNKNOWN_OUTCOME = ApiError(
    -1006, "An unexpected response was received from the message bus. Execution status unknown.", 500
)
"""The disk refused the write: what the client should make of it is what it makes of it on Binance."""
