"""HTTP middleware: limits the sockets that an address opens, and gives HTTP errors the form of Binance's errors."""

import codecs
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from simex.access.limits import API_SOCKET_WEIGHT, Limits, OverLimitError
from simex.protocol.errors import ApiError

_log = logging.getLogger(__name__)

_REST, _STREAMS, _API = "/api/", ("/ws", "/stream"), "/ws-api/"
_UNKNOWN = ApiError(-1000, "An unknown error occurred while processing the request.", 500)
_ILLEGAL = ApiError(-1100, "Illegal characters found in a parameter.")


def middleware(limits: Limits, clock_ms: Callable[[], int]) -> Middleware:
    """Wraps every request."""

    @web.middleware
    async def handle(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            if request.path.startswith((*_STREAMS, _API)):
                weight = API_SOCKET_WEIGHT if request.path.startswith(_API) else 0
                limits.connect(request.remote or "", clock_ms(), weight)
            if not _known(request.charset):
                return web.json_response(_ILLEGAL.body, status=_ILLEGAL.status)
            return await handler(request)
        except OverLimitError as error:
            return web.json_response(error.body, status=error.status, headers=error.wait.headers if error.wait else {})
        except web.HTTPException as error:
            refusal = ApiError(-1000, f"{error.reason}.", error.status)
            return web.json_response(refusal.body, status=refusal.status)
        except (UnicodeDecodeError, web.RequestPayloadError):
            return web.json_response(_ILLEGAL.body, status=_ILLEGAL.status)
        except ConnectionError:
            raise  # the client has disconnected
        except Exception:
            if not request.path.startswith(_REST):
                raise
            _log.exception("a request could not be answered")  # answered with JSON like Binance, not with a page
            return web.json_response(_UNKNOWN.body, status=_UNKNOWN.status)

    return handle


def _known(charset: str | None) -> bool:
    try:
        codecs.lookup(charset or "utf-8")
    except LookupError:
        return False
    return True
