"""Meaning of ccxt's errors by operation, in one table.

Only an order with an id means placed. Only a parsed refusal of the "not placed" kind means not placed. Everything else
is unknown. The same error means "nothing happened" for a read and "unknown" for a create.
"""

import re
from typing import Final

import aiohttp
import ccxt  # noqa: TID251  # one of the adapter's modules

from executor.venue.ccxt.meter import order_window_ms
from executor.venue.limits.throttle import BlockedError
from executor.venue.port import (
    ClockRefusedError,
    DuplicateError,
    KeysRefusedError,
    OutcomeUnknownError,
    ReadFailedError,
    Refusal,
    RefusedError,
    UnknownOrderError,
    VenueError,
)

REFUSALS: Final[tuple[tuple[type[ccxt.BaseError], Refusal], ...]] = (
    (ccxt.InsufficientFunds, Refusal.INSUFFICIENT_FUNDS),
    (ccxt.OrderImmediatelyFillable, Refusal.WOULD_MATCH),
    (ccxt.InvalidNonce, Refusal.CLOCK_SKEW),  # -1021: a NetworkError by class, yet a refusal
    (ccxt.DDoSProtection, Refusal.RATE_LIMITED),  # 429 and 418 with any code; also -2015 after an earlier success
    (ccxt.RateLimitExceeded, Refusal.RATE_LIMITED),  # not a subclass of the other
    (ccxt.AuthenticationError, Refusal.KEY_REFUSED),  # PermissionDenied and AccountSuspended are its subclasses
    (ccxt.MarketClosed, Refusal.MARKET_CLOSED),
    (ccxt.BadSymbol, Refusal.SYMBOL_REFUSED),
    (ccxt.InvalidOrder, Refusal.INVALID_ORDER),  # steps and filters; OrderNotFound is handled before
    (ccxt.BadRequest, Refusal.INVALID_ORDER),
    (ccxt.ArgumentsRequired, Refusal.INVALID_ORDER),  # ccxt's own, before sending
)
"""Classes that mean "not placed"; the first match counts. Any other class means unknown."""

_DUPLICATE = re.compile(r"duplicate", re.IGNORECASE)  # -2010 "Duplicate order sent." comes as InvalidOrder
_PLACES = re.compile(r"MAX_NUM_ORDERS|too many open orders", re.IGNORECASE)
_KEY_CODE = re.compile(r'"code":\s*-2015')
_BANNED_UNTIL = re.compile(r"until (\d{13})")
_SILENCE_MS = 5_000  # after a 429 or 418 without a duration
_LONGEST_SENTENCE = 300


def of_create(error: Exception, now_ms: int, retry_after_ms: int) -> VenueError:
    """Returns the meaning of an exception of create_order."""
    if isinstance(error, ccxt.OrderNotFound):
        return OutcomeUnknownError(sentence(error))
    if isinstance(error, ccxt.DuplicateOrderId) or (
        isinstance(error, ccxt.InvalidOrder) and _DUPLICATE.search(str(error))
    ):
        return DuplicateError(sentence(error))
    return _refusal(error, now_ms, retry_after_ms) or OutcomeUnknownError(sentence(error))


def of_cancel(error: Exception, now_ms: int, retry_after_ms: int) -> VenueError:
    """Returns the meaning of an exception of cancel_order.

    "Unknown order" has several causes: the caller looks it up.
    """
    if isinstance(error, ccxt.OrderNotFound):
        return UnknownOrderError(sentence(error))
    return _refusal(error, now_ms, retry_after_ms) or OutcomeUnknownError(sentence(error))


def of_read(error: Exception, now_ms: int, retry_after_ms: int) -> ReadFailedError:
    """Returns the meaning of an exception of a read: nothing is known, or the keys or our clock are refused."""
    if isinstance(error, BlockedError):
        return ReadFailedError(str(error), blocked_until_ms=error.until_ms if error.silence else 0, unpaid=True)
    refusal = _refusal(error, now_ms, retry_after_ms)
    if refusal is not None and refusal.reason is Refusal.KEY_REFUSED:
        return KeysRefusedError(sentence(error))
    if refusal is not None and refusal.reason is Refusal.CLOCK_SKEW:
        return ClockRefusedError(sentence(error))
    return ReadFailedError(sentence(error), blocked_until_ms=_silence(error, now_ms, retry_after_ms))


def sentence(error: BaseException) -> str:
    """Returns the error's class and text in one line, without the URL, which contains the signature."""
    text = re.sub(r"https?://\S+", "<url>", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text}"[:_LONGEST_SENTENCE]


def never_connected(error: BaseException) -> bool:
    """Returns whether no connection was made. ccxt uses one class for this and for a reset; only the cause differs."""
    cause = error.__cause__
    return isinstance(cause, aiohttp.ClientConnectorError)


def _refusal(error: Exception, now_ms: int, retry_after_ms: int) -> RefusedError | None:
    if never_connected(error):
        return RefusedError(Refusal.VENUE_UNREACHABLE, sentence(error))
    window_ms = order_window_ms(str(error))
    if window_ms is not None:
        return RefusedError(Refusal.ORDER_LIMIT, sentence(error), order_window_ms=window_ms)
    if isinstance(error, ccxt.InvalidOrder | ccxt.BadRequest) and _PLACES.search(str(error)):
        return RefusedError(Refusal.ORDER_PLACES, sentence(error))
    for kind, reason in REFUSALS:
        if isinstance(error, kind):
            if reason is Refusal.RATE_LIMITED and _KEY_CODE.search(str(error)):
                return RefusedError(Refusal.KEY_REFUSED, sentence(error))
            return RefusedError(reason, sentence(error), blocked_until_ms=_silence(error, now_ms, retry_after_ms))
    return None


def _silence(error: Exception, now_ms: int, retry_after_ms: int) -> int:
    """Returns the local time (ms) until which nothing may be sent; 0 if there is no limit.

    It is the end of a ban, Retry-After, or a few seconds.
    """
    if not isinstance(error, ccxt.DDoSProtection | ccxt.RateLimitExceeded) or _KEY_CODE.search(str(error)):
        return 0
    if order_window_ms(str(error)) is not None:
        return 0
    banned = _BANNED_UNTIL.search(str(error))
    if banned is not None:
        return int(banned.group(1))
    return now_ms + (retry_after_ms or _SILENCE_MS)
