"""`/ws-api/v3`: the endpoints over a websocket, and the account's stream of its order and balance events."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import WSMsgType, web

from simex.access.limits import BANNED
from simex.api.fault_gateway import Arrival, FaultGateway, Reply, Wire
from simex.api.gateway import Gateway
from simex.protocol.call import Answer, Request
from simex.protocol.errors import ApiError, invalid
from simex.protocol.formats import Json
from simex.protocol.params import Params
from simex.streams.connection import Connection, framed
from simex.streams.session import Session
from simex.streams.user_stream import UserStream

_NOT_PARAMETERS = frozenset({"apiKey", "returnRateLimits"})  # common to all requests, no endpoint reads them
_VERSION = "v3/"  # may stand before a method


class WsApi:
    """Serves sockets: each answers requests in their order and carries the events of its subscriptions."""

    def __init__(
        self, gateway: Gateway, front: FaultGateway, user_stream: UserStream, clock_ms: Callable[[], int]
    ) -> None:
        self._gateway = gateway
        self._front = front
        self._suffering: set[asyncio.Task[None]] = set()
        self._user_stream = user_stream
        self._clock_ms = clock_ms
        self._sessions: set[Session] = set()

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serves one socket until it closes."""
        connection = await Connection.accepted(request)
        told = request.query.get("returnRateLimits") != "false"
        session = Session(connection, request.remote or "", self._clock_ms(), tells_limits=told)
        self._sessions.add(session)
        try:
            async for message in connection.socket:
                if message.type is WSMsgType.TEXT and self._take(session, message.data) == BANNED:
                    await connection.dismiss()
        finally:
            self._sessions.discard(session)
            self._user_stream.leave(session)
            await session.connection.close()
        return connection.socket

    async def flushed(self) -> None:
        """Waits until every client's socket has everything published so far."""
        for session in list(self._sessions):
            await session.connection.flushed()

    async def close(self) -> None:
        """Sends a goodbye on every socket and closes it."""
        goodbye: Json = {"event": {"e": "serverShutdown", "E": self._clock_ms()}}
        await asyncio.gather(*(_close(session.connection, goodbye) for session in self._sessions))

    def _take(self, session: Session, text: str) -> int:
        """Answers a message at once and returns the answer's status; 0 if a fault changes that."""
        request_id: object = None
        told = session.tells_limits
        try:
            asked = _read(text)
            request_id = _id(asked)
            params = _params(asked)
            told = _tells_limits(params, default=told)
            arrival = self._receive(session, str(asked.get("method")).removeprefix(_VERSION), params)
            if arrival.fault is not None:
                written = partial(_written, request_id, told)
                reply = self._front.suffer(arrival.fault, arrival)
                suffering = _send_later(session.connection, reply, written)
                self._suffering.add(task := asyncio.create_task(suffering))
                task.add_done_callback(self._suffering.discard)
                return 0
            answer = self._front.answer(arrival)
        except ApiError as error:
            answer = Answer(error.status, error.body)
        session.connection.send(_written(request_id, told, answer))
        return answer.status

    def _receive(self, session: Session, method: str, params: dict[str, str]) -> Arrival:
        endpoint = self._gateway.by_ws.get(method) or self._user_stream.endpoints(session).get(method)
        if endpoint is None:
            raise ApiError(-1020, f"This operation is not supported: {method!r} is not part of simex.")
        return self._front.receive(endpoint, _request(params, session.ip), "WS")


def _written(request_id: object, told: bool, answer: Answer) -> Json:  # noqa: FBT001  bound by partial
    limits = {"rateLimits": [each.json for each in answer.usage]} if told and answer.usage else {}
    body = answer.body
    if answer.wait is not None and isinstance(body, dict):
        body = {**body, "data": answer.wait.json}
    return {"id": request_id, "status": answer.status, "result" if answer.ok else "error": body, **limits}


async def _send_later(connection: Connection, awaited: Awaitable[Reply], written: Callable[[Answer], Json]) -> None:
    """Sends an answer as a fault changed it, as far as a websocket can: half an answer is a message of its own."""
    reply = await awaited
    match reply.wire:
        case Wire.ANSWER:
            connection.send(written(reply.answer))
        case Wire.EMPTY:
            connection.send_frames([framed("")])
        case Wire.PAGE:
            connection.send_frames([framed(str(reply.answer.body))])
        case Wire.CUT:
            text = json.dumps(written(reply.answer))
            connection.send_frames([framed(text[: len(text) // 2])])
        case Wire.RESET:
            connection.abort()
        case Wire.NOTHING:
            pass


async def _close(connection: Connection, goodbye: Json) -> None:
    connection.send(goodbye)
    await connection.flushed()
    await connection.close()


def _read(text: str) -> Json:
    try:
        asked = json.loads(text, parse_float=str)  # as it was written: the signature covers exactly these characters
    except (ValueError, RecursionError):  # ValueError: no JSON, or a number of more digits than Python reads
        asked = None
    if not isinstance(asked, dict):
        raise ApiError(-1135, "Invalid JSON Request")
    return asked


def _id(asked: Json) -> int | str | None:
    """The id that the answer will carry."""
    request_id = asked.get("id")
    if request_id is None or isinstance(request_id, int | str):
        return request_id
    raise invalid("id")


def _params(asked: Json) -> dict[str, str]:
    params = asked.get("params") or {}
    if not isinstance(params, dict):
        raise ApiError(-1135, "JSON sent for parameter 'params' is not valid")
    return {str(name): _text(value) for name, value in params.items()}


def _tells_limits(params: dict[str, str], *, default: bool) -> bool:
    match params.get("returnRateLimits"):
        case None:
            return default
        case "true" | "false" as told:
            return told == "true"
        case _:
            raise invalid("returnRateLimits")


def _request(params: dict[str, str], ip: str) -> Request:
    """Binance signs a websocket request's parameters sorted by name."""
    signed = "&".join(f"{name}={value}" for name, value in sorted(params.items()) if name != "signature")
    signed = signed.encode("utf-8", "replace").decode()  # half a surrogate pair is valid JSON but not UTF-8
    read = {name: value for name, value in params.items() if name not in _NOT_PARAMETERS}
    return Request(Params(read), params.get("apiKey", ""), signed, ip)


def _text(value: object) -> str:
    """A JSON value as it would stand in a query string. null is empty; no endpoint reads nested values."""
    match value:
        case None:
            return ""
        case str():
            return value
        case list() if all(isinstance(each, str) for each in value):
            return json.dumps(value, separators=(",", ":"))
        case bool() | int():
            return json.dumps(value)
        case _:
            raise ApiError(-1135, "JSON sent for parameter 'params' is not valid")
