"""Builds the answers of faulty requests and reads the exchange's own answers: pure, JSON in and out."""

from dataclasses import replace

from simex.faults.kinds import Fault
from simex.protocol.call import Answer
from simex.protocol.rate_intervals import Wait

_ADVICE = "Please use WebSocket Streams for live updates to avoid"

# Binance's message and HTTP status by code. Source: "Error codes" of its spot API documentation.
_SAYS: dict[int, tuple[int, str]] = {
    -1000: (500, "An unknown error occurred while processing the request."),
    -1001: (500, "Internal error; unable to process your request. Please try again."),
    -1002: (401, "You are not authorized to execute this request."),
    -1003: (
        429,
        f"Too much request weight used; current limit is 6000 request weight per 1 MINUTE. {_ADVICE} polling the API.",
    ),
    -1006: (500, "An unexpected response was received from the message bus. Execution status unknown."),
    -1007: (504, "Timeout waiting for response from backend server. Send status unknown; execution status unknown."),
    -1008: (503, "Server is currently overloaded with other requests. Please try again in a few minutes."),
    -1013: (400, "Filter failure: LOT_SIZE"),
    -1015: (429, "Too many new orders; current limit is 100 orders per 10 SECOND."),
    -1016: (503, "This service is no longer available."),
    -1021: (400, "Timestamp for this request is outside of the recvWindow."),
    -1022: (400, "Signature for this request is not valid."),
    -2010: (400, "Account has insufficient balance for requested action."),
    -2011: (400, "Unknown order sent."),
    -2013: (400, "Order does not exist."),
    -2014: (401, "API-key format invalid."),
    -2015: (401, "Invalid API-key, IP, or permissions for action."),
}
_TOO_MANY_ORDERS = -1015  # it does not contain a wait: see LimitSettings.order_retry_after
_BAN_MS, _MINUTE_MS = 120_000, 60_000


def error(fault: Fault, now_ms: int) -> Answer:
    """The error of an ERROR_CODE fault: its own message, or Binance's for the code."""
    status, message = _SAYS.get(fault.code, (400, "An unknown error occurred while processing the request."))
    ban_ms = fault.delay_ms or _BAN_MS
    if fault.status == 418 and fault.code == -1003:
        message = f"Way too much request weight used; IP banned until {now_ms + ban_ms}. {_ADVICE} bans."
    body = {"code": fault.code, "msg": fault.message or message}
    wait = None if fault.code == _TOO_MANY_ORDERS else _wait(fault.status or status, now_ms, ban_ms)
    return Answer(fault.status or status, body, wait=wait)


def _wait(status: int, now_ms: int, ban_ms: int) -> Wait | None:
    """The wait that a client over a limit is given: to the end of the minute, or of its ban."""
    match status:
        case 429:
            return Wait(now_ms, now_ms - now_ms % _MINUTE_MS + _MINUTE_MS)
        case 418:
            return Wait(now_ms, now_ms + ban_ms)
        case _:
            return None


def page(status: int) -> Answer:
    """A web page instead of an answer."""
    return Answer(status, f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>")


def market_closed() -> Answer:
    """The answer to a new order while the market is not trading; the code is the one observed on Binance."""
    return Answer(400, {"code": -1013, "msg": "Market is closed."})


def on_break(answer: Answer) -> Answer:
    """An exchangeInfo whose symbols do not trade."""
    if not isinstance(answer.body, dict) or not isinstance(symbols := answer.body.get("symbols"), list):
        return answer
    return replace(answer, body=answer.body | {"symbols": [each | {"status": "BREAK"} for each in symbols]})


def code_of(answer: Answer) -> int:
    """Binance's error code, 0 for any other answer."""
    code = answer.body.get("code") if isinstance(answer.body, dict) and not answer.ok else None
    return code if isinstance(code, int) else 0
