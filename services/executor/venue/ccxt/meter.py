"""Hook between ccxt and the network: each read pays before it is signed, and each reply corrects our counts.

A place or a cancel was paid for by the sender before its timestamp was committed, so it never waits here.
"""

import re
from collections.abc import Mapping
from typing import Any

from executor.venue.limits.rate_limit import LimitKind, RateLimit, Reason
from executor.venue.limits.request_weights import RequestWeights
from executor.venue.limits.throttle import Throttle
from gridservice.clock import now_ms
from gridservice.silence import silence_in

_SPOT_APIS = frozenset({"public", "private", "v1", "v3"})
_WEIGHT_HEADER = re.compile(r"x-mbx-used-weight-(\d+)([smhd])", re.IGNORECASE)
_ORDERS_HEADER = re.compile(r"x-mbx-order-count-(\d+)([smhd])", re.IGNORECASE)
_UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_INTERVALS_MS = {"SECOND": 1_000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}
_ORDERS_CODE = re.compile(r'"code":\s*-1015')
_ORDERS_WINDOW = re.compile(r"per (\d+) (SECOND|MINUTE|HOUR|DAY)", re.IGNORECASE)


def install_meter(client: Any, throttle: Throttle, weights: RequestWeights) -> None:
    """Routes every request of this ccxt client through the throttle from now on."""
    fetch, parse = client.fetch2, client.handle_errors

    async def fetch2(
        path: str, api: Any = "public", method: str = "GET", params: Any = None, *rest: Any, **named: Any
    ) -> Any:
        if method != "GET":
            return await fetch(path, api, method, params or {}, *rest, **named)
        spot = (api if isinstance(api, str) else api[0]) in _SPOT_APIS
        ticket = await throttle.acquire_read(weights.of(method, path, params or {}) if spot else 1)
        try:
            reply = await fetch(path, api, method, params or {}, *rest, **named)
        finally:
            ticket.settle()
        if path == "exchangeInfo" and isinstance(reply, dict) and isinstance(reply.get("rateLimits"), list):
            throttle.set_limits(limits_of(reply["rateLimits"]))
        return reply

    def handle_errors(
        code: int, reason: str, url: str, method: str, headers: Any, body: str, reply: Any, *rest: Any
    ) -> Any:
        take_counts(headers or {}, throttle)
        silence = silence_in(code, headers or {}, body or "", now_ms(), throttle.ahead_ms)
        if silence is not None:
            throttle.be_silent(Reason(silence[0]), silence[1])
        return parse(code, reason, url, method, headers, body, reply, *rest)

    client.fetch2, client.handle_errors = fetch2, handle_errors


def limits_of(rows: list[Any]) -> list[RateLimit]:
    """Reads the supported kinds from exchangeInfo's `rateLimits`; skips malformed rows."""
    found = []
    for row in rows:
        try:
            kind = LimitKind(row["rateLimitType"])
            window_ms = int(row["intervalNum"]) * _INTERVALS_MS[row["interval"]]
            found.append(RateLimit(kind, window_ms, int(row["limit"])))
        except (KeyError, TypeError, ValueError):
            continue
    return found


def take_counts(headers: Mapping[str, str], throttle: Throttle) -> None:
    """Corrects the counts by the headers of a reply."""
    for name, value in headers.items():
        for pattern, kind in ((_WEIGHT_HEADER, LimitKind.WEIGHT), (_ORDERS_HEADER, LimitKind.ORDERS)):
            match = pattern.fullmatch(name)
            if match is not None and value.isdecimal():
                throttle.correct(kind, int(match[1]) * _UNITS_MS[match[2].lower()], int(value))


def order_window_ms(text: str) -> int | None:
    """Returns the window of an order count refusal: 0 if it is not named, None for any other refusal."""
    if not _ORDERS_CODE.search(text):
        return None
    match = _ORDERS_WINDOW.search(text)
    return 0 if match is None else int(match[1]) * _INTERVALS_MS[match[2].upper()]
