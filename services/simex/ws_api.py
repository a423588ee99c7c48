"""`/ws-api/v3`: the endpoints over a websocket, and the account's stream of what happens to its orders and balances."""

import asyncio
import json

from aiohttp import WSMsgType, web

from simex.connection import Connection
from simex.errors import ApiError
from simex.gateway import Answer, Gateway, Request
from simex.params import Params
from simex.payloads import Json
from simex.public_streams import CLOSE_SECONDS, HEARTBEAT_SECONDS
from simex.user_stream import Session, UserStream


class WsApi:
    """One socket after another: each answers requests in their order, and carries the events it has subscribed to."""

    def __init__(self, gateway: Gateway, user_stream: UserStream) -> None:
        self._gateway = gateway
        self._user_stream = user_stream
        self._sessions: set[Session] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serves one socket until it closes."""
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS, timeout=CLOSE_SECONDS)
        await socket.prepare(request)
        session = Session(Connection(socket), request.remote or "")
        self._sessions.add(session)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    session.connection.send(self._answer(session, message.data))
        finally:
            self._sessions.discard(session)
            self._user_stream.leave(session)
            await session.connection.close()
        return socket

    async def flushed(self) -> None:
        """Returns once every client's socket has what was published so far."""
        for session in list(self._sessions):
            await session.connection.flushed()

    async def close(self) -> None:
        """Closes every socket."""
        await asyncio.gather(*(session.connection.close() for session in self._sessions))

    def _answer(self, session: Session, text: str) -> Json:
        request_id: object = None
        try:
            asked = _read(text)
            request_id = asked.get("id")
            answer = self._run(session, asked)
        except ApiError as error:
            answer = Answer(error.status, error.body)
        return {"id": request_id, "status": answer.status, "result" if answer.ok else "error": answer.body}

    def _run(self, session: Session, asked: Json) -> Answer:
        method = str(asked.get("method"))
        request = _request(asked.get("params") or {}, session.ip)
        endpoint = self._gateway.by_ws.get(method) or self._user_stream.endpoints(session).get(method)
        if endpoint is None:
            raise ApiError(-1020, f"This operation is not supported: {method!r} is not part of simex.")
        return self._gateway.answer(endpoint, request)


def _read(text: str) -> Json:
    try:
        asked = json.loads(text)
    except json.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise ApiError(-1135, "Invalid JSON Request.")
    return asked


def _request(params: object, ip: str) -> Request:
    """Binance signs a websocket request's parameters sorted by name."""
    if not isinstance(params, dict):
        raise ApiError(-1100, "Illegal characters found in parameter 'params'.")
    values = {str(name): _text(value) for name, value in params.items()}
    signed = "&".join(f"{name}={value}" for name, value in sorted(values.items()) if name != "signature")
    return Request(Params(values), values.get("apiKey", ""), signed, ip)


def _text(value: object) -> str:
    """A JSON value as it would stand in a query."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
