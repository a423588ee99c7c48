"""The signed text of a request, and the time window in which a signed request is valid."""

import re

from simex.protocol.errors import ApiError
from simex.protocol.params import Params

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1_000

_SIGNATURE = re.compile(r"&?signature=[^&]*")


def without_signature(text: str) -> str:
    """A query string or form body as it was signed."""
    return _SIGNATURE.sub("", text).removeprefix("&")


def check_window(params: Params, now_ms: int) -> None:
    """Raises ApiError for a request older than its recvWindow, or more than a second ahead of our clock.

    This is Binance's rule. It bounds how late a request that got lost can still be accepted.
    """
    time_ms = params.time_ms("timestamp")
    window_ms = params.window_ms("recvWindow", DEFAULT_WINDOW_MS)
    if window_ms > MAX_WINDOW_MS:
        raise ApiError(-1131, "recvWindow must be less than 60000")
    if time_ms >= now_ms + AHEAD_MS:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - time_ms > window_ms:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
