"""Requests of public-stream clients: subscribe, unsubscribe, list subscriptions, get and set properties.

Source of methods and messages: "Live Subscribing/Unsubscribing to streams" in web-socket-streams.md of
binance/binance-spot-api-docs. The form `{"error": …, "id": …}` and code 4 come from clients' recordings.
"""

import json
import re

from simex.protocol.formats import Json
from simex.streams.subscriptions import Listener, Subscriptions

_ID = re.compile(r"[a-zA-Z0-9-]{0,36}")  # "alphanumeric strings", and Binance's own clients send UUIDs
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class _StreamError(Exception):
    """An answer `{"error": {"code": …, "msg": …}}`."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.error: Json = {"code": code, "msg": message}


def answer(audience: Subscriptions, listener: Listener, text: str) -> Json:
    """Executes a client's request and returns the answer or the error, with the request's id if it is valid."""
    request_id: object = None
    try:
        request = _read(text)
        request_id = _id(request)
        return {"result": _run(audience, listener, request), "id": request_id}
    except _StreamError as refused:
        return {"error": refused.error, "id": request_id}


def _run(audience: Subscriptions, listener: Listener, request: Json) -> object:
    params = request.get("params", [])
    match request["method"]:
        case "SUBSCRIBE":
            if not audience.join(listener, _streams(params)):
                raise _StreamError(4, "Too many subscriptions")
            return None
        case "UNSUBSCRIBE":
            audience.leave(listener, _streams(params))
            return None
        case "LIST_SUBSCRIPTIONS":
            return list(listener.streams)
        case "SET_PROPERTY":
            listener.combined = _property(params, 2)
            return None
        case "GET_PROPERTY":
            _property(params, 1)
            return listener.combined
        case method:
            known = ", ".join(f"`{each}`" for each in _METHODS)
            raise _invalid(f"unknown variant `{method}`, expected one of {known}")


def _read(text: str) -> Json:
    try:
        request = json.loads(text)
    except (ValueError, RecursionError):
        raise _StreamError(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(request, dict):
        raise _invalid("expected an object")
    return request


def _id(request: Json) -> object:
    """Returns the request's id; also checks that there is a method."""
    request_id = request.get("id")
    whole = isinstance(request_id, int) and not isinstance(request_id, bool) and -(2**63) <= request_id < 2**63
    if not (request_id is None or whole or (isinstance(request_id, str) and _ID.fullmatch(request_id))):
        raise _invalid("request ID must be an unsigned integer")
    if "method" not in request:
        raise _invalid("missing field `method`")
    return request_id


def _streams(params: object) -> list[str]:
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        raise _invalid("params must be a list of stream names")
    return params


def _property(params: object, count: int) -> bool:
    """The value of the only property, if it is to be set."""
    if not isinstance(params, list) or not params or not isinstance(params[0], str):
        raise _invalid("property name must be a string")
    if len(params) > count:
        raise _invalid("too many parameters")
    if params[0] != "combined":
        raise _StreamError(0, "Unknown property")
    value = params[-1] if count == len(params) == 2 else None
    if count == 2 and not isinstance(value, bool):
        raise _StreamError(1, "Invalid value type: expected Boolean")
    return bool(value)


def _invalid(why: str) -> _StreamError:
    return _StreamError(2, f"Invalid request: {why}")
