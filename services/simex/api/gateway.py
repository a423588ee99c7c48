"""Handles a request between transport and endpoint: access checks, rate limits and the form of errors.

REST and the websocket API differ only in how a request is encoded, so both use this gateway.
"""

import logging
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial

from gridsim.rules import Refused
from simex.access.keys import Keys
from simex.access.limits import Limits, OverLimitError
from simex.access.signing import check_window
from simex.access.weights import weight_of
from simex.protocol.call import Answer, Call, Endpoint, Request, Security
from simex.protocol.errors import UNKNOWN_OUTCOME, ApiError, of_refusal

_log = logging.getLogger(__name__)


class Gateway:
    """The endpoints behind the access checks. Single-threaded: no request sees another half done."""

    def __init__(self, endpoints: Iterable[Endpoint], keys: Keys, limits: Limits, clock_ms: Callable[[], int]) -> None:
        endpoints = tuple(endpoints)
        self.by_route = {(each.method, each.path): each for each in endpoints}
        self.by_ws = {each.ws: each for each in endpoints if each.ws}
        self._keys = keys
        self._limits = limits
        self._clock_ms = clock_ms

    def answer(self, endpoint: Endpoint, request: Request) -> Answer:
        """Checks a request and answers it, with the endpoint's result or an error."""
        visit = self._limits.visit(request.ip, weight_of(endpoint.name, request.params), self._clock_ms())
        reached = False
        try:
            visit.enter()
            account = self._let_in(endpoint, request)
            request.params.check(endpoint.accepted)
            reached = True
            body = endpoint.run(Call(request.params, self._clock_ms(), account, partial(visit.place, account)))
            return Answer(200, body, visit.leave(None), reached=True)
        except Refused as refused:
            error = of_refusal(refused)
        except ApiError as refusal:
            error = refusal
        except sqlite3.Error:
            _log.exception("the book on disk refused a write; the book was reloaded")
            error = UNKNOWN_OUTCOME
        over = isinstance(error, OverLimitError)
        wait = error.wait if isinstance(error, OverLimitError) else None
        return Answer(error.status, error.body, visit.leave(error), wait, reached and not over)

    def account_of(self, request: Request) -> str:
        """The account of the request's key, empty if the key is unknown. The signature is not checked yet."""
        return self._keys.owner(request.api_key)

    def _let_in(self, endpoint: Endpoint, request: Request) -> str:
        """The account of a request that passes the checks, in Binance's order: key, timestamp, signature."""
        if endpoint.security is Security.NONE:
            return ""
        key = self._keys.let_in(request.api_key, request.ip, endpoint.security, self._clock_ms())
        signature = request.params.text("signature")
        check_window(request.params, self._clock_ms())
        key.check_signature(request.signed, signature)
        return key.account
