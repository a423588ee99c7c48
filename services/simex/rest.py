"""HTTP in front of the endpoints: which path is which, who may call it, and how errors look on the wire."""

import logging
import sqlite3
from collections.abc import Callable
from urllib.parse import parse_qsl

from aiohttp import web

from gridsim.rules import Refused
from simex.errors import UNKNOWN_OUTCOME, ApiError, of_refusal
from simex.params import Params
from simex.private_api import PrivateApi
from simex.public_api import PublicApi
from simex.signing import Credentials, check_window, without_signature

Endpoint = Callable[[Params, int], object]
Route = tuple[str, str]

_log = logging.getLogger(__name__)


class Rest:
    """The aiohttp handler of everything under `/api/v3`."""

    def __init__(
        self, public: PublicApi, private: PrivateApi, credentials: Credentials, clock_ms: Callable[[], int]
    ) -> None:
        self._public = _public_routes(public)
        self._private = _private_routes(private)
        self._credentials = credentials
        self._clock_ms = clock_ms

    async def handle(self, request: web.Request) -> web.Response:
        """Answers one request."""
        body = await request.text()
        try:
            return web.json_response(self._answer(request, body))
        except Refused as refused:
            error = of_refusal(refused)
        except ApiError as refusal:
            error = refusal
        except sqlite3.Error:
            _log.exception("the book on disk refused a write; it was read anew")
            error = UNKNOWN_OUTCOME
        return web.json_response(error.body, status=error.status)

    def _answer(self, request: web.Request, body: str) -> object:
        route = (request.method, request.match_info["path"])
        query = request.raw_path.partition("?")[2]  # as it was sent: the signature is over these very characters
        params = Params(dict(parse_qsl(query)) | dict(parse_qsl(body)))
        endpoint = self._public.get(route)
        if endpoint is None:
            endpoint = self._private.get(route)
            if endpoint is None:
                raise ApiError(
                    -1, f"{route[0]} /api/v3/{route[1]} is not part of simex; docs/simex.md lists what is.", 404
                )
            self._let_in(
                request.headers.get("X-MBX-APIKEY", ""), without_signature(query) + without_signature(body), params
            )
        return endpoint(params, self._clock_ms())

    def _let_in(self, api_key: str, signed: str, params: Params) -> None:
        self._credentials.check_key(api_key)
        signature = params.text("signature")
        check_window(params, self._clock_ms())
        self._credentials.check_signature(signed, signature)


def _public_routes(api: PublicApi) -> dict[Route, Endpoint]:
    return {
        ("GET", "ping"): api.ping,
        ("GET", "time"): api.time,
        ("GET", "exchangeInfo"): api.exchange_info,
        ("GET", "depth"): api.depth,
        ("GET", "trades"): api.trades,
        ("GET", "aggTrades"): api.aggregate_trades,
        ("GET", "klines"): api.klines,
        ("GET", "ticker/price"): api.price_ticker,
        ("GET", "ticker/bookTicker"): api.book_ticker,
        ("GET", "ticker/24hr"): api.day_ticker,
    }


def _private_routes(api: PrivateApi) -> dict[Route, Endpoint]:
    return {
        ("POST", "order"): api.new_order,
        ("GET", "order"): api.query_order,
        ("DELETE", "order"): api.cancel_order,
        ("DELETE", "openOrders"): api.cancel_all,
        ("GET", "openOrders"): api.open_orders,
        ("GET", "allOrders"): api.all_orders,
        ("GET", "myTrades"): api.my_trades,
        ("GET", "account"): api.account,
    }
