"""REST: reads requests from HTTP and writes the answers, including faulty ones."""

import contextlib
import json
import socket
import struct
from urllib.parse import parse_qsl

from aiohttp import web

from simex.access.signing import without_signature
from simex.api.fault_gateway import FaultGateway, Reply, Wire
from simex.api.gateway import Gateway
from simex.protocol.call import Answer, Request
from simex.protocol.params import Params

_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends RST in place of FIN


class Rest:
    """The aiohttp handler of everything under `/api/v3`."""

    def __init__(self, gateway: Gateway, front: FaultGateway) -> None:
        self._gateway = gateway
        self._front = front

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request, or applies its fault."""
        asked = _read(request, await request.text())
        endpoint = self._gateway.by_route.get((request.method, request.match_info["path"]))
        if endpoint is None:
            return _written(self._front.unknown(f"{request.method} {request.match_info['path']}", asked))
        arrival = self._front.receive(endpoint, asked, "REST")
        if arrival.fault is None:
            return _written(self._front.answer(arrival))
        return await _apply_fault(request, await self._front.suffer(arrival.fault, arrival))


def _read(request: web.Request, body: str) -> Request:
    query = request.raw_path.partition("?")[2]  # as it was sent: the signature covers exactly these characters
    return Request(
        params=Params.of(parse_qsl(query, keep_blank_values=True), parse_qsl(body, keep_blank_values=True)),
        api_key=request.headers.get("X-MBX-APIKEY", ""),
        signed=without_signature(query) + without_signature(body),
        ip=request.remote or "",
    )


def _written(answer: Answer) -> web.Response:
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)


async def _apply_fault(request: web.Request, reply: Reply) -> web.StreamResponse:
    match reply.wire:
        case Wire.ANSWER:
            return _written(reply.answer)
        case Wire.EMPTY:
            return web.Response(status=200)
        case Wire.PAGE:
            return web.Response(status=reply.answer.status, text=str(reply.answer.body), content_type="text/html")
        case Wire.CUT:
            return await _cut(request, reply.answer)
        case Wire.RESET | Wire.NOTHING:
            _reset(request)
            return web.Response()


async def _cut(request: web.Request, answer: Answer) -> web.StreamResponse:
    body = json.dumps(answer.body).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    with contextlib.suppress(ConnectionError):  # the client has disconnected
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _reset(request: web.Request) -> None:
    """Ends the connection by RST. It may already be closed by the client."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    request.transport.abort()
