"""REST: how requests are read from HTTP, and how answers are written to it."""

from urllib.parse import parse_qsl

from aiohttp import web

from simex.errors import ApiError
from simex.gateway import Answer, Gateway, Request
from simex.params import Params
from simex.signing import without_signature


class Rest:
    """The aiohttp handler of everything under `/api/v3`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def handle(self, request: web.Request) -> web.Response:
        """Answers one request."""
        body = await request.text()
        answer = self._answer(request, body)
        return web.json_response(answer.body, status=answer.status)

    def _answer(self, request: web.Request, body: str) -> Answer:
        endpoint = self._gateway.by_route.get((request.method, request.match_info["path"]))
        if endpoint is None:
            unknown = _no_such(request.method, request.match_info["path"])
            return Answer(unknown.status, unknown.body)
        query = request.raw_path.partition("?")[2]  # as it was sent: the signature is over these very characters
        return self._gateway.answer(
            endpoint,
            Request(
                params=Params(dict(parse_qsl(query)) | dict(parse_qsl(body))),
                api_key=request.headers.get("X-MBX-APIKEY", ""),
                signed=without_signature(query) + without_signature(body),
                ip=request.remote or "",
            ),
        )


def _no_such(method: str, path: str) -> ApiError:
    return ApiError(-1, f"{method} /api/v3/{path} is not part of simex; docs/simex.md lists what is.", 404)
