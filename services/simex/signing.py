"""Who may call: API key, HMAC-SHA256 signature, and the window of time in which a signed request is good."""

import hashlib
import hmac
import re
from dataclasses import dataclass, field

from simex.errors import ApiError
from simex.params import Params

DEFAULT_WINDOW_MS = 5_000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1_000

_SIGNATURE = re.compile(r"&?signature=[^&]*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The one key pair that simex knows."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)

    def check_key(self, api_key: str) -> None:
        """Raises ApiError unless it is the key."""
        if not api_key:
            raise ApiError(-2014, "API-key format invalid.", 401)
        if not hmac.compare_digest(api_key.encode(), self.api_key.encode()):
            raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", 401)

    def check_signature(self, payload: str, signature: str) -> None:
        """Raises ApiError unless the signature is that of the payload as it was sent."""
        expected = hmac.new(self.api_secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise ApiError(-1022, "Signature for this request is not valid.")


def without_signature(text: str) -> str:
    """A query string or form body as it was signed."""
    return _SIGNATURE.sub("", text).removeprefix("&")


def check_window(params: Params, now_ms: int) -> None:
    """Raises ApiError for a request that is older than its recvWindow, or more than a second ahead of our clock.

    This is Binance's rule, and what bounds how late a request that got lost can still be accepted.
    """
    time_ms = params.whole("timestamp")
    window_ms = params.optional_whole("recvWindow") or DEFAULT_WINDOW_MS
    if window_ms > MAX_WINDOW_MS:
        raise ApiError(-1131, "recvWindow must be less than 60000")
    if time_ms >= now_ms + AHEAD_MS:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ms - time_ms > window_ms:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")
